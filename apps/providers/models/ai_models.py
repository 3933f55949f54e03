"""The models that providers serve, and those that a server was told to fetch."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.common.models import PERCENT, CheckedJSON, Row
from apps.common.said_columns import SaidText
from apps.providers.contract import ACCEPTS, CAPABILITIES, TIERS, DownloadProgress
from apps.providers.models.budgets import Budget
from apps.providers.models.providers import Provider

if TYPE_CHECKING:
    from apps.providers.models.calls import Breaker

STRINGS = {"type": "array", "items": {"type": "string", "enum": list(CAPABILITIES)}, "uniqueItems": True}
FIELD_NAMES = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
ACCEPTED = {"type": "object", "properties": dict(ACCEPTS), "additionalProperties": False}
REFUSALS = {
    "type": "object",
    "propertyNames": {"enum": list(ACCEPTS)},
    "additionalProperties": {
        "type": "object",
        "required": ["value", "at"],
        "properties": {"value": {}, "at": {"type": "string"}, "said": {"type": "string"}},
    },
}
PRICE = {"type": "string", "pattern": r"^\d{1,6}(\.\d{1,6})?$"}
PRICE_TIERS = {
    "type": "array",
    "items": {
        "type": "object",
        "required": ["above_tokens", "input", "output"],
        "properties": {
            "above_tokens": {"type": "integer", "minimum": 1},
            **dict.fromkeys(("input", "output", "cached", "cache_write", "cache_write_1h"), PRICE),
        },
        "additionalProperties": False,
    },
}
PRICE_BATCH = {
    "type": "object",
    "properties": dict.fromkeys(("input", "output", "cached", "cache_write"), PRICE),
    "dependentRequired": {name: ["input"] for name in ("output", "cached", "cache_write")},
    "additionalProperties": False,
}
PRICE_DIGITS: dict[str, Any] = {"null": True, "blank": True, "max_digits": 12, "decimal_places": 6}


class AIModelQuerySet(models.QuerySet["AIModel"]):
    def in_use(self) -> AIModelQuerySet:
        """Switched on, and so is their provider."""
        return self.filter(is_active=True, provider__status=Provider.Status.ACTIVE)

    def with_breakers(self) -> AIModelQuerySet:
        """Each with its provider and what has failed of both, in the same query."""
        return self.select_related("provider__breaker", "provider__key", "breaker")

    def with_budgets(self) -> AIModelQuerySet:
        """Each with `has_budgets`: whether its team has any budget in force, in the same query."""
        in_force = Budget.objects.filter(team=models.OuterRef("provider__team"), is_active=True)
        return self.annotate(has_budgets=models.Exists(in_force))


class AIModel(Row):
    """One model of one provider. Prices are US dollars for a million tokens; None means unknown, not free."""

    class State(models.TextChoices):
        UNKNOWN = "unknown", _("Unknown")
        AVAILABLE = "available", _("Available")
        LOADING = "loading", _("Loading")
        LOADED = "loaded", _("Loaded")
        FAILED = "failed", _("Failed")
        INACTIVE = "inactive", _("Gone from the provider")

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="models", verbose_name=_("provider"))
    key = models.CharField(_("key"), max_length=190)
    display_name = models.CharField(_("display name"), max_length=190, blank=True)
    family = models.CharField(
        _("family"), max_length=120, help_text=_("Models of one family count as the same AI: one never checks another's work.")
    )
    tier = models.CharField(_("tier"), max_length=10, choices=[(tier, tier) for tier in TIERS], default="fast")
    capabilities = CheckedJSON(_("capabilities"), default=list, schema=STRINGS)
    context_window = models.PositiveIntegerField(_("context window, tokens"), null=True, blank=True)
    quantization = models.CharField(_("quantization"), max_length=40, blank=True)
    size_bytes = models.BigIntegerField(_("size, bytes"), null=True, blank=True)
    price_input = models.DecimalField(
        _("input price per million tokens, US$"), null=True, blank=True, max_digits=12, decimal_places=6
    )
    price_output = models.DecimalField(
        _("output price per million tokens, US$"), null=True, blank=True, max_digits=12, decimal_places=6
    )
    price_cached = models.DecimalField(
        _("price of cached input per million tokens, US$"), null=True, blank=True, max_digits=12, decimal_places=6
    )
    price_cache_write = models.DecimalField(_("price of writing to the cache per million tokens, US$"), **PRICE_DIGITS)
    price_cache_write_1h = models.DecimalField(
        _("price of writing to the cache for an hour per million tokens, US$"), **PRICE_DIGITS
    )
    price_batch = CheckedJSON(_("prices in batches"), default=dict, blank=True, schema=PRICE_BATCH)
    price_tiers = CheckedJSON(_("prices by length of the prompt"), default=list, blank=True, schema=PRICE_TIERS)
    price_set_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        null=True,
        blank=True,
        editable=False,
        on_delete=models.SET_NULL,
        related_name="+",
        verbose_name=_("who set the prices"),
    )
    price_set_at = models.DateTimeField(_("when the prices were set by hand"), null=True, blank=True, editable=False)
    price_source = models.CharField(_("where the prices come from"), max_length=120, blank=True)
    is_practice = models.BooleanField(_("practice model"), default=False)
    is_active = models.BooleanField(_("in use"), default=True)
    skill = models.DecimalField(
        _("measured skill, 0-100"),
        null=True,
        blank=True,
        help_text=_("Measured before shipping; unknown for most models."),
        **PERCENT,
    )
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.UNKNOWN)
    last_error = SaidText(_("what its provider's list says is wrong with it"), blank=True)
    checked_at = models.DateTimeField(_("last seen"), null=True, blank=True)
    memory_bytes = models.BigIntegerField(_("memory it takes now, bytes"), null=True, blank=True)  # None: its server does not say
    vram_bytes = models.BigIntegerField(_("of it on the GPU, bytes"), null=True, blank=True)
    loaded_context = models.PositiveIntegerField(_("context it was loaded with, tokens"), null=True, blank=True)
    accepts = CheckedJSON(
        _("what it accepts, set by hand"),
        default=dict,
        blank=True,
        schema=ACCEPTED,
        help_text=_("Goes before what the product knows of the model and what the vendor refused."),
    )
    refusals = CheckedJSON(_("what its vendor refused"), default=dict, blank=True, editable=False, schema=REFUSALS)  # by flag
    human_edits = CheckedJSON(_("fields set by hand"), default=list, blank=True, schema=FIELD_NAMES)  # no sync changes them

    objects = AIModelQuerySet.as_manager()

    class Meta:
        db_table = "ai_models"
        verbose_name = _("model")
        verbose_name_plural = _("models")
        ordering = ["provider__priority", "provider__name", "key"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "key"], name="model_key_once_per_provider"),
            models.CheckConstraint(condition=models.Q(tier__in=TIERS), name="model_tier_known"),
        ]

    def __str__(self) -> str:
        return self.display_name or self.key

    @staticmethod
    def tier_rank(tier: str) -> int:
        """0 for the weakest tier."""
        return TIERS.index(tier)

    @property
    def is_chat(self) -> bool:
        return "chat" in self.capabilities

    @property
    def serves(self) -> tuple:
        """Equal for rows that are servers of one model: of one key, at providers of one balance group. Else it stands alone."""
        group = self.provider.balance_group
        return (self.provider.team_id, group, self.key) if group else (self.pk,)

    @property
    def breakers(self) -> list[Breaker]:
        """What calls have met: its own breaker and its provider's, where they have failed. No query after `with_breakers`."""
        found = (getattr(self, "breaker", None), getattr(self.provider, "breaker", None))
        return [breaker for breaker in found if breaker is not None]

    @property
    def is_resting(self) -> bool:
        """It is not asked now: a call, a load or its whole provider failed, or its provider's list says that it is broken."""
        return self.state == self.State.FAILED or any(breaker.is_resting for breaker in self.breakers)

    @property
    def shown_state(self) -> str:
        """Its state for people and programs: what rests has failed, whatever its server says of it."""
        return self.State.FAILED if self.is_resting else self.state

    @property
    def failed_until(self) -> datetime | None:
        """When a rest after failed calls ends."""
        return max((breaker.until for breaker in self.breakers if breaker.is_resting and breaker.until), default=None)

    @property
    def trouble(self) -> str:
        """Why it is not asked, or what its last call failed of; "" when all is well."""
        said = [breaker.message for breaker in sorted(self.breakers, key=lambda breaker: not breaker.is_resting)]
        return next(filter(None, said), self.last_error)


