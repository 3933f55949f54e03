"""Virtual keys: what programs sign in with at the gateway."""

from __future__ import annotations

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common.models import CheckedJSON, OwnedRow

NAMES = {"type": "array", "items": {"type": "string", "minLength": 1, "maxLength": 320}, "maxItems": 200}


class VirtualKey(OwnedRow):
    """A key that this installation gave out. Only its hash is kept: a copy of the table opens nothing.

    It acts for its owner in its team, and ends when that person may no longer work there. What it may spend says a Budget of
    the scope "key" whose `key_id` is this row's public id.
    """

    name = models.CharField(_("name"), max_length=120)
    key_hash = models.CharField(_("SHA-256 of the key"), max_length=64, unique=True, editable=False)
    ending = models.CharField(_("its last characters"), max_length=8, editable=False)
    allowed_models = CheckedJSON(_("models"), default=list, blank=True, schema=NAMES)  # empty: all of the team's
    fallbacks = CheckedJSON(_("models asked when the one that was wanted fails"), default=list, blank=True, schema=NAMES)
    requests_per_minute = models.PositiveIntegerField(_("requests a minute"), null=True, blank=True)
    tokens_per_minute = models.PositiveIntegerField(_("tokens a minute"), null=True, blank=True)
    expires_at = models.DateTimeField(_("expires"), null=True, blank=True)
    cuts_loops = models.BooleanField(_("cut answers that go round in circles"), default=True)  # of models asked for by name
    is_active = models.BooleanField(_("in use"), default=True)
    last_used_at = models.DateTimeField(_("last used"), null=True, blank=True)  # to the minute

    class Meta:
        db_table = "gateway_keys"
        verbose_name = _("virtual key")
        verbose_name_plural = _("virtual keys")
        ordering = ["name", "pk"]
        indexes = [models.Index(fields=["team", "owner"], name="gateway_keys_of_person")]

    def __str__(self) -> str:
        return self.name

    @property
    def has_expired(self) -> bool:
        return self.expires_at is not None and self.expires_at <= timezone.now()
