"""Years that cannot be so: before a birth, after a death, running backwards, or still to come."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from itertools import pairwise

from apps.tasks.engine.hallucination.text import Text
from apps.tasks.engine.hallucination.types import Signal, Span

_YEAR = re.compile(
    r"(?<![\d.,/$€£:#-])(1[0-9]\d\d|20\d\d)(?![\d%]|[.,]\d|:\d)(?!\s*(?:m|km|kg|people|metres|meters|metros|pessoas)\b)"
)
_BORN = re.compile(r"\b(?:born|nascid[oa]|nasceu|b\.)\b[^.;()]{0,60}?\b(1[0-9]\d\d|20\d\d)\b", re.IGNORECASE)
_DIED = re.compile(
    r"\b(?:died|passed away|was killed|morreu|faleceu|falecid[oa]|mort[oa])\b[^.;()]{0,40}?\b(?:in|on|em|de|,)\s*"
    r"[^.;()]{0,20}?\b(1[0-9]\d\d|20\d\d)\b",
    re.IGNORECASE,
)
_LIFE = re.compile(
    r"\((?:[^()\d]{0,40}|[^()]{0,40}\b)?(1[0-9]\d\d|20\d\d)\s*[-–—]\s*[^()\d]{0,20}\d{0,2}[^()\d]{0,14}(1[0-9]\d\d|20\d\d)\)"
)
_RANGE = re.compile(
    r"\b(?:(?:from|between|de|entre|desde)\s+)(?:[A-Za-zç]+\s+)?(1[0-9]\d\d|20\d\d)\s*(?:to|until|till|through|and|a|até|e|-|–|—)\s*"
    r"(?:[A-Za-zç]+\s+)?(1[0-9]\d\d|20\d\d)\b|\b(1[0-9]\d\d|20\d\d)\s*[–—-]\s*(1[0-9]\d\d|20\d\d)\b",
    re.IGNORECASE,
)
_TO_COME = re.compile(
    r"\b(?:will|planned|expected|scheduled|by|until|future|plans?|next|será|serão|vai|previst[oa]|até|futuro|próxim[oa])\b",
    re.IGNORECASE,
)
_YOUNG = 8  # few do anything that is written down before this age
_OLD = 105
_LATE = 25  # a book may come out after its author's death


@dataclass(frozen=True, slots=True)
class Year:
    value: int
    start: int
    end: int


def temporal(answer: Text, this_year: int) -> Signal | None:
    """None where fewer than two years are named and none is still to come."""
    years = [Year(int(match[1]), match.start(1), match.end(1)) for match in _YEAR.finditer(answer.raw)]
    if not years:
        return None
    found: list[tuple[float, Year, str]] = []
    born, died = _life(answer.raw)
    found += _backwards(answer.raw)
    found += [(_beyond(year, answer.raw, this_year), year, "still_to_come") for year in years if year.value > this_year]
    if born is not None:
        found += [(_too_young(year.value - born.value), year, "before_birth") for year in years if year.start != born.start]
    if born is not None and died is not None and died.value < born.value:
        found.append((1.0, died, "death_before_birth"))
    if died is not None:
        found += [(_too_late(year.value - died.value), year, "after_death") for year in years if year.start > died.end]
    found = [item for item in found if item[0] > 0]
    score = max((item[0] for item in found), default=0.0)
    told = [year for year in years if (born is None or year.start > born.end) and (died is None or year.start > died.end)]
    spike, spiky = _spike(told)
    spans = [Span(year.start, year.end, reason) for points, year, reason in found if points >= 0.5]
    if spiky is not None and spike > math.log1p(_LATE):
        spans.append(Span(spiky.start, spiky.end, "out_of_order"))
        score = max(score, 0.4)
    return Signal("temporal", score, tuple(spans), {"impossible": score, "spike": spike, "lonely": _lonely(told)})


def _life(text: str) -> tuple[Year | None, Year | None]:
    life = _LIFE.search(text, 0, 400)
    if life:
        return Year(int(life[1]), life.start(1), life.end(1)), Year(int(life[2]), life.start(2), life.end(2))
    born, died = _BORN.search(text), _DIED.search(text)
    return (
        Year(int(born[1]), born.start(1), born.end(1)) if born else None,
        Year(int(died[1]), died.start(1), died.end(1)) if died else None,
    )


def _backwards(text: str) -> list[tuple[float, Year, str]]:
    found = []
    for match in _RANGE.finditer(text):
        first, last = (1, 2) if match[1] else (3, 4)
        if int(match[first]) > int(match[last]):
            found.append((1.0, Year(int(match[first]), match.start(first), match.end(last)), "range_runs_backwards"))
    return found


def _beyond(year: Year, text: str, this_year: int) -> float:
    around = text[max(0, year.start - 60) : year.start]
    return 0.3 if _TO_COME.search(around) else 0.6 if year.value <= this_year + 1 else 0.95


def _too_young(age: int) -> float:
    if age < -1:
        return 0.9
    return 0.6 if 0 < age < _YOUNG else 0.8 if age > _OLD else 0.0


def _too_late(years_after: int) -> float:
    return 0.0 if years_after <= 1 else 0.5 if years_after <= _LATE else 0.8


def _spike(years: list[Year]) -> tuple[float, Year | None]:
    """How far, on a log scale, one year sticks out between those told before and after it."""
    best, at = 0, None
    for before, year, after in zip(years, years[1:], years[2:], strict=False):
        up = min(year.value - before.value, year.value - after.value)
        down = min(before.value - year.value, after.value - year.value)
        if max(up, down) > best:
            best, at = max(up, down), year
    return math.log1p(best), at


def _lonely(years: list[Year]) -> float:
    """The largest distance, on a log scale, of a year from its nearest other one."""
    values = sorted({year.value for year in years})
    if len(values) < 3:
        return 0.0
    gaps = [b - a for a, b in pairwise(values)]
    return math.log1p(max(gaps[0], gaps[-1], *(min(pair) for pair in pairwise(gaps))))
