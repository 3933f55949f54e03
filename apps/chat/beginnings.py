"""Of many answers that are begun at once the first ones ask their models early, instead of all of them late.

What has to be read before a model is asked is read by one thread. Where a hundred answers take turns at it, all of them are
ready at the end; where a few do, each is ready when its own reading is done.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

AT_ONCE = 4
LONGEST_S = 0.5  # whoever waits for something else than the database goes on outside


class Beginnings:
    """Room for `AT_ONCE` answers between being taken up and asking their models, in the order in which they came."""

    def __init__(self) -> None:
        self._room = asyncio.Semaphore(AT_ONCE)

    @asynccontextmanager
    async def enter(self) -> AsyncIterator[Callable[[], None]]:
        """Gives what is to be called when the beginning is over. After `LONGEST_S`, and with the block, it is over anyway."""
        await self._room.acquire()
        leave = _once(self._room.release)
        timer = asyncio.get_running_loop().call_later(LONGEST_S, leave)
        try:
            yield leave
        finally:
            timer.cancel()
            leave()


def _once(fn: Callable[[], None]) -> Callable[[], None]:
    left = [fn]

    def call() -> None:
        if left:
            left.pop()()

    return call
