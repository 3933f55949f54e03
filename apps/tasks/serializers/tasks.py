"""The shapes of tasks in the API. What a value means is checked by the services; here only what kind of value it is."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from apps.tasks.fields import MOST_BUDGET_USD
from apps.tasks.models import Priority, SubtaskStatus, TaskStatus

PRIORITIES = [priority.name.lower() for priority in Priority]


# ── In ────────────────────────────────────────────────────────────────────────────────────────────────────────────
class KnownFieldsSerializer(serializers.Serializer):
    """A misspelt name is an error and not a setting that silently does nothing."""

    default_error_messages = {"unknown": _("There is no such field. There are: {known}.")}

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, dict) and (unknown := set(data) - set(self.fields)):
            known = ", ".join(self.fields)
            message = self.error_messages["unknown"].format(known=known)
            raise serializers.ValidationError({str(name): serializers.ErrorDetail(message, "unknown") for name in unknown})
        return super().to_internal_value(data)


class VerifyRuleSerializer(KnownFieldsSerializer):
    when = serializers.ChoiceField(
        required=False, choices=["always", "from_complexity", "from_priority", "sample"], help_text="Default always."
    )
    from_complexity = serializers.FloatField(required=False, min_value=0, max_value=100, help_text="Of the step (default 61).")
    from_priority = serializers.ChoiceField(required=False, choices=PRIORITIES, help_text="Of the task (default high).")
    sample_percent = serializers.FloatField(required=False, min_value=0, max_value=100, help_text="Of the steps (default 20).")


class PolicySerializer(KnownFieldsSerializer):
    cross_validate = serializers.BooleanField(required=False, help_text="Have another AI check steps at all (default true).")
    verify = VerifyRuleSerializer(required=False, help_text="Which steps are checked (default always).")
    verify_by_category = serializers.DictField(
        required=False, child=VerifyRuleSerializer(), help_text="Rules for steps of these categories, in small letters."
    )
    divergence_threshold = serializers.FloatField(
        required=False, min_value=0, max_value=100, help_text="Above it a third AI settles (default 20)."
    )
    confidence_threshold = serializers.FloatField(
        required=False, min_value=0, max_value=100, help_text="Below it a stronger AI tries (default 70)."
    )
    max_escalations = serializers.IntegerField(required=False, min_value=0, max_value=10)
    on_too_few_models = serializers.ChoiceField(required=False, choices=["ask", "continue"])


class CastSerializer(KnownFieldsSerializer):
    planner = serializers.UUIDField(required=False, allow_null=True)
    executor = serializers.UUIDField(required=False, allow_null=True)
    validator = serializers.UUIDField(required=False, allow_null=True)
    tie_breaker = serializers.UUIDField(required=False, allow_null=True)


class TaskChangesSerializer(serializers.Serializer):
    """What can be changed. The description only before the task is planned; of a completed task only the title."""

    description = serializers.CharField(
        required=False, allow_blank=True, help_text="What is to be done, up to 100,000 characters."
    )
    title = serializers.CharField(required=False, allow_blank=True)
    category = serializers.CharField(required=False, allow_blank=True, max_length=60)
    priority = serializers.ChoiceField(required=False, choices=PRIORITIES)
    budget = serializers.DecimalField(
        required=False, allow_null=True, max_digits=14, decimal_places=8, max_value=MOST_BUDGET_USD, help_text="US dollars."
    )
    deadline = serializers.DateTimeField(required=False, allow_null=True)
    policy = PolicySerializer(required=False)
    models = CastSerializer(required=False, help_text="Which model is to have which role; the rest is chosen.")


class NewTaskSerializer(TaskChangesSerializer):
    description = serializers.CharField(allow_blank=True, help_text="What is to be done, up to 100,000 characters.")
    start = serializers.BooleanField(required=False, default=True)
    approve_plan = serializers.BooleanField(required=False, default=False, help_text="Wait for a person before the plan runs.")


class ResumeSerializer(serializers.Serializer):
    policy = PolicySerializer(required=False, help_text="Changes, for instance on_too_few_models: continue.")


class PlannedSubtaskSerializer(serializers.Serializer):
    order = serializers.IntegerField(min_value=1, max_value=32_000)
    title = serializers.CharField(required=False, allow_blank=True)
    description = serializers.CharField(allow_blank=True)
    category = serializers.CharField(required=False, allow_blank=True)
    depends_on = serializers.ListField(child=serializers.IntegerField(), required=False, help_text="Orders of other steps.")
    acceptance_criteria = serializers.ListField(child=serializers.CharField(), required=False)


class PlanChangesSerializer(serializers.Serializer):
    subtasks = PlannedSubtaskSerializer(many=True)


class ApproveSerializer(serializers.Serializer):
    plan = PlanChangesSerializer(required=False, allow_null=True, help_text="The plan as it is to run; without it, as it stands.")


class SubtaskChangesSerializer(KnownFieldsSerializer):
    """A step of a plan that waits for approval."""

    title = serializers.CharField(required=False, allow_blank=True)
    description = serializers.CharField(required=False, allow_blank=True)
    category = serializers.CharField(required=False, allow_blank=True, max_length=60)
    order = serializers.IntegerField(required=False, min_value=1, max_value=32_000)
    acceptance_criteria = serializers.ListField(child=serializers.CharField(allow_blank=True), required=False)
    depends_on = serializers.ListField(child=serializers.UUIDField(), required=False, help_text="Ids of other steps of the task.")


class NewSubtaskSerializer(SubtaskChangesSerializer):
    task = serializers.UUIDField()
    description = serializers.CharField(allow_blank=True)


class RetrySerializer(serializers.Serializer):
    model = serializers.UUIDField(required=False, allow_null=True, help_text="The author to take; without it, the usual choice.")


# ── Out ───────────────────────────────────────────────────────────────────────────────────────────────────────────
class ModelReferenceSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    provider = serializers.CharField()
    model = serializers.CharField()
    label = serializers.CharField()  # type: ignore[assignment]  # of the model, not of this field


class VoiceReferenceSerializer(serializers.Serializer):
    """The specialized AI that a model spoke as."""

    id = serializers.UUIDField()
    name = serializers.CharField()


class TieBreakSerializer(serializers.Serializer):
    winner = serializers.CharField(help_text="executor, validator or neither")
    reason = serializers.CharField()


class CardSerializer(serializers.Serializer):
    """A task in brief."""

    id = serializers.UUIDField()
    title = serializers.CharField()
    status = serializers.ChoiceField(choices=TaskStatus.choices)
    status_label = serializers.CharField()
    is_started = serializers.BooleanField()
    progress = serializers.IntegerField(min_value=0, max_value=100)
    steps = serializers.IntegerField()
    steps_done = serializers.IntegerField()
    confidence = serializers.FloatField(allow_null=True)
    cost = serializers.CharField(allow_null=True, help_text="US dollars; null when the price is unknown.")
    cost_is_partial = serializers.BooleanField(help_text="Some calls have an unknown price and are not in it.")
    tokens = serializers.IntegerField()
    priority = serializers.ChoiceField(choices=PRIORITIES)
    category = serializers.CharField()
    error = serializers.CharField(allow_blank=True)
    error_code = serializers.CharField(allow_blank=True)
    is_sample = serializers.BooleanField()
    created_at = serializers.DateTimeField()
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class SubtaskSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    order = serializers.IntegerField()
    title = serializers.CharField()
    description = serializers.CharField()
    category = serializers.CharField()
    status = serializers.ChoiceField(choices=SubtaskStatus.choices)
    status_label = serializers.CharField()
    depends_on = serializers.ListField(child=serializers.UUIDField())
    acceptance_criteria = serializers.ListField(child=serializers.CharField())
    result = serializers.CharField(allow_blank=True)
    executor = ModelReferenceSerializer(allow_null=True)
    validator = ModelReferenceSerializer(allow_null=True)
    tie_breaker = ModelReferenceSerializer(allow_null=True)
    executor_as = VoiceReferenceSerializer(allow_null=True, help_text="The specialized AI that it spoke as; null: as itself.")
    validator_as = VoiceReferenceSerializer(allow_null=True)
    tie_breaker_as = VoiceReferenceSerializer(allow_null=True)
    divergence = serializers.FloatField(allow_null=True)
    divergence_parts = serializers.DictField()
    verdict = serializers.DictField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True)
    cross_validated = serializers.BooleanField(allow_null=True)
    tie_break = TieBreakSerializer(allow_null=True)
    suspect = serializers.BooleanField()
    escalations = serializers.IntegerField()
    attempts = serializers.IntegerField()
    round = serializers.IntegerField()
    cost = serializers.CharField(allow_null=True)
    cost_is_partial = serializers.BooleanField()
    tokens = serializers.IntegerField()
    error = serializers.CharField(allow_blank=True)
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)


class TaskSerializer(CardSerializer):
    description = serializers.CharField()
    result = serializers.CharField(allow_blank=True)
    policy = PolicySerializer()
    models = CastSerializer()
    approve_plan = serializers.BooleanField()
    plan = serializers.DictField(allow_null=True)
    budget = serializers.CharField(allow_null=True)
    deadline = serializers.DateTimeField(allow_null=True)
    time_left_s = serializers.IntegerField(allow_null=True, help_text="From how long this task's steps took so far.")
    subtasks = SubtaskSerializer(many=True)


class LogSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    level = serializers.CharField()
    event = serializers.CharField()
    message = serializers.CharField()
    data = serializers.DictField()  # type: ignore[assignment]  # what the entry is about
    task = serializers.UUIDField(allow_null=True)
    prompt = serializers.UUIDField(allow_null=True)
    model = serializers.CharField(allow_blank=True)
    subtask = serializers.UUIDField(allow_null=True)
    order = serializers.IntegerField(allow_null=True)
    request_id = serializers.CharField(allow_blank=True)
    created_at = serializers.DateTimeField()


class StepFiguresSerializer(serializers.Serializer):
    finished = serializers.IntegerField()
    cross_validated = serializers.IntegerField()
    settled_by_judge = serializers.IntegerField()
    escalated = serializers.IntegerField()
    suspect = serializers.IntegerField()


class StatsSerializer(serializers.Serializer):
    days = serializers.IntegerField()
    total = serializers.IntegerField()
    by_status = serializers.DictField(child=serializers.IntegerField())
    cost = serializers.CharField(allow_null=True)
    cost_is_partial = serializers.BooleanField()
    tokens = serializers.IntegerField()
    calls = serializers.IntegerField()
    steps = StepFiguresSerializer()
