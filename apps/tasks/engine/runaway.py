"""Cuts an answer that says the same thing again and again, while it streams rather than after thousands of tokens."""

from __future__ import annotations

from apps.tasks.engine.errors import RunawayAnswer

WINDOW_CHARS = 6_000
LOOK_EVERY_CHARS = 400
SHORTEST_UNIT_CHARS = 12
TIMES = 6
LONGEST_RUN_CHARS = 240  # a repeated unit must fill at least this much; a row of dashes or a table ruler is no loop


class RunawayGuard:
    """Feed it text as it comes; raises RunawayAnswer when the end of the text is one unit repeated six times or more."""

    def __init__(self) -> None:
        self._tail = ""
        self._unseen = 0

    def feed(self, text: str) -> None:
        self._tail = (self._tail + text)[-WINDOW_CHARS:]
        self._unseen += len(text)
        if self._unseen < LOOK_EVERY_CHARS:
            return
        self._unseen = 0
        if unit := repeated_unit(self._tail):
            raise RunawayAnswer("the same text again and again", quote=unit.strip()[:200])


def repeated_unit(text: str) -> str | None:
    """The unit whose repetition fills the end of `text`, or None.

    >>> repeated_unit("Start. " + "The sky is blue today. " * 20) is not None
    True
    """
    for length in range(SHORTEST_UNIT_CHARS, len(text) // TIMES + 1):
        times = max(TIMES, -(-LONGEST_RUN_CHARS // length))
        if length * times > len(text):
            continue
        unit = text[-length:]
        if text[-2 * length : -length] == unit and len(set(unit.strip())) > 4 and text.endswith(unit * times):
            return unit
    return None
