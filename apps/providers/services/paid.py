"""A paid answer, for whoever streams it to people: set aside, asked, counted. Also when the reader leaves in the middle.

Not among the names of `apps.providers.services`: it stands above the door through which models are asked.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from apps.common.db import in_db
from apps.common.errors import OrquestradorError
from apps.providers.adapters.answer import estimated_usage
from apps.providers.calls import Calls, Switched, Waiting
from apps.providers.calls.servers import servers_of
from apps.providers.contract import ChatRequest, Completion, Delta
from apps.providers.errors import NoFreePlace, ProviderError, Resting
from apps.providers.models import AIModel, Reservation
from apps.providers.services.estimates import dearest_usd
from apps.providers.services.reservations import budget_reserve, reservation_release
from apps.providers.services.usage import usage_record

NOT_ASKED = (Resting, NoFreePlace)  # nobody was asked, so nothing is to be paid and no call to be kept


@dataclass(frozen=True, slots=True)
class Caller:
    """For whom a call is made: who pays, what for, and what it belongs to (a task, a routed prompt, a message)."""

    team_id: int
    owner_id: int | None
    purpose: str
    key_id: UUID | None = None
    linked_execution: UUID | None = None


async def paid_stream(
    calls: Calls,
    model: AIModel,
    request: ChatRequest,
    caller: Caller,
    *,
    fallbacks: Sequence[AIModel] = (),
    may_restart: bool = True,
    reservation: Reservation | None = None,
) -> AsyncGenerator[Delta | Completion | Switched | Waiting]:
    """What `calls.stream` gives. The most that it can cost is set aside before, and what it did cost is counted after.

    Each model that was asked has its row, with the words that were paid for, also when the answer broke off, or when who reads
    closes this generator or is cancelled. With `reservation`, of a ladder that the caller has set aside, it is drawn from that
    one, which stays open. Needs the models' providers loaded. Raises OverBudget and PriceUnknown before anything is asked, and
    what `calls.stream` raises.
    """
    own = None
    if reservation is None:
        own = reservation = await in_db(_set_aside, [model, *fallbacks], request, caller)
    meter = _Meter(model, request, caller, reservation, is_last=own is not None)
    try:
        async with aclosing(calls.stream(model, request, fallbacks=fallbacks, may_restart=may_restart)) as items:
            async for item in items:
                if isinstance(item, Completion):
                    await asyncio.shield(in_db(meter.answered, item))
                elif isinstance(item, Switched):
                    await asyncio.shield(in_db(meter.switched, item))
                elif isinstance(item, Delta):
                    meter.hear(item)
                yield item
    except ProviderError as error:
        await asyncio.shield(in_db(meter.failed, error))
        raise
    except OrquestradorError as error:  # thrown in by whoever reads: what was written is paid for, and the row says why it ended
        await asyncio.shield(in_db(meter.left, error.code))
        raise
    finally:
        if not meter.is_closed:
            await asyncio.shield(in_db(meter.left))


class _Meter:
    """What one answer takes: a row for each model that was asked, and the reservation settled with the last one."""

    def __init__(
        self, model: AIModel, request: ChatRequest, caller: Caller, reservation: Reservation | None, *, is_last: bool
    ) -> None:
        self.model, self.request, self.caller = model, request, caller
        self.reservation, self.is_last = reservation, is_last
        self.is_closed = False
        self._words: list[str] = []
        self._began = time.monotonic()

    def hear(self, delta: Delta) -> None:
        if delta.restarted:
            self._words.clear()
        self._words += [delta.text, delta.reasoning]

    def switched(self, item: Switched) -> None:
        if item.was_asked:
            self._record(item.from_model, item.partial, item.error_code, latency_ms=item.latency_ms, is_last=False)
        self.model = item.to_model
        self._words, self._began = [], time.monotonic()

    def answered(self, completion: Completion) -> None:
        self._close(completion, "")

    def failed(self, error: ProviderError) -> None:
        if isinstance(error, NOT_ASKED):
            self.is_closed = True
            if self.reservation is not None and self.is_last:
                reservation_release(self.reservation)
        else:
            self._close(error.extra.get("partial"), error.code)

    def left(self, error_code: str = "cancelled") -> None:
        """Whoever read went away: about what had come by then is paid for."""
        said = "".join(self._words)
        usage = estimated_usage(self.request, said)
        self._close(Completion(said, "unknown", usage, self.model.key, latency_ms=self._took_ms) if said else None, error_code)

    @property
    def _took_ms(self) -> int:
        return round((time.monotonic() - self._began) * 1000)

    def _close(self, completion: Completion | None, error_code: str) -> None:
        if self.is_closed:  # the reader left while the end was being written
            return
        self._record(self.model, completion, error_code, latency_ms=self._took_ms, is_last=self.is_last)
        self.is_closed = True

    def _record(self, model: AIModel, completion: Completion | None, error_code: str, *, latency_ms: int, is_last: bool) -> None:
        usage_record(
            team_id=self.caller.team_id,
            owner_id=self.caller.owner_id,
            key_id=self.caller.key_id,
            model=model,
            purpose=self.caller.purpose,
            completion=completion,
            error_code=error_code,
            linked_execution=self.caller.linked_execution,
            latency_ms=latency_ms,
            reservation=self.reservation,
            is_last=is_last,
        )


def _set_aside(models: Sequence[AIModel], request: ChatRequest, caller: Caller) -> Reservation | None:
    """For the model and every fallback, since one that broke off is paid for besides the one that took over."""
    costs = [dearest_usd(servers_of(model) if model.provider.balance_group else [model], request) for model in models]
    known = [cost for cost in costs if cost is not None]
    unknown = models[costs.index(None)] if None in costs else models[0]
    return budget_reserve(
        team_id=caller.team_id,
        owner_id=caller.owner_id,
        key_id=caller.key_id,
        amount_usd=sum(known, Decimal(0)) if len(known) == len(costs) else None,
        model_name=str(unknown),
        purpose=caller.purpose,
        linked_execution=caller.linked_execution,
    )
