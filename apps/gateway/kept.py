"""What is read from the database and believed for a moment, so that a request asks nobody.

In the second half of that moment it is read anew beside the requests that use it, so that none of them waits for it; and however
many ask for the same at once, it is read once.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from apps.common.db import in_db

K = TypeVar("K", bound=Hashable)
V = TypeVar("V")


class Kept(Generic[K, V]):
    """`read` gives the value of a key, in a thread; it is believed for `fresh_s` seconds."""

    def __init__(self, read: Callable[[K], V], *, fresh_s: float, most: int = 10_000) -> None:
        self._read, self._fresh_s, self._most = read, fresh_s, most
        self._known: dict[K, tuple[float, V]] = {}
        self._reading: dict[K, asyncio.Task[V]] = {}

    async def get(self, key: K) -> V:
        """Raises what `read` raises, unless an older value may still be believed."""
        read_at, value = self._known.get(key, (0.0, None))
        age_s = time.monotonic() - read_at
        if value is not None and age_s <= self._fresh_s:
            if age_s > self._fresh_s / 2:
                self._begin_to_read(key)
            return value
        return await asyncio.shield(self._begin_to_read(key))

    def forget(self) -> None:
        """What is being read just now is not believed either."""
        self._known.clear()
        self._reading.clear()

    def _begin_to_read(self, key: K) -> asyncio.Task[V]:
        loop = asyncio.get_running_loop()
        reading = self._reading.get(key)
        if reading is None or reading.done() or reading.get_loop() is not loop:
            reading = self._reading[key] = loop.create_task(self._read_now(key))
            reading.add_done_callback(_heard)
        return reading

    async def _read_now(self, key: K) -> V:
        began, me = time.monotonic(), asyncio.current_task()
        try:
            value = await in_db(self._read, key)
            if self._reading.get(key) is me:  # nobody has said meanwhile that it changed
                if len(self._known) >= self._most:
                    self._known.clear()
                self._known[key] = (began, value)
            return value
        finally:
            if self._reading.get(key) is me:
                del self._reading[key]


def _heard(task: asyncio.Task[object]) -> None:
    """Whoever waits for it is told of an error; where nobody does, the next who asks reads again and is told then."""
    if not task.cancelled():
        task.exception()
