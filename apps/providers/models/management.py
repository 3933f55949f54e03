"""What the management of models keeps: loads on their way, models that were found, and what a team set about them."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from apps.common.models import CheckedJSON, OwnedRow, Row
from apps.common.said_columns import SaidText
from apps.providers.models.ai_models import AIModel
from apps.providers.models.providers import Provider

GROUPS = ("external", "loaded", "not_loaded")  # of suggestions: at a vendor, local and in memory, local and not in memory
ORDER = {
    "type": "array",
    "items": {"type": "string", "enum": list(GROUPS)},
    "uniqueItems": True,
    "minItems": len(GROUPS),
    "maxItems": len(GROUPS),
}


class ModelLoad(OwnedRow):
    """One load of one model, worked off by whichever worker takes it up. A page may leave and come back to it."""

    class State(models.TextChoices):
        QUEUED = "queued", _("Waiting for a worker")
        LOADING = "loading", _("Loading")
        LOADED = "loaded", _("Loaded")
        FAILED = "failed", _("Failed")
        CANCELLED = "cancelled", _("Cancelled")

    model = models.ForeignKey(AIModel, on_delete=models.CASCADE, related_name="loads", verbose_name=_("model"))
    options = CheckedJSON(_("options"), default=dict, blank=True, schema={"type": "object"})
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.QUEUED)
    is_open = models.BooleanField(null=True, default=True)  # True, or NULL once it ended: one open load for each model
    is_unwanted = models.BooleanField(_("asked to stop"), default=False)
    progress = models.FloatField(_("progress, 0 to 1"), null=True, blank=True)  # None: the server does not say
    message = SaidText(_("what came of it"), blank=True)
    worker = models.CharField(_("worker"), max_length=80, blank=True)
    started_at = models.DateTimeField(_("started"), null=True, blank=True)
    alive_at = models.DateTimeField(_("last sign of its worker"), null=True, blank=True)
    finished_at = models.DateTimeField(_("ended"), null=True, blank=True)

    class Meta:
        db_table = "ai_model_loads"
        verbose_name = _("load of a model")
        verbose_name_plural = _("loads of models")
        ordering = ["-created_at"]
        constraints = [models.UniqueConstraint(fields=["model", "is_open"], name="model_one_open_load")]
        indexes = [models.Index(fields=["is_open", "alive_at"], name="model_loads_open")]

    def __str__(self) -> str:
        return f"{self.model} · {self.state}"

    @property
    def percent(self) -> int | None:
        return None if self.progress is None else round(100 * self.progress)

    @property
    def took_s(self) -> float | None:
        """How long it took, once it has ended."""
        return (self.finished_at - self.started_at).total_seconds() if self.finished_at and self.started_at else None


class ModelDiscovery(OwnedRow):
    """A model that a known provider, or a server at an address, was found to have without anybody having asked for it."""

    class State(models.TextChoices):
        NEW = "new", _("New")
        ACCEPTED = "accepted", _("Accepted")
        IGNORED = "ignored", _("Ignored")

    provider = models.ForeignKey(
        Provider, null=True, blank=True, on_delete=models.CASCADE, related_name="discoveries", verbose_name=_("provider")
    )
    address = models.CharField(_("address"), max_length=300, null=True, blank=True)  # noqa: DJ001 - NULL where there is a provider
    model_key = models.CharField(_("model"), max_length=190)
    details = CheckedJSON(_("details"), default=dict, blank=True, schema={"type": "object"})
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.NEW)
    found_at = models.DateTimeField(_("found"))
    seen_at = models.DateTimeField(_("last seen"))

    class Meta:
        db_table = "model_discovery"
        verbose_name = _("found model")
        verbose_name_plural = _("found models")
        ordering = ["-found_at", "model_key"]
        constraints = [
            models.UniqueConstraint(fields=["provider", "model_key"], name="found_once_at_a_provider"),
            models.UniqueConstraint(fields=["team", "address", "model_key"], name="found_once_at_an_address"),
            models.CheckConstraint(
                condition=models.Q(provider__isnull=True, address__isnull=False)
                | models.Q(provider__isnull=False, address__isnull=True),
                name="found_at_one_place",
            ),
        ]
        indexes = [models.Index(fields=["team", "state", "-found_at"], name="model_discovery_of_team")]

    def __str__(self) -> str:
        return self.model_key


def usual_order() -> list[str]:
    return list(GROUPS)


class ModelSettings(Row):
    """What a team set about the management of its models; a team without a row has the usual."""

    team = models.OneToOneField("accounts.Team", on_delete=models.CASCADE, related_name="+", verbose_name=_("team"))
    suggestion_order = CheckedJSON(_("order of suggestions"), default=usual_order, schema=ORDER)
    listing_fresh_s = models.PositiveIntegerField(_("how long a list of models is believed, seconds"), default=300)

    class Meta:
        db_table = "ai_model_settings"
        verbose_name = _("settings of models")
        verbose_name_plural = _("settings of models")

    def __str__(self) -> str:
        return str(self.team)
