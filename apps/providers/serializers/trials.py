"""Benchmarks and comparisons as JSON."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.providers.models import AnswerStatus, TrialStatus

MONEY: dict[str, Any] = {"max_digits": 20, "decimal_places": 8, "allow_null": True}


class TrialModelSerializer(serializers.Serializer):
    id = serializers.UUIDField(allow_null=True)
    provider = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # of the model, not of this field


class TrialSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=TrialStatus.choices)
    status_label = serializers.CharField()
    is_open = serializers.BooleanField()
    error = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    cost_usd = serializers.DecimalField(**MONEY, help_text="Null: the prices are unknown.")
    cost_is_partial = serializers.BooleanField(help_text="Some answers have an unknown price and are not in it.")


class TrialAnswerSerializer(serializers.Serializer):
    status = serializers.ChoiceField(choices=AnswerStatus.choices)
    status_label = serializers.CharField()
    text = serializers.CharField(allow_blank=True, required=False)
    first_token_ms = serializers.IntegerField(allow_null=True)
    latency_ms = serializers.IntegerField(allow_null=True)
    tokens_per_second = serializers.FloatField(allow_null=True, help_text="Null for answers too short to measure it.")
    input_tokens = serializers.IntegerField(allow_null=True)
    output_tokens = serializers.IntegerField(allow_null=True)
    is_estimated = serializers.BooleanField(help_text="Its server gives no counts; these are ours.")
    cost_usd = serializers.DecimalField(**MONEY)
    error = serializers.CharField(allow_blank=True)
    error_code = serializers.CharField(allow_blank=True)


class BenchmarkSerializer(TrialSerializer):
    model = TrialModelSerializer()
    rounds = serializers.IntegerField()
    questions_version = serializers.IntegerField()
    total = serializers.IntegerField()
    answered = serializers.IntegerField()
    failed = serializers.IntegerField()
    progress = serializers.IntegerField()
    correct = serializers.IntegerField()
    correct_share = serializers.FloatField(allow_null=True, help_text="0-100, of all questions whose turn came.")
    first_token_ms = serializers.IntegerField(allow_null=True, help_text="Median.")
    latency_ms = serializers.IntegerField(allow_null=True, help_text="Median.")
    tokens_per_second = serializers.FloatField(allow_null=True)
    speed_is_estimated = serializers.BooleanField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()


class BenchmarkAnswerSerializer(TrialAnswerSerializer):
    question = serializers.CharField()
    round = serializers.IntegerField()
    is_correct = serializers.BooleanField(allow_null=True)


class BenchmarkDetailSerializer(BenchmarkSerializer):
    answers = BenchmarkAnswerSerializer(many=True)


class NewBenchmarkSerializer(serializers.Serializer):
    rounds = serializers.IntegerField(required=False, default=3, min_value=1, max_value=10)


class ColumnSerializer(TrialAnswerSerializer):
    column = serializers.IntegerField()
    model = TrialModelSerializer()
    stars = serializers.IntegerField(allow_null=True)


class ComparisonSerializer(TrialSerializer):
    prompt = serializers.CharField()
    system = serializers.CharField(allow_blank=True)
    category = serializers.CharField()
    max_output_tokens = serializers.IntegerField()
    temperature = serializers.FloatField(allow_null=True)
    best = serializers.ListField(child=serializers.IntegerField(), help_text="The columns that got the most stars.")
    columns = ColumnSerializer(many=True)


class NewComparisonSerializer(serializers.Serializer):
    prompt = serializers.CharField(max_length=100_000)
    models = serializers.ListField(child=serializers.UUIDField(), min_length=2, max_length=6)
    system = serializers.CharField(max_length=100_000, required=False, allow_blank=True, default="")
    category = serializers.CharField(max_length=60, required=False, allow_blank=True, default="general")
    max_output_tokens = serializers.IntegerField(required=False, default=1_024, min_value=1, max_value=32_768)
    temperature = serializers.FloatField(required=False, allow_null=True, default=None, min_value=0, max_value=2)


class RateColumnSerializer(serializers.Serializer):
    column = serializers.IntegerField(min_value=1)
    stars = serializers.IntegerField(min_value=1, max_value=5)
    comment = serializers.CharField(max_length=2_000, required=False, allow_blank=True, default="")
