"""Making, changing and taking away budgets."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.accounts.models import Membership, User
from apps.common import live
from apps.common.errors import BadInput, NotAllowed, NotFound
from apps.common.restoring import must_be_of, rows_again
from apps.providers.models import Budget
from apps.providers.models.budgets import SMALLEST
from apps.providers.services.budget_periods import budget_recount

MOST_USD = Decimal("999999.99")
LIMITS_TOPIC = "limits:all"  # on which every process hears that keys or budgets changed


def budget_create(
    actor: Actor,
    *,
    scope: str,
    period: str,
    limit_usd: Decimal,
    person: User | None = None,
    key_id: UUID | None = None,
    name: str = "",
    alert_percent: int = 80,
    is_active: bool = True,
) -> Budget:
    """A budget for the team, a `person` in it, or a virtual key; what was spent in this day or month already counts.

    Admins set any; others one for themselves, or for a key of their own: of a key, `person` is whose it is, as the app that
    keeps the keys says. Raises NotAllowed and BadInput.
    """
    _check_scope(actor, scope, person, key_id)
    _must_be_allowed(actor, person if scope != Budget.Scope.TEAM else None)
    budget = Budget(
        owner=actor.user,
        team=actor.team,
        scope=scope,
        person=person,
        key_id=key_id,
        name=_name(name),
        period=_period(period),
        limit_usd=_limit(limit_usd),
        alert_percent=_percentage(alert_percent),
        is_active=is_active,
    )
    now = timezone.now()
    with transaction.atomic():
        budget.period_started_at = budget.started_at(now)
        budget.save()
        budget_recount(budget, now)
        limits_tell()
    return budget


def budget_update(actor: Actor, budget: Budget, **changes: Any) -> Budget:
    """Change `name`, `period`, `limit_usd`, `alert_percent` or `is_active`. For whom it is stays.

    People are warned again where the new limit calls for it. Raises NotAllowed and BadInput.
    """
    _must_change(actor, budget)
    with transaction.atomic():
        budget = _locked(budget)
        for field, value in changes.items():
            if field not in _CHECKED:
                raise BadInput(_("This cannot be changed. Delete the budget and make another."), field=field)
            setattr(budget, field, _CHECKED[field](value))
        budget.save()
        if changes.keys() - {"name"}:
            budget_recount(budget, timezone.now())  # while it was not in force nothing was counted
        limits_tell()
    return budget


def budget_delete(actor: Actor, budget: Budget) -> None:
    """Take it away: nothing is held back by it any more."""
    _must_change(actor, budget)
    budget.delete()
    limits_tell()


def budgets_restore(actor: Actor, budgets: list[Budget]) -> int:
    """Undo a deletion: what was spent meanwhile counts, too. Raises Conflict where what one is for is gone. Gives how many."""

    def before(budget: Budget) -> None:
        must_be_of(actor, budget)
        _must_change(actor, budget)

    with transaction.atomic():
        number = rows_again(budgets, before)
        for budget in budgets:
            budget_recount(budget, timezone.now())
        limits_tell()
    return number


def limits_tell() -> None:
    """Who keeps in mind what a key may do, or that a budget is in force, reads it anew once this transaction is committed."""
    transaction.on_commit(lambda: live.publish(LIMITS_TOPIC, live.type_of(LIMITS_TOPIC), {}))


def _must_change(actor: Actor, budget: Budget) -> None:
    if not budget.may_be_changed_by(actor):
        raise NotAllowed(_("Only admins, and whoever has set a budget for themselves, can change it."))


def _must_be_allowed(actor: Actor, person: User | None) -> None:
    actor.must_work()
    if person is None or person.pk != actor.user.pk:
        actor.must_manage()


def _check_scope(actor: Actor, scope: str, person: User | None, key_id: UUID | None) -> None:
    if scope not in Budget.Scope.values:
        raise BadInput(_("A budget is for the team, one person, or one virtual key."), field="scope")
    if scope == Budget.Scope.TEAM and person is not None:
        raise BadInput(_("A budget of the team is for nobody in particular."), field="person")
    if scope == Budget.Scope.PERSON and person is None:
        raise BadInput(_("Say whose budget it is."), field="person")
    if (scope == Budget.Scope.KEY) != (key_id is not None):
        raise BadInput(_("Say which virtual key it is for, and only for the budget of a key."), field="key_id")
    if person is not None and not Membership.objects.filter(team=actor.team, user=person).exists():
        raise BadInput(_("This person is not in the team."), field="person")


def _locked(budget: Budget) -> Budget:
    found = Budget.objects.select_for_update().filter(pk=budget.pk).first()
    if found is None:
        raise NotFound()
    return found


def _period(period: str) -> str:
    if period not in Budget.Period.values:
        raise BadInput(_("A budget is for a day or a month."), field="period")
    return period


def _limit(limit_usd: Decimal) -> Decimal:
    if not limit_usd.is_finite() or not 0 <= limit_usd <= MOST_USD:
        raise BadInput(_("The limit is between 0 and 999,999.99 US dollars; 0 lets only free models through."), field="limit_usd")
    return limit_usd.quantize(SMALLEST)


def _percentage(alert_percent: int) -> int:
    if not 1 <= alert_percent <= 100:
        raise BadInput(_("Warn at 1 to 100 % of the limit."), field="alert_percent")
    return alert_percent


def _name(name: str) -> str:
    return name.strip()[:120]


_CHECKED: dict[str, Callable[[Any], Any]] = {
    "name": _name,
    "period": _period,
    "limit_usd": _limit,
    "alert_percent": _percentage,
    "is_active": bool,
}
