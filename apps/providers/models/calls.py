"""What all processes know together about calls: who must not be asked just now, and how many are being asked."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common.said_columns import SaidText
from apps.providers.models.ai_models import AIModel
from apps.providers.models.providers import Provider


class Breaker(models.Model):
    """Whether a model, or a whole provider, is asked at all. There is a row only for what has failed; no row means closed.

    This is the one memory of failed calls: a model that failed rests here, with its reason and until when. A model's own
    `state` says something else, namely what its server last said of it (loaded, gone, a broken file).
    """

    class State(models.TextChoices):
        CLOSED = "closed", _("Asked")
        OPEN = "open", _("Resting")
        HALF_OPEN = "half_open", _("Being tried")

    provider = models.OneToOneField(Provider, null=True, blank=True, on_delete=models.CASCADE, related_name="breaker")
    model = models.OneToOneField(AIModel, null=True, blank=True, on_delete=models.CASCADE, related_name="breaker")
    state = models.CharField(_("state"), max_length=10, choices=State.choices, default=State.CLOSED)
    failures = models.PositiveSmallIntegerField(_("failures in a row"), default=0)
    trips = models.PositiveSmallIntegerField(_("rests in a row"), default=0)
    # Open: not asked before. Half-open: whoever tries it has until then, and is taken for dead afterwards.
    until = models.DateTimeField(_("until"), null=True, blank=True)
    error_code = models.CharField(_("error"), max_length=40, blank=True)
    message = SaidText(_("reason"), blank=True)
    failed_at = models.DateTimeField(_("last failure"), null=True, blank=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        db_table = "ai_breakers"
        verbose_name = _("breaker")
        verbose_name_plural = _("breakers")
        constraints = [
            models.CheckConstraint(
                condition=models.Q(provider__isnull=True) ^ models.Q(model__isnull=True), name="breaker_of_a_provider_or_a_model"
            )
        ]

    def __str__(self) -> str:
        return f"{self.provider or self.model}: {self.get_state_display()}"

    @property
    def is_resting(self) -> bool:
        """It failed and is not asked again yet, or somebody is just trying it."""
        return self.state != self.State.CLOSED and self.until is not None and self.until > timezone.now()

    @property
    def is_due(self) -> bool:
        """Its rest is over, and the next call will try whether it is well again."""
        return self.state != self.State.CLOSED and not self.is_resting


class CallSlot(models.Model):
    """A call that a provider is answering now, or that waits until the provider has room for it.

    Kept only where it matters: for providers with a limit, for those that share a model with others, and for local models,
    which must not be unloaded in mid-answer (`model`). Whoever holds a slot renews it; the slot of a process that was killed
    is void when it expires.
    """

    provider = models.ForeignKey(Provider, on_delete=models.CASCADE, related_name="slots")
    model = models.ForeignKey(AIModel, null=True, on_delete=models.CASCADE, related_name="slots")
    is_waiting = models.BooleanField(_("waiting"), default=False)
    expires_at = models.DateTimeField(_("void after"))
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        db_table = "ai_call_slots"
        verbose_name = _("call in flight")
        verbose_name_plural = _("calls in flight")
        indexes = [models.Index(fields=["provider", "expires_at"], name="call_slots_of_provider")]

    def __str__(self) -> str:
        return f"{self.provider} · {self.created_at:%H:%M:%S}"
