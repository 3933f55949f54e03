"""Getting in: which server of a model is asked, with a place there, and who of all processes tries one that had failed."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Callable, Collection
from dataclasses import dataclass
from typing import Any

from django.db import InterfaceError, OperationalError
from django.utils import timezone

from apps.common.db import in_db
from apps.common.said import gettext as _
from apps.providers.calls import places, servers
from apps.providers.calls.items import Waiting
from apps.providers.errors import NoFreePlace, Resting, Unreachable
from apps.providers.models import AIModel, Breaker
from apps.providers.services.breakers import breaker_give_back, breaker_try
from apps.providers.services.slots import needs_slot, slot_free, slot_take, slot_wait

log = logging.getLogger(__name__)

# A database that restarts is waited for: no call is lost because nobody could count it.
WAIT_FOR_DATABASE_S = 60.0
TRY_AGAIN_AFTER_S = 0.5


@dataclass(frozen=True, slots=True)
class Entry:
    """Leave to ask this server. `tried` are breakers that this call is to try; `others` how many more servers could be asked."""

    server: AIModel
    slot_id: int | None
    tried: tuple[int, ...]
    has_failed_before: bool
    others: int


async def enter(
    model: AIModel, passed_over: Collection[int], keeper: places.Keeper, *, wait_s: float
) -> AsyncGenerator[Waiting | Entry]:
    """Gives the Entry as its last item, after a Waiting if it has to wait. The caller leaves the place it was given.

    `passed_over` are servers, by their keys, that this call does not want. Raises Resting where nobody may be asked now, and
    NoFreePlace when none became free within `wait_s`.
    """
    give_up_at = time.monotonic() + wait_s
    waiting_id: int | None = None
    looks = 0
    try:
        while True:
            entry, full = await _patiently(_try_to_enter, model, frozenset(passed_over), waiting_id)
            if entry is not None:
                waiting_id = _held(entry, waiting_id, keeper)
                yield entry
                return
            if waiting_id is None:
                waiting_id = await in_db(slot_wait, full[0])
                keeper.hold(waiting_id)
                yield Waiting(model, wait_s)
            left_s = give_up_at - time.monotonic()
            if left_s <= 0:
                raise _no_place(model, wait_s)
            await places.doorbell.wait(min(places.pause_before_look(looks), left_s))
            looks += 1
    finally:
        if waiting_id is not None:
            keeper.let_go(waiting_id)
            await asyncio.shield(in_db(slot_free, [waiting_id]))


def _held(entry: Entry, waiting_id: int | None, keeper: places.Keeper) -> int | None:
    """The place is kept alive from now on. Gives the waiting row that is still to be removed, if any."""
    if entry.slot_id is not None:
        keeper.hold(entry.slot_id)
    return None if entry.slot_id == waiting_id else waiting_id


def _try_to_enter(model: AIModel, passed_over: frozenset[int], waiting_id: int | None) -> tuple[Entry | None, list[AIModel]]:
    """An entry; or None and the servers that may be asked and are full. Raises Resting when there is none of either."""
    known = servers.servers_of(model)
    if not known:
        raise Unreachable(_("The model %s was removed.") % model)
    wanted = [server for server in known if server.pk not in passed_over]
    may = [server for server in wanted if not any(breaker.is_resting for breaker in servers.held_back_by(server))]
    if not may:
        raise _resting(model, wanted or known)
    while may:
        slot_id, server = _place(may, waiting_id, is_counted=needs_slot(known))
        if server is None:
            return None, may
        held_back = servers.held_back_by(server)
        if not held_back or breaker_try(held_back, lease_s=server.provider.idle_timeout_s):
            if held_back:
                servers.forget(model)
            tried = tuple(breaker.pk for breaker in held_back)
            return Entry(server, slot_id, tried, bool(server.breakers), others=len(may) - 1), []
        if slot_id is not None:  # another process is just trying this one
            slot_free([slot_id])
            waiting_id = None if slot_id == waiting_id else waiting_id
        servers.forget(model)
        may = [other for other in may if other.pk != server.pk]
    raise _resting(model, wanted)


def _place(may: list[AIModel], waiting_id: int | None, *, is_counted: bool) -> tuple[int | None, AIModel | None]:
    if not is_counted:
        return None, may[0]
    place = slot_take(may, waiting_id=waiting_id)
    return (place.slot_id, place.server) if place else (None, None)


def _resting(model: AIModel, held: list[AIModel]) -> Resting:
    """Why nobody may be asked: the one that comes back first speaks for all."""
    breakers = [breaker for server in held for breaker in server.breakers if breaker.is_resting]
    if not breakers:
        return Resting(_("%s is just being tried again by another call.") % model, retry_after_s=TRY_AGAIN_AFTER_S)
    first = min(breakers, key=lambda breaker: breaker.until)  # type: ignore[arg-type, return-value]
    return Resting(
        _("%(model)s failed a short while ago and rests until %(time)s. It said: %(why)s")
        % {"model": model, "time": _clock(first), "why": first.message},
        retry_after_s=max(0.0, (first.until - timezone.now()).total_seconds()),  # type: ignore[operator]
        error_code=first.error_code,
    )


def _clock(breaker: Breaker) -> str:
    assert breaker.until is not None
    return f"{timezone.localtime(breaker.until):%H:%M:%S}"


def _no_place(model: AIModel, wait_s: float) -> NoFreePlace:
    return NoFreePlace(
        _("%(model)s has been as busy as it may be for %(seconds)g s. Ask again later, or allow its provider more calls at once.")
        % {"model": model, "seconds": wait_s}
    )


async def _patiently(fn: Callable[..., Any], *args: Any) -> Any:
    give_up_at = time.monotonic() + WAIT_FOR_DATABASE_S
    while True:
        try:
            return await in_db(fn, *args)
        except (OperationalError, InterfaceError) as error:
            if time.monotonic() > give_up_at:
                raise
            log.warning("the database did not say whether a model may be asked (%s); trying again", error)
            await asyncio.sleep(TRY_AGAIN_AFTER_S)


def give_back(entry: Entry) -> None:
    """The call ended without saying anything about the server."""
    if entry.tried:
        breaker_give_back(entry.tried)
