"""REST shapes of checking: how good it is, benchmarks of validators, rules of when it is done, thumbs."""

from __future__ import annotations

from rest_framework import serializers

from apps.tasks.models import CheckingSettings, ValidatorRun, VerifyingRule


class CheckingRateSerializer(serializers.Serializer):
    times = serializers.IntegerField()
    of = serializers.IntegerField(help_text="Known cases.")
    percent = serializers.FloatField(allow_null=True, help_text="Null: no case is known.")
    interval_95 = serializers.ListField(child=serializers.FloatField(), allow_null=True, help_text="Wilson's, in percent.")
    few = serializers.BooleanField(help_text="Fewer than 30 known cases.")


class PlantedSerializer(serializers.Serializer):
    checker = serializers.CharField()
    judge = serializers.CharField(allow_null=True, help_text="Null: the checker alone.")
    run = serializers.UUIDField()
    false_rejects = CheckingRateSerializer(help_text="Right answers that were refused.")
    false_accepts = CheckingRateSerializer(help_text="Faults that got through.")
    false_accepts_by_kind = serializers.DictField(child=CheckingRateSerializer())
    without_verdict = serializers.IntegerField()
    cost = serializers.CharField(allow_null=True)


class RealSerializer(serializers.Serializer):
    author = serializers.CharField(allow_null=True)
    checker = serializers.CharField(allow_null=True)
    verdicts = serializers.IntegerField()
    known = serializers.IntegerField(help_text="Verdicts of which it is known whether they were right.")
    known_by = serializers.DictField(child=serializers.IntegerField(), help_text="people, ruling, recovery.")
    was_right = CheckingRateSerializer()
    false_accepts = CheckingRateSerializer(help_text="Wrong answers among those that were accepted and are known.")
    false_rejects = CheckingRateSerializer(help_text="Right answers among those that were refused and are known.")


class CheckingQualitySerializer(serializers.Serializer):
    planted = PlantedSerializer(many=True)
    real = RealSerializer(many=True)
    real_in_all = RealSerializer()


class RunSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    status = serializers.CharField()
    status_label = serializers.CharField()
    cases = serializers.ChoiceField(choices=ValidatorRun.Cases.choices)
    questions = serializers.IntegerField()
    models = serializers.ListField(child=serializers.CharField())
    done = serializers.IntegerField()
    total = serializers.IntegerField()
    current = serializers.CharField()
    calls = serializers.IntegerField()
    estimate = serializers.CharField(allow_null=True, help_text="US dollars; null: a price is unknown.")
    cost = serializers.CharField(allow_null=True)
    error = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class RunNewSerializer(serializers.Serializer):
    models = serializers.ListField(child=serializers.CharField(), help_text="Public ids, one to five.")
    cases = serializers.ChoiceField(choices=ValidatorRun.Cases.choices, default=ValidatorRun.Cases.GENERAL)
    questions = serializers.IntegerField(default=30, min_value=1, help_text="Practice questions, where they are asked.")


class EstimateSerializer(serializers.Serializer):
    verdicts = serializers.IntegerField()
    calls = serializers.IntegerField()
    cost = serializers.CharField(allow_null=True, help_text="US dollars; null: a price is unknown.")


class VerifyingRuleSerializer(serializers.ModelSerializer):
    id = serializers.UUIDField(source="public_id", read_only=True)
    category = serializers.CharField(max_length=60, allow_blank=True, required=False, help_text="Empty: all that have no rule.")
    from_complexity = serializers.FloatField(required=False, min_value=0, max_value=100)
    sample_percent = serializers.FloatField(required=False, min_value=0, max_value=100)

    class Meta:
        model = VerifyingRule
        fields = ("id", "category", "when", "from_complexity", "from_priority", "sample_percent")
        validators: list = []  # the service says what is wrong, by field


class CheckingSettingsSerializer(serializers.Serializer):
    search = serializers.ChoiceField(choices=CheckingSettings.Search.choices, required=False)
    search_url = serializers.CharField(max_length=500, allow_blank=True, required=False)
    search_results = serializers.CharField(max_length=120, allow_blank=True, required=False)
    vectors = serializers.ChoiceField(choices=CheckingSettings.Vectors.choices, required=False)
    vectors_model = serializers.UUIDField(allow_null=True, required=False)
    vectors_folder = serializers.CharField(max_length=500, allow_blank=True, required=False)


class ResultThumbSerializer(serializers.Serializer):
    thumb = serializers.ChoiceField(choices=[1, -1], allow_null=True, help_text="1: good, -1: not good, null: taken back.")
