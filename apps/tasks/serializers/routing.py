"""The shapes of routed prompts, rules, metrics and the audit log in the API."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.common.api import PublicIdField, PublicSerializer
from apps.providers.selectors import access_model
from apps.providers.serializers.providers import ProviderStateSerializer
from apps.tasks.models import AuditLog, EscalationRule, RoutingSettings, Strategy, TaskExecution
from apps.tasks.models.routing import TIER_CHOICES
from apps.tasks.serializers.tasks import KnownFieldsSerializer, ModelReferenceSerializer

MOST_CHARS = 1_000_000
ROLES = ("system", "user", "assistant")


# ── In ────────────────────────────────────────────────────────────────────────────────────────────────────────────
class SaidSerializer(KnownFieldsSerializer):
    role = serializers.ChoiceField(choices=ROLES)
    content = serializers.CharField(max_length=MOST_CHARS, trim_whitespace=False)


@extend_schema_field(
    {
        "oneOf": [
            {"type": "string"},
            {
                "type": "array",
                "items": {
                    "type": "object",
                    "properties": {"role": {"type": "string", "enum": list(ROLES)}, "content": {"type": "string"}},
                    "required": ["role", "content"],
                },
            },
        ]
    }
)
class ContextField(serializers.Field):
    """What the question builds on: a text, or what was said before, as `[{"role", "content"}, …]`."""

    default_error_messages = {
        "invalid": _("The context is a text, or a list of messages with role and content."),
        "too_long": _("The context may have up to %d characters.") % MOST_CHARS,
    }

    def to_internal_value(self, data: Any) -> list[dict[str, str]]:
        if isinstance(data, str):
            if len(data) > MOST_CHARS:
                self.fail("too_long")
            return [{"role": "system", "content": data}] if data.strip() else []
        if not isinstance(data, list):
            self.fail("invalid")
        said = SaidSerializer(data=data, many=True)
        said.is_valid(raise_exception=True)
        if sum(len(one["content"]) for one in said.validated_data) > MOST_CHARS:
            self.fail("too_long")
        return [dict(one) for one in said.validated_data]

    def to_representation(self, value: Any) -> Any:
        return value


class ProcessSerializer(KnownFieldsSerializer):
    input = serializers.CharField(max_length=MOST_CHARS, help_text="What is asked, up to a million characters.")
    context = ContextField(  # type: ignore[assignment]  # of the prompt, not of this serializer
        required=False, help_text="A text that the answer is to build on, or earlier messages as [{role, content}]."
    )
    strategy = serializers.ChoiceField(required=False, choices=Strategy.choices, default=Strategy.AUTO)
    force_model = serializers.CharField(
        required=False, allow_blank=True, help_text="The id of a model, or provider/model: it is asked alone."
    )
    verify = serializers.BooleanField(
        required=False, default=False, help_text="Have another AI check the answer, and a third settle where they differ."
    )
    category = serializers.CharField(required=False, allow_blank=True, max_length=60, help_text="The type; else it is estimated.")
    use_cache = serializers.BooleanField(required=False, default=True, help_text="False: an answer given before will not do.")
    max_output_tokens = serializers.IntegerField(required=False, min_value=1, max_value=1_000_000)
    temperature = serializers.FloatField(required=False, min_value=0, max_value=2)


class EscalateSerializer(KnownFieldsSerializer):
    model = serializers.CharField(
        required=False, allow_blank=True, help_text="Whom to give it to, as in force_model; else the next stronger model."
    )


class ThumbSerializer(KnownFieldsSerializer):
    thumb = serializers.ChoiceField(choices=[1, -1], allow_null=True, help_text="1: good, -1: not good, null: taken back.")


class RuleSerializer(PublicSerializer):
    """Empty tiers and models mean: from any, to the next that is stronger."""

    from_tier = serializers.ChoiceField(required=False, allow_blank=True, choices=TIER_CHOICES)
    to_tier = serializers.ChoiceField(required=False, allow_blank=True, choices=TIER_CHOICES)
    from_model = PublicIdField(access=access_model, required=False, allow_null=True)
    to_model = PublicIdField(access=access_model, required=False, allow_null=True)
    category = serializers.CharField(required=False, allow_blank=True, max_length=60)

    class Meta:
        model = EscalationRule
        fields = (
            "id", "name", "trigger", "threshold", "from_tier", "to_tier", "from_model", "to_model", "category", "priority",
            "is_active", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("created_at", "updated_at")


class RoutingSettingsSerializer(serializers.ModelSerializer):
    bands = serializers.DictField(
        child=serializers.FloatField(min_value=0, max_value=100), allow_null=True, required=False,
        help_text="Up to which complexity each tier answers; null: as the product ships.",
    )  # fmt: skip

    class Meta:
        model = RoutingSettings
        fields = ("bands", "max_escalations", "max_cost_usd", "exploration")


# ── Out ───────────────────────────────────────────────────────────────────────────────────────────────────────────
class ExecutionCardSerializer(serializers.Serializer):
    """A routed prompt in brief."""

    task_id = serializers.UUIDField()
    status = serializers.ChoiceField(choices=TaskExecution.Status.choices)
    status_label = serializers.CharField()
    source = serializers.CharField()  # type: ignore[assignment]  # who sent it, not where a field comes from
    input = serializers.CharField()
    strategy = serializers.ChoiceField(choices=Strategy.choices)
    task_type = serializers.CharField()
    provider_name = serializers.CharField()
    model = serializers.CharField()
    complexity = serializers.FloatField(allow_null=True)
    confidence_score = serializers.FloatField(allow_null=True)
    divergence = serializers.FloatField(allow_null=True)
    verified = serializers.ChoiceField(choices=TaskExecution.Verified.choices)
    escalation_count = serializers.IntegerField()
    execution_time_ms = serializers.IntegerField(allow_null=True)
    first_token_ms = serializers.IntegerField(allow_null=True)
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost = serializers.CharField(allow_null=True, help_text="US dollars, checks included; null when a price is unknown.")
    cache = serializers.CharField(help_text="exact, semantic, or empty")
    thumb = serializers.IntegerField(allow_null=True)
    error_code = serializers.CharField()
    error = serializers.CharField()
    created_at = serializers.DateTimeField()
    finished_at = serializers.DateTimeField(allow_null=True)


class EscalationSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    to = serializers.CharField()
    trigger = serializers.CharField()
    trigger_label = serializers.CharField()
    rule = serializers.CharField()
    reason = serializers.CharField()
    previous_confidence = serializers.FloatField(allow_null=True)
    previous_output = serializers.CharField()
    cost = serializers.CharField(allow_null=True)
    created_at = serializers.DateTimeField()

    def get_fields(self) -> dict[str, serializers.Field]:
        fields = super().get_fields()
        return {"id": fields.pop("id"), "from": serializers.CharField(), **fields}  # a word that Python keeps for itself


class ExecutionCallSerializer(serializers.Serializer):
    provider = serializers.CharField()
    model = serializers.CharField()
    purpose = serializers.CharField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    is_estimated = serializers.BooleanField()
    cost = serializers.CharField(allow_null=True)
    latency_ms = serializers.IntegerField()
    first_token_ms = serializers.IntegerField(allow_null=True)
    error_code = serializers.CharField()
    created_at = serializers.DateTimeField()


class ExecutionSerializer(ExecutionCardSerializer):
    """A routed prompt with its answer and the whole route."""

    success = serializers.BooleanField()
    output = serializers.CharField()
    messages = serializers.ListField(child=serializers.DictField())
    request = serializers.DictField()
    initial_model = ModelReferenceSerializer(allow_null=True)
    current_model = ModelReferenceSerializer(allow_null=True)
    needs = serializers.DictField(allow_null=True, help_text="Complexity with the features that moved it, type, tier, tokens.")
    candidates = serializers.ListField(child=serializers.DictField(), help_text="Every model, and why it was not asked.")
    is_exploring = serializers.BooleanField()
    attempts = serializers.ListField(child=serializers.DictField(), help_text="Each answer with the signals of its confidence.")
    hallucination = serializers.DictField(
        allow_null=True,
        help_text="Score 0-100 of the answer, the part of each detector, spans in it, what was not at hand.",
    )
    tool_calls = serializers.ListField(child=serializers.DictField())
    finish_reason = serializers.CharField(allow_null=True)
    verification = serializers.DictField(allow_null=True, help_text="Who checked, what was found, who settled it.")
    why_not_verified = serializers.CharField()
    cached = serializers.DictField(allow_null=True)
    escalations = EscalationSerializer(many=True)
    calls = ExecutionCallSerializer(many=True)


class SavingsSerializer(serializers.Serializer):
    top_model = serializers.CharField()
    prompts = serializers.IntegerField(help_text="That were compared.")
    left_out = serializers.IntegerField(help_text="Answered, but of unknown cost or from the cache.")
    cost = serializers.CharField(allow_null=True)
    top_cost = serializers.CharField(allow_null=True)
    saved = serializers.CharField(allow_null=True)
    saved_percent = serializers.FloatField(allow_null=True)
    why_unknown = serializers.CharField(help_text="no_priced_model, nothing_to_compare, or empty")


class DayOfRoutingSerializer(serializers.Serializer):
    date = serializers.DateField()
    total = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    escalated = serializers.IntegerField()
    confidence = serializers.FloatField(allow_null=True)
    execution_time_ms = serializers.FloatField(allow_null=True)
    cost = serializers.CharField(allow_null=True)
    unpriced = serializers.IntegerField()


class GeneralRoutingSerializer(serializers.Serializer):
    total = serializers.IntegerField()
    completed = serializers.IntegerField()
    failed = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True)
    escalated = serializers.IntegerField()
    escalations = serializers.IntegerField()
    escalation_rate = serializers.FloatField(allow_null=True)
    verified = serializers.IntegerField()
    not_verified = serializers.IntegerField()
    from_cache = serializers.IntegerField()
    thumbs_up = serializers.IntegerField()
    thumbs_down = serializers.IntegerField()
    confidence = serializers.FloatField(allow_null=True)
    complexity = serializers.FloatField(allow_null=True)
    execution_time_ms = serializers.FloatField(allow_null=True)
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost = serializers.CharField(allow_null=True)
    unpriced = serializers.IntegerField()
    savings = SavingsSerializer()


class ProviderOfRoutingSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    provider_name = serializers.CharField()
    display_name = serializers.CharField()
    total = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()
    success_rate = serializers.FloatField(allow_null=True)
    execution_time_ms = serializers.FloatField(allow_null=True)
    confidence = serializers.FloatField(allow_null=True)
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost = serializers.CharField(allow_null=True)
    unpriced = serializers.IntegerField()


class RoutingMetricsSerializer(serializers.Serializer):
    days = serializers.IntegerField()
    general = GeneralRoutingSerializer()
    by_provider = ProviderOfRoutingSerializer(many=True)
    daily = DayOfRoutingSerializer(many=True)


class TodaySerializer(serializers.Serializer):
    total = serializers.IntegerField()
    succeeded = serializers.IntegerField()
    failed = serializers.IntegerField()


class RoutedProviderSerializer(ProviderStateSerializer):
    today = TodaySerializer()


class AuditEntrySerializer(serializers.Serializer):
    number = serializers.IntegerField()
    time = serializers.DateTimeField()
    category = serializers.ChoiceField(choices=AuditLog.Category.choices)
    category_label = serializers.CharField()
    actor = serializers.CharField()
    object_type = serializers.CharField()
    object_id = serializers.UUIDField(allow_null=True)
    data = serializers.DictField()  # type: ignore[assignment]  # what the entry is about
    previous_hash = serializers.CharField()
    hash = serializers.CharField()
