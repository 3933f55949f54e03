"""What of a budget is spent: counted call by call, and summed from the calls themselves when a new day or month begins."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db.models import QuerySet, Sum

from apps.providers.models import Budget, CreditUsage, Reservation
from apps.providers.models.budgets import exact

KEPT_FOR = timedelta(days=40)  # reservations that are over


def budgets_locked(keys: Sequence[int]) -> list[Budget]:
    """These rows as they are now, locked until the transaction ends; always in the same order, so that nobody waits crosswise."""
    return list(Budget.objects.select_for_update().filter(pk__in=keys).order_by("pk"))


def budget_enter_period(budget: Budget, now: datetime) -> bool:
    """Begin to count a new period if the one that a locked budget has counted is over. True: it was counted anew."""
    start = budget.started_at(now)
    if start <= budget.period_started_at:  # also when another machine's clock is ahead of ours
        return False
    budget_recount(budget, now)
    Reservation.objects.filter(team=budget.team_id, expires_at__lt=now - KEPT_FOR).delete()
    return True


def budget_recount(budget: Budget, now: datetime) -> None:
    """Sum what was spent in the period that `now` is in from the calls themselves, and forget that people were warned."""
    budget.period_started_at = budget.started_at(now)
    calls = calls_of(budget).filter(created_at__gte=budget.period_started_at)
    budget.spent_usd = exact(calls.aggregate(total=Sum("cost_usd"))["total"])
    budget.alerted_at = budget.refused_at = None
    budget.save(update_fields=["period_started_at", "spent_usd", "alerted_at", "refused_at", "updated_at"])


def calls_of(budget: Budget) -> QuerySet[CreditUsage]:
    """The calls that count against a budget, of all times."""
    calls = CreditUsage.objects.filter(team=budget.team_id)
    if budget.scope == Budget.Scope.PERSON:
        return calls.filter(owner=budget.person_id)
    return calls.filter(key_id=budget.key_id) if budget.scope == Budget.Scope.KEY else calls
