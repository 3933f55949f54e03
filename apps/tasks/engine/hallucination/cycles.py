"""Stretches that go round in words: the same each time, with a counter that goes up, or with a word changed here and there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import pairwise
from operator import eq
from typing import NamedTuple

from apps.tasks.engine.hallucination.text import CONTENT, FUNCTIONAL, NUMBER, Word

TIMES = 3
SENTENCE_WORDS = 3  # fewer different words make no sentence
_LONGEST_PERIOD = 80
_PAIRS = 2
_SHORTEST_LOOSE = 4
_LOOSE_WORDS = 1_500  # the last so many words are searched for what goes round with changes
_CYCLE_WORDS = 8  # a cycle fills at least so many words, or it is emphasis
_EMPHASIS_WORDS = 12  # the same for one or two words that go round
_LAUGHTER_LETTERS = 3  # "ha ha ha", "na na na" have fewer different ones
_NO_SPACES, _LONG_WORD = "\u0e00", 6  # scripts from here on write sentences without spaces: one long word says something
_COUNTED_WORDS, _COUNTED_TIMES = 5, 4  # beside a counter, to be a loop and not a plan
_COUNTER_DIGITS = 5
_MISS = 1.0  # a word that differs takes off as much as one that is the same adds
_SLOT = 0.5  # where no word stands oftener than that, something else is meant to stand each time


class Cycle(NamedTuple):
    begin: int
    end: int
    times: int

    @property
    def length(self) -> int:
        return self.end - self.begin


def longest_cycle(words: Sequence[Word], raw: str) -> Cycle | None:
    """The longest stretch that goes round three times or more."""
    texts = [word.text for word in words]
    if exact := _longest(texts, words, raw):
        return exact
    if any(map(_counts, words)):
        counted = _longest(["#" if _counts(word) else word.text for word in words], words, raw, is_counted=True)
        if counted:
            return counted
    return _changing(texts[-_LOOSE_WORDS:], max(0, len(texts) - _LOOSE_WORDS))


def says_something(key: Sequence[str]) -> bool:
    return len(set(key)) >= SENTENCE_WORDS or any(text >= _NO_SPACES and len(text) >= _LONG_WORD for text in key)


def _longest(sequence: list[str], words: Sequence[Word], raw: str, *, is_counted: bool = False) -> Cycle | None:
    best: Cycle | None = None
    for period in _periods(sequence):
        if sum(map(eq, sequence[period:], sequence)) < max(period * (TIMES - 1), _CYCLE_WORDS - period):
            continue
        length, end = _longest_match(sequence, period)
        found = Cycle(end - length - period, end, (length + period) // period)
        if found.length < max(period * TIMES, _CYCLE_WORDS) or (best and found.length <= best.length):
            continue
        stretch = words[found.begin : found.end]
        if _counts_up(stretch, period) if is_counted else _is_told(stretch, period, raw):
            best = found
    return best


def _periods(sequence: list[str]) -> list[int]:
    """How far behind two words in a row stand that stood there before; where something goes round, so do its pairs."""
    last: dict[tuple[str, str], int] = {}
    counts: Counter[int] = Counter()
    for place, pair in enumerate(pairwise(sequence)):
        counts[place - last.get(pair, place)] += 1
        last[pair] = place
    longest = min(_LONGEST_PERIOD, len(sequence) // TIMES)
    return sorted(period for period, count in counts.items() if 0 < period <= longest and count >= _PAIRS)


def _longest_match(sequence: list[str], period: int) -> tuple[int, int]:
    """The longest run of words that equal the one a period before, and where it ends."""
    longest = run = end = 0
    for place, (word, before) in enumerate(zip(sequence[period:], sequence, strict=False)):
        if word == before:
            run += 1
            if run > longest:
                longest, end = run, place + period + 1
        else:
            run = 0
    return longest, end


def _is_told(stretch: Sequence[Word], period: int, raw: str) -> bool:
    """Whether what goes round says something, and is neither emphasis, laughter, numbers, nor a form with empty fields."""
    unit = stretch[:period]
    texts = {word.text for word in unit}
    if all(word.kind == NUMBER for word in unit):
        return False
    if says_something(list(texts)):
        return any(word.kind != FUNCTIONAL for word in unit) or len(stretch) >= _EMPHASIS_WORDS
    is_laughter = all(word.kind == CONTENT for word in unit) and len(set("".join(texts))) < _LAUGHTER_LETTERS
    is_form = "\n" in raw[stretch[0].start : stretch[-1].end]
    return len(stretch) >= _EMPHASIS_WORDS and not is_laughter and not is_form


# ── counters ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _counts(word: Word) -> bool:
    return word.kind == NUMBER and word.stem.isdigit() and len(word.stem) <= _COUNTER_DIGITS


def _counts_up(stretch: Sequence[Word], period: int) -> bool:
    """Whether all but one number stays, and that one goes on in even steps: with more it is a table told in words.

    The first round may be what stood there before the counting began.
    """
    rounds = [stretch[at : at + period] for at in range(0, len(stretch) - period + 1, period)][1:]
    columns = [[word.stem for word in column] for column in zip(*rounds, strict=True)]
    changing = [[int(item) for item in column] for column in columns if len(set(column)) > 1]
    if len(rounds) < _COUNTED_TIMES - 1 or len(changing) != 1:
        return False
    steps = {after - before for before, after in pairwise(changing[0])}
    return len(steps) == 1 and sum(word.kind != NUMBER for word in rounds[0]) >= _COUNTED_WORDS


# ── changes here and there ────────────────────────────────────────────────────────────────────────────────────────


def _changing(texts: list[str], offset: int) -> Cycle | None:
    best: Cycle | None = None
    for period in _periods(texts):
        same = list(map(eq, texts[period:], texts))
        if period < _SHORTEST_LOOSE or sum(same) < max(period, _CYCLE_WORDS):
            continue
        begin, after = _densest(same)
        end = after + period
        found = Cycle(begin, end, (end - begin) // period)
        if (
            found.times > TIMES
            and (best is None or found.length > best.length)
            and _is_changed_here_and_there(texts[begin:end], period)
        ):
            best = found
    return best and Cycle(best.begin + offset, best.end + offset, best.times)


def _densest(same: list[bool]) -> tuple[int, int]:
    """Where the stretch with the most matches, misses taken off, begins and ends."""
    best = total = 0.0
    begin, found = 0, (0, 0)
    for place, is_same in enumerate(same):
        total += 1.0 if is_same else -_MISS
        if total <= 0:
            total, begin = 0.0, place + 1
        elif total > best:
            best, found = total, (begin, place + 1)
    return found


def _is_changed_here_and_there(texts: list[str], period: int) -> bool:
    """Whether the rounds differ now in this place, now in that; in a list the same places differ in all."""
    columns = [Counter(texts[place::period]) for place in range(period)]
    shares = [column.most_common(1)[0][1] / column.total() for column in columns]
    slots = sum(share <= _SLOT for share in shares)
    others = sum(_SLOT < share < 1 for share in shares)
    return slots * 4 <= others and says_something([column.most_common(1)[0][0] for column in columns])