class ModelDownload(Row):
    """A model that a server was told to fetch, and how far that is. What the server does not say is None."""

    class Integrity(models.TextChoices):
        UNKNOWN = "", _("Not checked")
        WHOLE = "whole", _("Whole")
        UNPROVEN = "unproven", _("Cannot be told")
        DAMAGED = "damaged", _("Damaged")

    class State(models.TextChoices):
        DOWNLOADING = "downloading", _("Downloading")
        PAUSED = "paused", _("Paused")
        COMPLETED = "completed", _("Completed")
        FAILED = "failed", _("Failed")
        ALREADY_DOWNLOADED = "already_downloaded", _("There already")

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="downloads", verbose_name=_("provider"))
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    name = models.CharField(_("model"), max_length=500)
    quantization = models.CharField(_("quantization"), max_length=40, blank=True)
    job_id = models.CharField(_("number at the server"), max_length=200, blank=True)
    state = models.CharField(_("state"), max_length=20, choices=State.choices)
    downloaded_bytes = models.BigIntegerField(_("downloaded, bytes"), null=True, blank=True)
    total_bytes = models.BigIntegerField(_("size, bytes"), null=True, blank=True)
    bytes_per_second = models.FloatField(_("bytes per second"), null=True, blank=True)
    last_error = SaidText(_("last error"), blank=True)
    integrity = models.CharField(_("integrity"), max_length=10, choices=Integrity.choices, blank=True, default=Integrity.UNKNOWN)
    integrity_checks = CheckedJSON(_("what was compared"), default=list, blank=True, schema={"type": "array"})
    checked_at = models.DateTimeField(_("last asked"), null=True, blank=True)

    class Meta:
        db_table = "ai_model_downloads"
        verbose_name = _("download of a model")
        verbose_name_plural = _("downloads of models")
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return self.name

    @property
    def percent(self) -> float | None:
        return DownloadProgress("downloading", self.downloaded_bytes, self.total_bytes).percent
