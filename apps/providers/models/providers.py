"""Services that serve models."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext as _now
from django.utils.translation import gettext_lazy as _

from apps.common.models import CheckedJSON, OwnedRow
from apps.common.said_columns import SaidText
from apps.providers.contract import Connection
from apps.providers.errors import AuthenticationFailed
from apps.providers.models.keys import ProviderKey

LOCAL_KINDS = ("builtin", "lmstudio")


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
    key = models.ForeignKey(
        ProviderKey, null=True, blank=True, on_delete=models.SET_NULL, related_name="providers", verbose_name=_("key")
    )
    status = models.CharField(_("status"), max_length=12, choices=Status.choices, default=Status.ACTIVE)
    is_local = models.BooleanField(_("runs on our own machines"), default=False)
    allows_private_address = models.BooleanField(_("an admin allowed its private address"), default=False)
    priority = models.PositiveSmallIntegerField(_("priority"), default=100)
    balance_group = models.SlugField(
        _("balance group"),
        max_length=60,
        blank=True,
        default="",
        help_text=_("Providers of one group share the calls of the models that they have in common."),
    )
    weight = models.PositiveSmallIntegerField(
        _("weight"), default=1, help_text=_("In its group, a provider of weight 2 gets twice the calls of one of weight 1.")
    )
    max_concurrent = models.PositiveSmallIntegerField(
        _("calls at once"), null=True, blank=True, help_text=_("More calls wait for a free place. Empty: no limit.")
    )
    quirks = CheckedJSON(_("quirks"), default=dict, blank=True, schema={"type": "object"})
    last_checked_at = models.DateTimeField(_("last checked"), null=True, blank=True)
    last_check_ok = models.BooleanField(_("last check passed"), null=True, blank=True)
    last_check_message = SaidText(_("last check said"), blank=True)
    last_check_ms = models.PositiveIntegerField(_("last check took, ms"), null=True, blank=True)
    listed_at = models.DateTimeField(_("its models were listed"), null=True, blank=True)

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
    def api_key(self) -> str:
        """The key itself; "" without one. Never log, show or return it. Asynchronous code needs `key` loaded with the row."""
        return self.key.secret if self.key else ""

    @property
    def has_key(self) -> bool:
        return self.key_id is not None

    @property
    def key_ending(self) -> str:
        """The last four characters of the key, all that is ever shown."""
        return self.key.ending if self.key else ""

    @property
    def idle_timeout_s(self) -> float:
        """How long it may be silent in the middle of an answer."""
        return 600.0 if self.is_local else 120.0

    @property
    def connection(self) -> Connection:
        """Everything an adapter needs, with the key decrypted; never log or store it.

        Raises AuthenticationFailed where its key may not be used, or was given for another place.
        """
        if self.key:
            self._may_send(self.key)
        return Connection(
            kind=self.kind,
            base_url=self.base_url,
            api_key=self.api_key,
            name=self.name,
            allow_private=self.allows_private_address or self.is_builtin,
            idle_timeout_s=self.idle_timeout_s,
            total_timeout_s=1_500.0 if self.is_local else 600.0,
            quirks=self.quirks,
        )

    def _may_send(self, key: ProviderKey) -> None:
        if not key.is_for(self.kind, self.base_url):
            names = {"key": key, "provider": self}
            raise AuthenticationFailed(_now("The key “%(key)s” was given for another address than that of %(provider)s.") % names)
        if key.refusal:
            raise AuthenticationFailed(key.refusal)
