"""Which words an answer uses of its sources, which of its own, and in which order of kinds: the marks of invented sentences.

Each mark has a number (a hash, so that no text of the data is in `model.json`), and the fit gives each number a weight.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from itertools import pairwise

from apps.tasks.engine.hallucination.sources import Source
from apps.tasks.engine.hallucination.text import CONTENT, FUNCTIONAL, Text, Word

SIZE = 1 << 13
_WORDS = 4_000


def vocabulary(answer: Text, source: Source) -> dict[int, float]:
    """The marks of an answer; their squares add up to about 1, so that long answers have no more. None without sources."""
    if not source or not answer.words:
        return {}
    words = answer.words[:_WORDS]
    kinds = [_kind(word, source) for word in words]
    marks = {f"first {kinds[0]}", *(f"{one} {other}" for one, other in pairwise(kinds))}
    for word, kind in zip(words, kinds, strict=True):
        if word.kind == FUNCTIONAL:
            marks.add(f"word {word.text}")
            if word.text not in source.words:
                marks.add(f"own {word.text}")
        else:
            marks.add(f"{kind} {word.stem}" if word.kind == CONTENT else kind)
    share = len(marks) ** -0.5
    found: dict[int, float] = {}
    for mark in sorted(marks):  # always added up in the same order: the score is the same on every run
        number = zlib.crc32(mark.encode("utf-8", "surrogatepass")) % SIZE
        found[number] = found.get(number, 0.0) + share
    return found


def weigh(marks: Mapping[int, float], weights: Sequence[float]) -> float:
    """What the marks say together, in log odds."""
    return sum(value * weights[number] for number, value in marks.items())


def _kind(word: Word, source: Source) -> str:
    """A small word itself; of another its kind, and whether the sources carry it."""
    if word.kind == FUNCTIONAL:
        return word.text
    return f"{word.kind}{int(source.support(word) > 0)}"
