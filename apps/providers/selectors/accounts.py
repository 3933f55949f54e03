"""What is known of accounts at vendors: what they tell, and what was recorded here."""

from __future__ import annotations

from datetime import UTC
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.lookups import access_row
from apps.common.searching import with_words
from apps.providers.balances import TELLS
from apps.providers.models import CreditUsage, ExternalAccount, Provider
from apps.providers.presets import choice_of, vendor_of, vendors_named


def accounts_visible(actor: Actor) -> QuerySet[ExternalAccount]:
    """The team's accounts, each with its key. One query."""
    return ExternalAccount.objects.filter(team=actor.team).select_related("key")


def accounts_filtered(actor: Actor, *, search: str = "", vendor: str = "") -> QuerySet[ExternalAccount]:
    """Those with the words in their name, at the vendor. One query."""
    rows = with_words(accounts_visible(actor), search, "name", "vendor")
    return rows.filter(vendor=vendor) if vendor else rows


def vendors_of_accounts(actor: Actor) -> list[tuple[str, str]]:
    """The vendors at which the team has accounts, and their names. One query."""
    found = ExternalAccount.objects.filter(team=actor.team).order_by().values_list("vendor", flat=True).distinct()
    return vendors_named(found)


def access_account(actor: Actor, public_id: UUID | str) -> ExternalAccount:
    """One account of the actor's team; NotFound otherwise."""
    return access_row(accounts_visible(actor), public_id, _("There is no such account."))


def spend_by_vendor(team_id: int) -> dict[str, Decimal]:
    """US dollars that were recorded here since the first of the month in UTC, as vendors count it, by vendor. Two queries.

    Calls of unknown price are not in it.
    """
    began = timezone.now().astimezone(UTC).replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    rows = CreditUsage.objects.filter(team=team_id, created_at__gte=began, model__isnull=False).order_by()
    spent = dict(rows.values_list("model__provider").annotate(usd=Sum("cost_usd")))
    by_vendor: dict[str, Decimal] = {}
    for provider in Provider.objects.filter(team=team_id):
        vendor = vendor_of(provider.kind, provider.base_url) or provider.kind
        by_vendor[vendor] = by_vendor.get(vendor, Decimal(0)) + (spent.get(provider.pk) or Decimal(0))
    return by_vendor


def left_of(account: ExternalAccount, recorded_usd: Decimal) -> Decimal | None:
    """What is left, in the account's currency: as the vendor says; else of the month's limit. None is unknown."""
    if account.balance is not None:
        return account.balance
    if account.credit_limit is None:
        return None
    return account.credit_limit - (recorded_usd if account.spent is None else account.spent)


def account_state(account: ExternalAccount, spend: dict[str, Decimal]) -> dict[str, Any]:
    """How it stands, with what `spend_by_vendor` gave. No query. `tells`: whether the vendor can be asked at all."""
    choice = choice_of(account.vendor)
    recorded = spend.get(account.vendor, Decimal(0))
    left = left_of(account, recorded)
    return {
        "vendor_name": choice.name if choice else account.vendor,
        "tells": account.vendor in TELLS,
        "recorded_usd": recorded,
        "left": left,
        "is_low": account.alert_below is not None and left is not None and left < account.alert_below,
    }
