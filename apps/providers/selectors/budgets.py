"""What people see of budgets: their own, or all of the team's for its admins."""

from __future__ import annotations

from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Case, DecimalField, IntegerField, OuterRef, QuerySet, Subquery, Sum, When
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.lookups import access_row
from apps.common.models import HUNDRED, MONEY
from apps.common.searching import with_words
from apps.providers import budget_words
from apps.providers.models import Budget, Reservation
from apps.providers.models.budgets import exact

_USD: DecimalField = DecimalField(**MONEY)


def budgets_visible(actor: Actor) -> QuerySet[Budget]:
    """The team's budgets for its admins, for others those that are theirs; each with its people and `held_usd`. One query.

    `held_usd` is what calls under way have set aside.
    """
    rows = Budget.objects.filter(team=actor.team)
    if not actor.can_manage:
        rows = rows.filter(person=actor.user)
    return rows.select_related("person", "owner").annotate(held_usd=_held())


def budgets_filtered(actor: Actor, *, search: str = "", scope: str = "") -> QuerySet[Budget]:
    """Those of the `scope` with the words in their name or their person's. By `place` what holds for all comes first."""
    place = Case(*(When(scope=one, then=number) for number, one in enumerate(Budget.Scope.values)), output_field=IntegerField())
    rows = budgets_visible(actor).annotate(place=place)
    rows = with_words(rows, search, "name", "person__name", "person__email")
    return rows.filter(scope=scope) if scope else rows


def access_budget(actor: Actor, public_id: UUID | str) -> Budget:
    """One budget that the actor may see, as `budgets_visible` gives it; NotFound otherwise."""
    return access_row(budgets_visible(actor), public_id, _("There is no such budget."))


def budget_state(actor: Actor, budget: Budget) -> dict[str, Any]:
    """How a budget stands in the day or month of now. For a row of `budgets_visible`; no query.

    `left_usd` is what a new call could still cost: what is set aside counts as gone. `percent` is the spent share, 0 to 100.
    """
    now = timezone.now()
    spent, held = budget.spent_by(now), exact(budget.held_usd)  # type: ignore[attr-defined]
    left = max(budget.limit_usd - spent - held, Decimal(0))
    is_spent = spent >= budget.limit_usd
    person = budget.person.short_name if budget.person else ""
    return {
        "title": budget_words.called(budget.scope, budget.period, name=budget.name, person=person),
        "whose": budget_words.whose(budget.scope, person=person),
        "spent_usd": spent,
        "held_usd": held,
        "left_usd": left,
        "percent": min(HUNDRED, spent * HUNDRED / budget.limit_usd) if budget.limit_usd else HUNDRED,
        "is_spent": is_spent,
        "is_nearly_spent": not is_spent and spent * HUNDRED >= budget.limit_usd * budget.alert_percent,
        "started_at": budget.started_at(now),
        "renews_at": budget.renews_at(now),
        "may_change": budget.may_be_changed_by(actor),
    }


def _held() -> Coalesce:
    """The sum of what the open reservations hold back from the budget of the row."""
    open_ones = Reservation.objects.filter(team=OuterRef("team"), settled_at=None, expires_at__gt=timezone.now())
    return Coalesce(
        Case(
            When(scope=Budget.Scope.TEAM, then=_sum(open_ones)),
            When(scope=Budget.Scope.PERSON, then=_sum(open_ones.filter(owner=OuterRef("person")))),
            When(scope=Budget.Scope.KEY, then=_sum(open_ones.filter(key_id=OuterRef("key_id")))),
        ),
        Decimal(0),
        output_field=_USD,
    )


def _sum(rows: QuerySet[Reservation]) -> Subquery:
    return Subquery(rows.order_by().values("team").annotate(total=Sum("left_usd")).values("total"), output_field=_USD)
