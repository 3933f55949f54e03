"""Providers, their models, what every call cost, and how good each model has proved to be."""

from __future__ import annotations

from decimal import Decimal

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common.encryption import EncryptedText
from apps.common.models import MONEY, PERCENT, CheckedJSON, OwnedRow, Row
from apps.providers.contract import CAPABILITIES, TIERS, Connection, DownloadProgress

LOCAL_KINDS = ("builtin", "lmstudio")
STRINGS = {"type": "array", "items": {"type": "string", "enum": list(CAPABILITIES)}, "uniqueItems": True}
FIELD_NAMES = {"type": "array", "items": {"type": "string"}, "uniqueItems": True}
LONG_PROMPT = {
    "type": ["object", "null"],
    "required": ["above_tokens", "input", "output"],
    "properties": {"above_tokens": {"type": "integer"}, "input": {"type": "string"}, "output": {"type": "string"}},
}


class Provider(OwnedRow):
    """A service that serves models, with its address and its key."""

    class Status(models.TextChoices):  # type: ignore[name-defined]  # the type checker sees the relation of that name
        ACTIVE = "active", _("Active")
        INACTIVE = "inactive", _("Switched off")
        MAINTENANCE = "maintenance", _("Maintenance")

    name = models.SlugField(_("name"), max_length=60)
    display_name = models.CharField(_("display name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=30)
    base_url = models.CharField(_("address"), max_length=500, blank=True)
    api_key = EncryptedText(_("key"), blank=True, default="")
    status = models.CharField(_("status"), max_length=12, choices=Status.choices, default=Status.ACTIVE)
    is_local = models.BooleanField(_("runs on our own machines"), default=False)
    allows_private_address = models.BooleanField(_("an admin allowed its private address"), default=False)
    priority = models.PositiveSmallIntegerField(_("priority"), default=100)
    quirks = CheckedJSON(_("quirks"), default=dict, blank=True, schema={"type": "object"})
    last_checked_at = models.DateTimeField(_("last checked"), null=True, blank=True)
    last_check_ok = models.BooleanField(_("last check passed"), null=True, blank=True)
    last_check_message = models.TextField(_("last check said"), blank=True)
    last_check_ms = models.PositiveIntegerField(_("last check took, ms"), null=True, blank=True)

    class Meta:
        db_table = "ai_providers"
        verbose_name = _("provider")
        verbose_name_plural = _("providers")
        ordering = ["priority", "name"]
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="provider_name_once_per_team")]

    def __str__(self) -> str:
        return self.display_name or self.name

    @property
    def is_active(self) -> bool:
        return self.status == self.Status.ACTIVE

    @property
    def is_builtin(self) -> bool:
        return self.kind == "builtin"

    @property
    def key_ending(self) -> str:
        """The last four characters of the key, all that is ever shown."""
        return self.api_key[-4:] if len(self.api_key) >= 12 else ""

    @property
    def connection(self) -> Connection:
        """Everything an adapter needs, with the key decrypted; never log or store it."""
        return Connection(
            kind=self.kind,
            base_url=self.base_url,
            api_key=self.api_key,
            name=self.name,
            allow_private=self.allows_private_address or self.is_builtin,
            idle_timeout_s=600.0 if self.is_local else 120.0,
            total_timeout_s=1_500.0 if self.is_local else 600.0,
            quirks=self.quirks,
        )


class AIModelQuerySet(models.QuerySet["AIModel"]):
    def in_use(self) -> AIModelQuerySet:
        """Switched on, and so is their provider."""
        return self.filter(is_active=True, provider__status=Provider.Status.ACTIVE)


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
    price_long_prompt = CheckedJSON(_("prices of long prompts"), null=True, blank=True, schema=LONG_PROMPT)
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
    last_error = models.TextField(_("last error"), blank=True)
    failed_until = models.DateTimeField(_("not tried again before"), null=True, blank=True)
    checked_at = models.DateTimeField(_("last seen"), null=True, blank=True)
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
    def is_resting(self) -> bool:
        """It failed, and is not tried again yet; without a time, not before a sync finds it mended."""
        if self.failed_until is None:
            return self.state == self.State.FAILED
        return self.failed_until > timezone.now()


class ModelDownload(Row):
    """A model that a server was told to fetch, and how far that is. What the server does not say is None."""

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
    last_error = models.TextField(_("last error"), blank=True)
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


class CreditUsage(Row):
    """One call of one AI: what it took and what it cost. Names are kept beside the key, so that history outlives models."""

    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="+")
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    model = models.ForeignKey(AIModel, null=True, on_delete=models.SET_NULL, related_name="usage")
    provider_name = models.CharField(max_length=120)
    model_key = models.CharField(max_length=190)
    purpose = models.CharField(max_length=20)  # plan, execute, validate, tie-break, chat, check
    linked_execution = models.UUIDField(null=True, blank=True, db_index=True)  # the task, or the routed prompt
    input_tokens = models.PositiveIntegerField(default=0)
    output_tokens = models.PositiveIntegerField(default=0)
    cached_tokens = models.PositiveIntegerField(default=0)
    reasoning_tokens = models.PositiveIntegerField(default=0)
    is_estimated = models.BooleanField(default=False)
    cost_usd = models.DecimalField(null=True, blank=True, **MONEY)  # None: the price is unknown
    latency_ms = models.PositiveIntegerField(default=0)
    first_token_ms = models.PositiveIntegerField(null=True, blank=True)
    attempts = models.PositiveSmallIntegerField(default=1)
    error_code = models.CharField(max_length=40, blank=True)

    class Meta:
        db_table = "credit_usage"
        verbose_name = _("AI call")
        verbose_name_plural = _("AI calls")
        indexes = [
            models.Index(fields=["team", "-created_at"], name="credit_usage_of_team"),
            models.Index(fields=["model", "-created_at"], name="credit_usage_of_model"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} · {self.model_key}"

    @property
    def tokens_per_second(self) -> float | None:
        generating_ms = self.latency_ms - (self.first_token_ms or 0)
        return self.output_tokens * 1000 / generating_ms if self.output_tokens and generating_ms > 0 else None


class QualityMetric(Row):
    """How a model has done in a category: kept up to date in the transaction that concludes each execution."""

    model = models.ForeignKey(AIModel, on_delete=models.CASCADE, related_name="quality")
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
        constraints = [models.UniqueConstraint(fields=["model", "category"], name="quality_once_per_model_and_category")]

    def __str__(self) -> str:
        return f"{self.model} · {self.category}"

    @property
    def validation_score_mean(self) -> Decimal | None:
        return self.validation_score_sum / self.validations if self.validations else None

    @property
    def success_rate(self) -> Decimal | None:
        return Decimal(100 * self.successes) / self.executions if self.executions else None
