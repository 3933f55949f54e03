"""What every call cost, and how good each model has proved to be."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.common.models import MONEY, CheckedJSON, Row
from apps.providers.models.ai_models import PRICE, AIModel

# US dollars for a million tokens of each kind, and above which length of the prompt they hold.
UNIT_PRICES = {
    "type": "object",
    "properties": {
        **dict.fromkeys(("input", "output", "cached", "cache_write", "cache_write_1h"), PRICE),
        "above_tokens": {"type": "integer"},
        "is_batch": {"type": "boolean"},
    },
    "additionalProperties": False,
}


SHORTEST_MEASURED_MS = 20  # a shorter time says more about buffers than about the model


def writing_speed(output_tokens: int | None, latency_ms: int | None, first_token_ms: int | None) -> float | None:
    """Tokens a second after the first one; None where nothing was counted, or all came as good as at once."""
    writing_ms = (latency_ms or 0) - (first_token_ms or 0)
    return output_tokens * 1000 / writing_ms if output_tokens and writing_ms >= SHORTEST_MEASURED_MS else None


class CreditUsage(Row):
    """One call of one AI: what it took and what it cost. Names are kept beside the key, so that history outlives models."""

    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    model = models.ForeignKey(AIModel, null=True, on_delete=models.SET_NULL, related_name="usage")
    key_id = models.UUIDField(null=True, blank=True, db_index=True)  # the gateway's virtual key it came by
    provider_name = models.CharField(max_length=120)
    model_key = models.CharField(max_length=190)
    purpose = models.CharField(max_length=20)  # plan, execute, validate, tie-break, chat, check
    linked_execution = models.UUIDField(null=True, blank=True, db_index=True)  # the task, or the routed prompt
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cached_tokens = models.PositiveIntegerField(default=0)
    reasoning_tokens = models.PositiveIntegerField(default=0)
    cache_write_tokens = models.PositiveIntegerField(default=0)  # of the input; those for an hour included
    cache_write_1h_tokens = models.PositiveIntegerField(default=0)
    is_estimated = models.BooleanField(default=False)
    cost_usd = models.DecimalField(null=True, blank=True, **MONEY)  # None: the price is unknown
    price_source = models.CharField(max_length=120, blank=True)  # as it was then, and with it the prices
    unit_prices = CheckedJSON(default=dict, blank=True, schema=UNIT_PRICES)
    latency_ms = models.PositiveIntegerField(default=0)
    first_token_ms = models.PositiveIntegerField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=1)
    error_code = models.CharField(max_length=40, blank=True)

    class Meta:
        db_table = "credit_usage"
        verbose_name = _("AI call")
        verbose_name_plural = _("AI calls")
        indexes = [
            models.Index(fields=["team", "created_at", "cost_usd", "error_code"], name="credit_usage_of_team"),
            models.Index(fields=["team", "model", "created_at"], name="credit_usage_by_model"),
            models.Index(fields=["team", "owner", "created_at"], name="credit_usage_by_person"),
            models.Index(fields=["model", "-created_at"], name="credit_usage_of_model"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} · {self.model_key}"

    @property
    def tokens_per_second(self) -> float | None:
        return writing_speed(self.output_tokens, self.latency_ms, self.first_token_ms)


class QualityMetric(Row):
    """How a model, or a specialized AI, has done in a category: kept up to date with every execution that is concluded."""

    model = models.ForeignKey(AIModel, null=True, on_delete=models.CASCADE, related_name="quality")
    specialized_ai = models.ForeignKey("SpecializedAI", null=True, on_delete=models.CASCADE, related_name="quality")
    category = models.CharField(max_length=60)
    executions = models.PositiveIntegerField(default=0)
    successes = models.PositiveIntegerField(default=0)
    validations = models.PositiveIntegerField(default=0)
    validation_score_sum = models.DecimalField(max_digits=16, decimal_places=2, default=Decimal(0))
    latency_ms_sum = models.BigIntegerField(default=0)
    tokens = models.BigIntegerField(default=0)
    cost_usd = models.DecimalField(default=Decimal(0), **MONEY)

    class Meta:
        db_table = "ai_quality_metrics"
        verbose_name = _("quality of a model")
        verbose_name_plural = _("quality of models")
        constraints = [
            models.UniqueConstraint(fields=["model", "category"], name="quality_once_per_model_and_category"),
            models.UniqueConstraint(fields=["specialized_ai", "category"], name="quality_once_per_specialized_ai_and_category"),
            models.CheckConstraint(
                condition=models.Q(model__isnull=True, specialized_ai__isnull=False)
                | models.Q(model__isnull=False, specialized_ai__isnull=True),
                name="quality_is_of_one_ai",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.model or self.specialized_ai} · {self.category}"

    @property
    def validation_score_mean(self) -> Decimal | None:
        return self.validation_score_sum / self.validations if self.validations else None

    @property
    def success_rate(self) -> Decimal | None:
        return Decimal(100 * self.successes) / self.executions if self.executions else None
