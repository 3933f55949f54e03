"""Money set aside for calls, exactly, without asking the database for each of them.

Where a budget is in force, a process sets a block aside as it would for one dear call, under the same locks, and gives
parts of it to its calls. What is spent is never more than what was set aside, so many processes together keep every budget
to the cent. A block is no larger than a twentieth of what is left, so near the end of a budget each call is set aside for
itself, and what other work could still spend is hardly less. One that is not used for a while is given back.
"""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.utils import timezone

from apps.common.db import in_db
from apps.gateway.admission import Admitted
from apps.providers.models import Budget, Reservation
from apps.providers.services import budget_reserve, reservation_release

BLOCK_CALLS = 64
MOST_BLOCK_CALLS = 4_096
LASTS_S = 2.0  # a block that is used up sooner is followed by one twice as large
LARGEST_SHARE = Decimal("0.05")  # of what is left of the tightest budget
IDLE_S = 10.0
LONGEST_USED_S = 300.0  # well before it expires
PURPOSE = "gateway"

_Whose = tuple[int, int, UUID]


class Block:
    """A reservation that several calls draw from."""

    __slots__ = ("_left", "is_retired", "made_at", "reservation", "under_way", "used_at")

    def __init__(self, reservation: Reservation) -> None:
        self.reservation = reservation
        self.is_retired = False
        self.under_way = 0  # calls that hold a part of it, until their rows are written
        self.made_at = self.used_at = time.monotonic()
        self._left = reservation.amount_usd

    def take(self, amount: Decimal) -> Hold | None:
        now = time.monotonic()
        if self.is_retired or amount > self._left or now - self.made_at > LONGEST_USED_S:
            return None
        self._left -= amount
        self.under_way += 1
        self.used_at = now
        return Hold(self, amount)

    def give_back(self, amount: Decimal) -> None:
        self._left += amount

    @property
    def is_idle(self) -> bool:
        return not self.under_way and (self.is_retired or time.monotonic() - self.used_at > IDLE_S)


@dataclass(slots=True)
class Hold:
    """What one call may cost at most."""

    block: Block
    amount: Decimal

    @property
    def reservation(self) -> Reservation:
        return self.block.reservation

    def settle(self, cost_usd: Decimal | None) -> None:
        """The call has cost so much; the rest may be given to another. Its row is yet to be written."""
        self.block.give_back(self.amount - (cost_usd or Decimal(0)))

    def written(self) -> None:
        self.block.under_way -= 1


class Holds:
    """The blocks of this process."""

    def __init__(self) -> None:
        self._current: dict[_Whose, Block] = {}
        self._old: list[Block] = []
        self._locks: dict[_Whose, asyncio.Lock] = {}
        self._calls: dict[_Whose, int] = {}  # for how many the next block is

    async def take(self, who: Admitted, amount: Decimal | None, *, model_name: str) -> Hold | None:
        """Set `amount` aside for a call; None where nothing needs to be. Raises OverBudget, and PriceUnknown for None."""
        if not who.has_budget or amount == 0:
            return None
        whose = (who.team_pk, who.owner_pk, who.key_id)
        if amount is not None and (hold := self._from_block(whose, amount)):
            return hold
        async with self._locks.setdefault(whose, asyncio.Lock()):
            if amount is not None and (hold := self._from_block(whose, amount)):
                return hold
            old = self._current.get(whose)
            reservation = await in_db(_reserve, whose, amount, model_name, self._calls_in_next(whose, old))
            if reservation is None:
                return None
            block = Block(reservation)
            if (old := self._current.pop(whose, None)) is not None:
                old.is_retired = True
                self._old.append(old)
            self._current[whose] = block
            return block.take(amount or Decimal(0))

    def to_release(self) -> list[Reservation]:
        """Blocks that nobody draws from any more; they are no longer ours."""
        idle = [(whose, block) for whose, block in self._current.items() if block.is_idle]
        for whose, block in idle:
            block.is_retired = True
            del self._current[whose]
            self._calls.pop(whose, None)
            if not self._locks[whose].locked():
                del self._locks[whose]
        done = [block for _whose, block in idle] + [block for block in self._old if block.is_idle]
        self._old = [block for block in self._old if not block.is_idle]
        return [block.reservation for block in done]

    @property
    def is_empty(self) -> bool:
        return not self._current and not self._old

    def _calls_in_next(self, whose: _Whose, old: Block | None) -> int:
        """As many as are made in a second or two, so that few of them wait for the database."""
        calls = self._calls.get(whose, BLOCK_CALLS)
        if old is not None and time.monotonic() - old.made_at < LASTS_S:
            calls = min(2 * calls, MOST_BLOCK_CALLS)
        self._calls[whose] = calls
        return calls

    def _from_block(self, whose: _Whose, amount: Decimal) -> Hold | None:
        block = self._current.get(whose)
        return block.take(amount) if block is not None else None


def release(reservations: list[Reservation]) -> None:
    for reservation in reservations:
        reservation_release(reservation)


def _reserve(whose: _Whose, amount: Decimal | None, model_name: str, calls: int) -> Reservation | None:
    """A block where the budgets are far from spent, else this one call's part."""
    team_id, owner_id, key_id = whose
    if amount is not None:
        share = _share(team_id, owner_id, key_id)
        if share is None:
            return None  # the last budget was taken away
        if share >= 2 * amount:
            amount = min(calls * amount, share)
    return budget_reserve(
        team_id=team_id, owner_id=owner_id, key_id=key_id, amount_usd=amount, model_name=model_name, purpose=PURPOSE
    )


def _share(team_id: int, owner_id: int, key_id: UUID) -> Decimal | None:
    """How large a block may be. Read without locks: only `budget_reserve` decides."""
    now = timezone.now()
    budgets = Budget.objects.in_force_for(team_id=team_id, owner_id=owner_id, key_id=key_id)
    left = [budget.limit_usd - budget.spent_by(now) for budget in budgets]
    return min(left) * LARGEST_SHARE if left else None
