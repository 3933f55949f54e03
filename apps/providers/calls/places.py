"""Holding places, and waiting for one: bounded, without a database connection, woken by whoever leaves in this process."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import threading
from collections.abc import Collection

from django.db import Error as DatabaseTrouble

from apps.common.db import in_db
from apps.providers.services.slots import RENEW_EVERY_S, slot_free, slot_renew

log = logging.getLogger(__name__)

# How often a place that another process may have left is looked for. One that is left in this process is told of at once.
FIRST_LOOK_AFTER_S = 0.1
LONGEST_LOOK_AFTER_S = 1.0


class Doorbell:
    """Wakes those of this process who wait for a place, in whatever thread and event loop they wait."""

    def __init__(self) -> None:
        self._waiting: dict[asyncio.Event, asyncio.AbstractEventLoop] = {}
        self._guard = threading.Lock()

    async def wait(self, timeout_s: float) -> None:
        """Until it rings, or for so long."""
        event = asyncio.Event()
        with self._guard:
            self._waiting[event] = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                await event.wait()
        except TimeoutError:
            pass  # then it is time to look
        finally:
            with self._guard:
                self._waiting.pop(event, None)

    def ring(self) -> None:
        with self._guard:
            waiting = list(self._waiting.items())
        for event, loop in waiting:
            with contextlib.suppress(RuntimeError):  # a loop that has just ended waits for nothing
                loop.call_soon_threadsafe(event.set)


doorbell = Doorbell()


def pause_before_look(looks: int) -> float:
    """Seconds, longer with each look in vain, and never the same for all."""
    return min(FIRST_LOOK_AFTER_S * 2.0 ** min(looks, 10), LONGEST_LOOK_AFTER_S) * random.uniform(0.75, 1.0)


class Keeper:
    """Renews the places that one Calls holds or waits for, as long as there are any."""

    def __init__(self) -> None:
        self._held: set[int] = set()
        self._renewing: asyncio.Task[None] | None = None

    def hold(self, slot_id: int) -> None:
        self._held.add(slot_id)
        if self._renewing is None or self._renewing.done():
            self._renewing = asyncio.create_task(self._renew())

    def let_go(self, slot_id: int) -> None:
        self._held.discard(slot_id)

    async def aclose(self) -> None:
        """Give back what is still held."""
        if self._renewing is not None:
            self._renewing.cancel()
            await asyncio.gather(self._renewing, return_exceptions=True)
        held, self._held = self._held, set()
        if held:
            await in_db(leave, held)

    async def _renew(self) -> None:
        while True:
            await asyncio.sleep(RENEW_EVERY_S)
            if not self._held:
                return
            try:
                await in_db(slot_renew, list(self._held))
            except DatabaseTrouble as error:  # calls under way go on; what is not renewed in time is void, no more
                log.warning("places of calls could not be renewed (%s)", error)


def leave(slot_ids: Collection[int]) -> None:
    """Free places and wake who waits for one."""
    slot_free(slot_ids)
    doorbell.ring()
