"""All detectors on one answer, and what they measured as the named numbers that the fitted score reads."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from apps.tasks.engine.hallucination.changes import Change, changes
from apps.tasks.engine.hallucination.internal import internal
from apps.tasks.engine.hallucination.others import earlier
from apps.tasks.engine.hallucination.repetition import repetition
from apps.tasks.engine.hallucination.samples import samples
from apps.tasks.engine.hallucination.scope import scope
from apps.tasks.engine.hallucination.sources import Source
from apps.tasks.engine.hallucination.support import contradiction, support
from apps.tasks.engine.hallucination.temporal import temporal
from apps.tasks.engine.hallucination.text import CONTENT, NAME, Text, read, read_all
from apps.tasks.engine.hallucination.types import Signal
from apps.tasks.engine.hallucination.unverified import unverified
from apps.tasks.engine.hallucination.vocabulary import vocabulary
from apps.tasks.engine.hallucination.wording import wording

ANSWER_CHARS = 60_000
QUESTION_CHARS = 20_000
SOURCE_CHARS = 300_000

# How far each turn, where it is seen at all, is from innocent; from how much oftener wrong answers have it.
SIGNS = {
    "wording.negators": 0.5,
    "wording.negation_in": 0.2,
    "wording.limits": 0.5,
    "wording.opposites": 0.4,
    "wording.ordinals": 0.4,
    "wording.name_halves": 0.3,
    "wording.date_halves": 0.2,
    "contradiction.opposite": 0.45,
    "contradiction.number": 0.3,
    "contradiction.name": 0.15,
    "unverified.any_number": 0.5,
    "unverified.any_name": 0.25,
    "unverified.quotes": 0.3,
    "unverified.nobody_at_first": 0.5,
}


@dataclass(frozen=True, slots=True)
class Evidence:
    """`changes` and `marks` are weighed by the fitted score, which knows their weights."""

    signals: tuple[Signal, ...]
    changes: tuple[Change, ...]
    marks: Mapping[int, float]
    is_partial: bool

    def measures(self) -> dict[str, float]:
        """The measures of all detectors, as `detector.measure`, and all that is seldom innocent taken together."""
        found = {f"{signal.name}.{key}": value for signal in self.signals for key, value in signal.measures.items()}
        if "wording.negators" in found:
            innocent = math.prod(1 - weight for sign, weight in SIGNS.items() if found.get(sign, 0.0) > 0)
            found["wording.signs"] = 1 - innocent
        return found


def with_names(answer: Text, source: Source) -> Text:
    """An answer without a single capital, its names told by the capitals of the sources."""
    if not source or answer.raw != answer.raw.lower():
        return answer
    known = {word.stem for word in source.text.words if word.kind == NAME}
    words = tuple(word._replace(kind=NAME) if word.kind == CONTENT and word.stem in known else word for word in answer.words)
    return replace(answer, words=words)


def gather(answer: str, *, question: str, sources: Sequence[str], others: Sequence[str], before: str, this_year: int) -> Evidence:
    """What each detector that has something to look at says. `others`: further answers to the same question."""
    said, asked = read(answer, ANSWER_CHARS), read(question, QUESTION_CHARS)
    given = read_all(sources, SOURCE_CHARS)
    source = Source(given)
    said = with_names(said, source)
    signals = (
        repetition(said),
        internal(said),
        support(said, source, asked),
        contradiction(said, source),
        wording(said, source, asked),
        unverified(said, source, asked),
        scope(said, asked, source),
        temporal(said, this_year),
        samples(said, others),
        earlier(said, read(before, ANSWER_CHARS)),
    )
    found = tuple(signal for signal in signals if signal is not None)
    return Evidence(
        found, changes(said, source, asked), vocabulary(said, source), said.is_partial or given.is_partial or asked.is_partial
    )
