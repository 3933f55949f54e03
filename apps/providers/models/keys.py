"""Keys of AI vendors, each of which may serve several providers."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from apps.common.encryption import EncryptedText
from apps.common.models import OwnedRow
from apps.common.said_columns import SaidText
from apps.providers.addresses import place_of

SHORTEST_SHOWN = 12  # of a shorter key four characters would say too much


class ProviderKey(OwnedRow):
    """A key, with the place it was given for: it is sent nowhere else. Never log, show or return `secret`."""

    name = models.CharField(_("name"), max_length=120)
    kind = models.CharField(_("kind"), max_length=30)
    base_url = models.CharField(_("address"), max_length=500, blank=True)  # "": where its kind's vendor answers
    allows_private_address = models.BooleanField(_("an admin allowed its private address"), default=False)
    secret = EncryptedText(_("key"))
    is_active = models.BooleanField(_("in use"), default=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    belongs_to_provider = models.BooleanField(_("was given on a provider's page"), default=False)  # and leaves with it
    last_tested_at = models.DateTimeField(_("last tested"), null=True, blank=True)
    last_test_ok = models.BooleanField(_("last test passed"), null=True, blank=True)
    last_test_message = SaidText(_("last test said"), blank=True)
    last_test_ms = models.PositiveIntegerField(_("last test took, ms"), null=True, blank=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)  # to the minute

    class Meta:
        db_table = "api_keys"
        verbose_name = _("key of an AI vendor")
        verbose_name_plural = _("keys of AI vendors")
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name

    @property
    def ending(self) -> str:
        """The last four characters, all that is ever shown; nothing of a short key."""
        return self.secret[-4:] if len(self.secret) >= SHORTEST_SHOWN else ""

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()

    def is_for(self, kind: str, base_url: str) -> bool:
        """Whether it was given for the place that this kind and address lead to."""
        return place_of(self.kind, self.base_url) == place_of(kind, base_url)

    @property
    def refusal(self) -> str:
        """Why it is not sent to anybody now, in words; "" when it may be."""
        if not self.is_active:
            return _now("The key “%s” is switched off.") % self.name
        if self.has_expired:
            return _now("The key “%s” has expired. Put a new one in its place.") % self.name
        return ""
