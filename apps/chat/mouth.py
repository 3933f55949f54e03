"""What the answers of one process say, passed on together: a turn on the wire costs more than the words in it."""

from __future__ import annotations

import asyncio

from apps.common.live import LiveMessage, publish_together

GATHER_S = 0.001  # pieces that came from providers in the same moment go together
TURN_EVERY_S = 0.004


class Mouth:
    """Of one event loop. What is said leaves within `TURN_EVERY_S`, in the order in which it was said."""

    def __init__(self) -> None:
        self._waiting: list[LiveMessage] = []
        self._timer: asyncio.TimerHandle | None = None
        self._spoke_at = 0.0  # by the clock of the loop

    def say(self, message: LiveMessage) -> None:
        self._waiting.append(message)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(max(loop.time() + GATHER_S, self._spoke_at + TURN_EVERY_S), self.pass_on)

    def pass_on(self) -> None:
        """All that was said until now, at once."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._waiting:
            said, self._waiting = self._waiting, []
            publish_together(said)
            self._spoke_at = asyncio.get_running_loop().time()
