"""Accounts at AI vendors: what is left on them."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from apps.common.models import OwnedRow
from apps.common.said_columns import SaidText
from apps.providers.models.keys import ProviderKey

AMOUNT: dict[str, Any] = {"max_digits": 20, "decimal_places": 8}


class ExternalAccount(OwnedRow):
    """One account at a vendor, whose balance is asked for with a key of that vendor where the vendor tells it.

    `balance` and `credit_limit` are in `currency`, as the vendor or, where it tells nothing, a person said; None is unknown.
    """

    name = models.CharField(_("name"), max_length=120)
    vendor = models.CharField(_("vendor"), max_length=40)  # a preset's slug
    key = models.ForeignKey(
        ProviderKey, null=True, blank=True, on_delete=models.SET_NULL, related_name="accounts", verbose_name=_("key")
    )
    currency = models.CharField(_("currency"), max_length=3, default="USD")
    balance = models.DecimalField(_("balance"), null=True, blank=True, **AMOUNT)
    credit_limit = models.DecimalField(_("limit"), null=True, blank=True, **AMOUNT)
    spent = models.DecimalField(_("spent this month, as the vendor says"), null=True, blank=True, **AMOUNT)
    alert_below = models.DecimalField(_("warn below"), null=True, blank=True, **AMOUNT)
    alerted_at = models.DateTimeField(_("warned"), null=True, blank=True)  # once, until there is more again
    last_synced_at = models.DateTimeField(_("last asked"), null=True, blank=True)
    last_error = SaidText(_("last error"), blank=True)
    sync_after = models.DateTimeField(_("not asked again before"), null=True, blank=True)

    class Meta:
        db_table = "external_api_accounts"
        verbose_name = _("account at an AI vendor")
        verbose_name_plural = _("accounts at AI vendors")
        ordering = ["name", "pk"]
        constraints = [
            models.CheckConstraint(condition=Q(alert_below=None) | Q(alert_below__gte=0), name="account_alert_not_negative"),
        ]
        indexes = [models.Index(fields=["sync_after"], name="external_accounts_due")]

    def __str__(self) -> str:
        return self.name
