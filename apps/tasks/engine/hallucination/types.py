"""What a detector says: a score, the places in the answer that it points at, and what it measured."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Span:
    """A place in the answer, in characters, with a stable code of what is wrong there."""

    start: int
    end: int
    reason: str


@dataclass(frozen=True, slots=True)
class Signal:
    """`score`: 0 nothing seen, 1 surely wrong. `measures`: the named numbers that the fitted score reads."""

    name: str
    score: float
    spans: tuple[Span, ...] = ()
    measures: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Factor:
    """One detector's part. `contribution`: points that it moved the score by, up (positive) or down."""

    name: str
    score: float
    contribution: float
    spans: tuple[Span, ...] = ()


@dataclass(frozen=True, slots=True)
class Assessment:
    """`score` 0-100: the chance that the answer is hallucinated, as fitted. `base`: where an answer without evidence stands.

    base + the contributions = score. `missing`: evidence that was not given. `is_partial`: a text was too long to be read whole.
    """

    score: float
    base: float
    factors: tuple[Factor, ...]
    missing: tuple[str, ...] = ()
    is_partial: bool = False
