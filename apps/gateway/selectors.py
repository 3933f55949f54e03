"""What people see of virtual keys: their own, or all of the team's for its admins. Never a key itself."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Count, DecimalField, OuterRef, Q, QuerySet, Subquery, Sum
from django.db.models.functions import Coalesce, Round
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.lookups import access_row
from apps.common.models import MONEY
from apps.common.searching import with_words
from apps.gateway.models import VirtualKey
from apps.providers.models import Budget, CreditUsage

SPENT_IN = timedelta(days=30)


def virtual_keys_visible(actor: Actor) -> QuerySet[VirtualKey]:
    """The team's keys for its admins, one's own for others. Each has `spent_usd` and `calls` of the last 30 days. One query."""
    rows = VirtualKey.objects.filter(team=actor.team)
    if not actor.can_manage:
        rows = rows.filter(owner=actor.user)
    since = timezone.now() - SPENT_IN
    used = CreditUsage.objects.filter(key_id=OuterRef("public_id"), created_at__gte=since).order_by().values("key_id")
    return rows.select_related("owner", "team").annotate(
        spent_usd=Subquery(used.annotate(total=Sum("cost_usd")).values("total"), output_field=DecimalField(**MONEY)),
        calls=Subquery(used.annotate(number=Count("pk")).values("number")),
    )


def access_virtual_key(actor: Actor, public_id: UUID | str) -> VirtualKey:
    """One key that the actor may see; NotFound otherwise."""
    return access_row(virtual_keys_visible(actor), public_id, _("There is no such key."))


def virtual_key_state(key: VirtualKey, budgets: dict[UUID, Budget]) -> dict[str, Any]:
    """How it stands. No query. `state` is "off", "expired" or "good"; `budget` is the one of its own, if it has one."""
    state = "off" if not key.is_active else "expired" if key.has_expired else "good"
    budget = budgets.get(key.public_id)
    return {
        "state": state,
        "spent_usd": key.spent_usd or Decimal(0),  # type: ignore[attr-defined]
        "calls": key.calls or 0,  # type: ignore[attr-defined]
        "budget": budget,
        "budget_spent_usd": budget.spent_by(timezone.now()) if budget else None,
        "budget_renews_at": budget.renews_at(timezone.now()) if budget else None,
    }


def budgets_by_key(team_id: int) -> dict[UUID, Budget]:
    """The oldest budget of each key of the team. One query."""
    rows = Budget.objects.filter(team=team_id, scope=Budget.Scope.KEY).order_by("-pk")
    return {row.key_id: row for row in rows if row.key_id}


def virtual_keys_filtered(actor: Actor, *, search: str = "", state: str = "") -> QuerySet[VirtualKey]:
    """Those with the words in their name or ending, in the `state` that `virtual_key_state` gives, with `spent_sum`."""
    rows = with_words(virtual_keys_visible(actor).annotate(spent_sum=_spent_sum()), search, "name", "ending")
    ended = Q(expires_at__lte=timezone.now())
    if state == "off":
        return rows.filter(is_active=False)
    if state == "expired":
        return rows.filter(ended, is_active=True)
    return rows.filter(Q(expires_at=None) | ~ended, is_active=True) if state == "good" else rows


def _spent_sum() -> Round:
    """Rounded: SQLite adds up doubles, and a cursor holds decimals."""
    return Round(Coalesce("spent_usd", Decimal(0), output_field=DecimalField(**MONEY)), precision=6)
