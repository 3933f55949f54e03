"""Cuts an answer that says the same thing again and again, while it streams rather than after thousands of tokens."""

from __future__ import annotations

from apps.tasks.engine.errors import RunawayAnswer

WINDOW_CHARS = 6_000
LOOK_EVERY_CHARS = 400
SHORTEST_UNIT_CHARS = 12
TIMES = 6
WORDY_LETTERS = 4  # a unit with at least so many different letters says something; rulers, grids and empty cells do not
WORDY_RUN_CHARS = 720  # how much a repeated unit must fill; a song's chorus of "na na na" has few letters
OTHER_RUN_CHARS = 5_000  # a matrix of zeros or a row of dashes ends some time; a loop does not


class RunawayGuard:
    """Feed it text as it comes; raises RunawayAnswer when the end of the text is one unit again and again."""

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

    >>> repeated_unit("Start. " + "The sky is blue today. " * 40) is not None
    True
    """
    size = len(text)
    end, least = text[-SHORTEST_UNIT_CHARS:], size - SHORTEST_UNIT_CHARS - size // TIMES
    at = size - SHORTEST_UNIT_CHARS
    while (at := text.rfind(end, max(0, least), at + SHORTEST_UNIT_CHARS - 1)) >= 0:  # where the end stood before, nearest first
        length = size - SHORTEST_UNIT_CHARS - at
        unit = text[-length:]
        if length >= SHORTEST_UNIT_CHARS and text.endswith(unit * TIMES):
            times = max(TIMES, -(-_run_chars(unit) // length))
            if size >= length * times and text.endswith(unit * times):
                return unit
    return None


def _run_chars(unit: str) -> int:
    letters = {letter for letter in unit if letter.isalpha()}
    return WORDY_RUN_CHARS if len(letters) >= WORDY_LETTERS else OTHER_RUN_CHARS
