"""Money set aside before a call and counted after it, so that calls at the same moment cannot overspend together.

A call takes the locks of all budgets that it is counted against, in the order of their keys, before it reads what is left of
them; what others have set aside is summed from their open reservations, so that one whose process died stops counting by
itself when it expires.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from decimal import ROUND_UP, Decimal
from uuid import UUID, uuid4

from django.db import transaction
from django.db.models import F, Q, Sum
from django.db.models.functions import Coalesce, Greatest
from django.utils import timezone

from apps.common.db import again_after_deadlock
from apps.providers import budget_words
from apps.providers.errors import OverBudget, PriceUnknown
from apps.providers.models import Budget, CreditUsage, Reservation
from apps.providers.models.budgets import SMALLEST, exact
from apps.providers.services.budget_alerts import refusal_tell, spending_tell
from apps.providers.services.budget_periods import budget_enter_period, budgets_locked

LONGEST_CALL_S = 1_800.0  # longer than any call may take, its retries included
TRY_AGAIN_AFTER_S = 2.0  # where only calls under way are in the way


def budget_reserve(
    *,
    team_id: int,
    owner_id: int | None,
    key_id: UUID | None = None,
    amount_usd: Decimal | None,
    model_name: str,
    purpose: str,
    linked_execution: UUID | None = None,
    ttl_s: float = LONGEST_CALL_S,
    public_id: UUID | None = None,
) -> Reservation | None:
    """Set `amount_usd`, the most that is about to be spent, aside from every budget in force for this team, person and key.

    None where nothing needs to be set aside: the call is free, or no budget is in force (one query). `amount_usd` None says
    that the price is unknown. `public_id` makes a repeated write one reservation.

    Raises OverBudget, and PriceUnknown where a budget is in force. Nothing is set aside then; who calls this in a transaction
    of their own hands the OverBudget to `refusal_tell` once that is rolled back, so that people hear of it.
    """
    if amount_usd is not None and amount_usd <= 0:
        return None
    found = Budget.objects.in_force_for(team_id=team_id, owner_id=owner_id, key_id=key_id)
    keys = list(found.order_by().values_list("pk", flat=True))
    if not keys:
        return None
    if amount_usd is None:
        raise PriceUnknown(budget_words.price_unknown(model_name), model=model_name)
    wanted = Reservation(
        public_id=public_id or uuid4(),
        team_id=team_id,
        owner_id=owner_id,
        key_id=key_id,
        purpose=purpose,
        linked_execution=linked_execution,
        amount_usd=amount_usd.quantize(SMALLEST, ROUND_UP),
        expires_at=timezone.now() + timedelta(seconds=ttl_s),
    )
    wanted.left_usd = wanted.amount_usd
    try:
        return _set_aside(wanted, keys, is_repeatable=public_id is not None)
    except OverBudget as refused:
        if not transaction.get_connection().in_atomic_block:
            refusal_tell(refused)
        raise


def reservation_draw(reservation: Reservation, cost_usd: Decimal | None) -> None:
    """One of several calls made with this reservation has cost so much: only the rest stays set aside.

    That the cost counts as spent is `usage_record`'s part, which calls this.
    """
    cost = cost_usd or Decimal(0)
    Reservation.objects.filter(public_id=reservation.public_id).update(
        cost_usd=F("cost_usd") + cost, left_usd=Greatest(F("left_usd") - cost, Decimal(0)), updated_at=timezone.now()
    )


def reservation_settle(reservation: Reservation, cost_usd: Decimal | None) -> None:
    """The call is over and has cost so much: nothing stays set aside. That it counts as spent is `usage_record`'s part."""
    cost, now = cost_usd or Decimal(0), timezone.now()
    Reservation.objects.filter(public_id=reservation.public_id).update(
        cost_usd=F("cost_usd") + cost, left_usd=Decimal(0), settled_at=Coalesce("settled_at", now), updated_at=now
    )


def reservation_release(reservation: Reservation) -> None:
    """Nothing more will be spent with it."""
    reservation_settle(reservation, None)


def reservations_release(linked_execution: UUID) -> int:
    """Free whatever calls of this task or prompt have left behind; gives how many. For who knows that none is under way."""
    now = timezone.now()
    left_behind = Reservation.objects.filter(linked_execution=linked_execution, settled_at=None)
    return left_behind.update(left_usd=Decimal(0), settled_at=now, updated_at=now)


def usage_count(usage: CreditUsage) -> None:
    """Count what a call has cost against the budgets in force, in the transaction that stored `usage`. One query where none is.

    Whoever is to be warned is told, once in a period.
    """
    if not usage.cost_usd:
        return
    found = Budget.objects.in_force_for(team_id=usage.team_id, owner_id=usage.owner_id, key_id=usage.key_id)
    keys = list(found.order_by().values_list("pk", flat=True))
    if not keys:
        return
    now = timezone.now()
    for budget in budgets_locked(keys):
        is_counted = budget_enter_period(budget, now)  # what is counted anew has this call in it already
        if not is_counted and usage.created_at >= budget.period_started_at:
            budget.spent_usd += usage.cost_usd
            budget.save(update_fields=["spent_usd", "updated_at"])
        spending_tell(budget, now)


@again_after_deadlock
def _set_aside(wanted: Reservation, keys: list[int], *, is_repeatable: bool) -> Reservation:
    now = timezone.now()
    budgets = budgets_locked(keys)
    for budget in budgets:
        budget_enter_period(budget, now)
    held = _held_beside(wanted, now)
    refusing = [budget for budget in budgets if budget.spent_usd + held[budget.scope] + wanted.amount_usd > budget.limit_usd]
    if refusing:
        raise _refusal(refusing, wanted, held, now)
    if is_repeatable and (known := Reservation.objects.filter(public_id=wanted.public_id).first()):
        return known
    wanted.save(force_insert=True)
    return wanted


def _held_beside(wanted: Reservation, now: datetime) -> dict[str, Decimal]:
    """What all other calls under way have set aside, of the team, of this person, and of this key. One query."""
    others = Reservation.objects.filter(team=wanted.team_id, settled_at=None, expires_at__gt=now)
    sums = others.exclude(public_id=wanted.public_id).aggregate(
        team=Sum("left_usd"),
        person=Sum("left_usd", filter=Q(owner=wanted.owner_id)),
        key=Sum("left_usd", filter=Q(key_id=wanted.key_id)),
    )
    return {scope: exact(total) for scope, total in sums.items()}


def _refusal(refusing: list[Budget], wanted: Reservation, held: dict[str, Decimal], now: datetime) -> OverBudget:
    """What to say when several refuse: the one that will be in the way longest, for what it has spent before what is held."""

    def is_held(budget: Budget) -> bool:
        return budget.spent_usd + wanted.amount_usd <= budget.limit_usd

    budget = max(refusing, key=lambda one: (not is_held(one), one.renews_at(now)))
    about = {
        "id": str(budget.public_id),
        "name": budget.name,
        "scope": budget.scope,
        "person": budget.person.short_name if budget.person else "",
        "period": budget.period,
        "limit": str(budget.limit_usd),
        "left": str(max(budget.limit_usd - budget.spent_usd, Decimal(0))),
        "needed": str(wanted.amount_usd),
        "held": str(held[budget.scope]),
        "renews_at": budget.renews_at(now).isoformat(),
    }
    wait_s = TRY_AGAIN_AFTER_S if is_held(budget) else (budget.renews_at(now) - now).total_seconds()
    return OverBudget(
        budget_words.refusal(about),
        budget=about,
        is_held=is_held(budget),
        is_known=budget.refused_at is not None,
        retry_after_s=wait_s,
    )
