"""Specialized AIs: named roles with a system prompt of their own and the models that they would rather speak through."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from apps.common.models import CheckedJSON, OwnedRow
from apps.providers.models.ai_models import AIModel

CATEGORIES_SCHEMA = {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 60}, "uniqueItems": True}
PARAMETERS_SCHEMA = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "temperature": {"type": "number", "minimum": 0, "maximum": 2},
        "max_output_tokens": {"type": "integer", "minimum": 1, "maximum": 1_000_000},
    },
}


class SpecializedAI(OwnedRow):
    """How a model is to speak in one role of the orchestrator. Deleting hides it; the history of tasks keeps its name."""

    class Role(models.TextChoices):
        PLANNER = "planner", _("Planner")
        EXECUTOR = "executor", _("Author")
        VALIDATOR = "validator", _("Checker")
        TIE_BREAKER = "tie_breaker", _("Judge")

    name = models.CharField(_("name"), max_length=80)
    # The name in small letters; empty when deleted, so that the name is free again and the database still keeps it unique.
    name_in_use = models.CharField(max_length=80, null=True, editable=False)  # noqa: DJ001
    seed = models.CharField(max_length=30, null=True, editable=False)  # noqa: DJ001 - which of the shipped ones it began as
    role = models.CharField(_("role"), max_length=12, choices=Role.choices, default=Role.EXECUTOR)
    system_prompt = models.TextField(_("system prompt"))
    categories = CheckedJSON(_("categories"), default=list, blank=True, schema=CATEGORIES_SCHEMA)  # empty: all
    default_model = models.ForeignKey(
        AIModel, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("preferred model")
    )
    fallbacks: models.ManyToManyField = models.ManyToManyField(
        AIModel, through="SpecializedAIFallback", related_name="+", verbose_name=_("fallbacks"), blank=True
    )
    parameters = CheckedJSON(_("parameters"), default=dict, blank=True, schema=PARAMETERS_SCHEMA)
    is_active = models.BooleanField(_("in use"), default=True)
    deleted_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        db_table = "specialized_ais"
        verbose_name = _("specialized AI")
        verbose_name_plural = _("specialized AIs")
        ordering = ["name", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["team", "name_in_use"], name="specialized_ai_name_once_per_team"),
            models.UniqueConstraint(fields=["team", "seed"], name="specialized_ai_seed_once_per_team"),
            models.CheckConstraint(
                condition=Q(role__in=("planner", "executor", "validator", "tie_breaker")), name="specialized_ai_role_known"
            ),
        ]

    def __str__(self) -> str:
        """The name; a shipped one that nobody has renamed speaks the reader's language."""
        return gettext(self.name) if self.seed and self.name.lower() == self.seed else self.name

    @property
    def ordered_fallbacks(self) -> list[AIModel]:
        """The models to try after the preferred one, in order. Needs `links__model` prefetched to cost no query."""
        return [link.model for link in self.links.all()]

    @property
    def temperature(self) -> float | None:
        return self.parameters.get("temperature")

    @property
    def max_output_tokens(self) -> int | None:
        return self.parameters.get("max_output_tokens")

    def save(self, *args: Any, **kwargs: Any) -> None:
        self.name_in_use = None if self.deleted_at else self.name.lower()
        if kwargs.get("update_fields") is not None:
            kwargs["update_fields"] = {*kwargs["update_fields"], "name_in_use"}
        super().save(*args, **kwargs)


class SpecializedAIFallback(models.Model):
    """A model that a specialized AI speaks through when those before it cannot be asked."""

    specialized_ai = models.ForeignKey(SpecializedAI, on_delete=models.CASCADE, related_name="links")
    model = models.ForeignKey(AIModel, on_delete=models.CASCADE, related_name="+")
    position = models.PositiveSmallIntegerField()

    class Meta:
        db_table = "specialized_ai_fallbacks"
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["specialized_ai", "model"], name="fallback_once_per_specialized_ai")]

    def __str__(self) -> str:
        return f"{self.specialized_ai_id} → {self.model_id}"
