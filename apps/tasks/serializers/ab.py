"""A/B tests of strategies as JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from rest_framework import serializers

from apps.common.api import PublicSerializer
from apps.tasks.models import ABTest, Strategy
from apps.tasks.selectors.ab import MeasureResult, TestResult


class ABTestSerializer(PublicSerializer):
    """`minimum_sample`: prompts that each side needs, computed before the test began; `design` says from what."""

    class Meta:
        model = ABTest
        fields = (
            "id", "name", "strategy_a", "strategy_b", "share_percent", "measure", "minimum_sample", "design", "status",
            "stopped_at", "created_at",
        )  # fmt: skip
        read_only_fields = fields


class ABDesignAskedSerializer(serializers.Serializer):
    """What a test is to find. `effect`: points (confidence, escalations, thumbs), or percent of what is usual (cost, latency)."""

    measure = serializers.ChoiceField(choices=ABTest.Measure.choices)
    effect = serializers.FloatField(min_value=0, max_value=100)


class ABTestAskedSerializer(ABDesignAskedSerializer):
    name = serializers.CharField(max_length=120)
    strategy_a = serializers.ChoiceField(choices=Strategy.choices)
    strategy_b = serializers.ChoiceField(choices=Strategy.choices)
    share_percent = serializers.DecimalField(max_digits=5, decimal_places=2, min_value=0, max_value=100, default=Decimal(100))


class ABNameSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=120)


class ABDesignSerializer(serializers.Serializer):
    """How many prompts each side needs. `runs`: prompts that `base` and `spread` were measured on; 0: they are assumed."""

    minimum_sample = serializers.IntegerField()
    effect = serializers.FloatField()
    base = serializers.FloatField()
    spread = serializers.FloatField(allow_null=True)
    runs = serializers.IntegerField()


class ABMeasureSerializer(serializers.Serializer):
    """One measure on both sides; of what B has over A the interval of 95 %. Null: fewer than two values on a side."""

    measure = serializers.ChoiceField(choices=ABTest.Measure.choices)
    decides = serializers.BooleanField()
    count_a = serializers.IntegerField()
    count_b = serializers.IntegerField()
    a = serializers.FloatField(allow_null=True)
    b = serializers.FloatField(allow_null=True)
    difference = serializers.FloatField(allow_null=True)
    low = serializers.FloatField(allow_null=True)
    high = serializers.FloatField(allow_null=True)
    p = serializers.FloatField(allow_null=True)
    is_significant = serializers.BooleanField(allow_null=True)


class ABResultSerializer(serializers.Serializer):
    """`verdict` is `not_enough` until both sides have the sample that was said in advance, and rests on that sample alone."""

    verdict = serializers.ChoiceField(choices=("not_enough", "a", "b", "no_difference"))
    prompts_a = serializers.IntegerField()
    prompts_b = serializers.IntegerField()
    failed_a = serializers.IntegerField()
    failed_b = serializers.IntegerField()
    measures = ABMeasureSerializer(many=True)


class ABTestWithResultSerializer(PublicSerializer):
    result = serializers.SerializerMethodField()

    class Meta:
        model = ABTest
        fields = (*ABTestSerializer.Meta.fields, "result")
        read_only_fields = fields

    def get_result(self, test: ABTest) -> ABResultSerializer:
        return ABResultSerializer(shown_result(self.context["result"])).data  # type: ignore[return-value]


def shown_result(result: TestResult) -> dict[str, Any]:
    sides = {name: getattr(result, name) for name in ("verdict", "prompts_a", "prompts_b", "failed_a", "failed_b")}
    return {**sides, "measures": [_measure(one) for one in result.measures]}


def _measure(one: MeasureResult) -> dict[str, Any]:
    found = one.comparison
    names = ("a", "b", "difference", "low", "high", "p", "is_significant")
    figures = {name: None if found is None else getattr(found, name) for name in names}
    return {"measure": one.measure, "decides": one.is_deciding, "count_a": one.count_a, "count_b": one.count_b, **figures}
