"""How far author and checker are apart, 0-100, from the verdict and from the distance between their answers."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from apps.tasks.engine.types import Divergence, Verdict

SHORT_ANSWER_WORDS = 12
_NUMBER = re.compile(r"(?<![\w.,])[-+]?\d+(?:[.,]\d+)*")
_SEVERITY = {"minor": 5.0, "major": 25.0, "critical": 60.0}

Readings = set[float]  # what a number as written can mean


def diverge(verdict: Verdict, text: str) -> Divergence:
    """The largest of: what the score leaves short, what the criteria leave short on average, the weight of the defects.

    Where the checker gave an answer of its own, the mean of the score's part and the distance of the answers takes the
    score's place. A verdict that contradicts itself (full score, but another answer or an unmet criterion) so comes out
    as a dispute, to be settled, rather than as agreement.
    """
    parts = {"score": 100.0 - verdict.score, "defects": min(100.0, sum(_SEVERITY[d.severity] for d in verdict.defects))}
    if verdict.criteria:
        parts["criteria"] = 100.0 - sum(criterion.score for criterion in verdict.criteria) / len(verdict.criteria)
    decisive = parts["score"]
    if verdict.own_answer is not None and verdict.own_answer.strip():
        parts["answer"] = answer_distance(verdict.own_answer, text)
        decisive = parts["score and answer"] = (parts["score"] + parts["answer"]) / 2
    total = max(decisive, parts["defects"], parts.get("criteria", 0.0))
    return Divergence(round(total, 2), {name: round(value, 2) for name, value in parts.items()})


def answer_distance(own: str, text: str) -> float:
    """0: the same answer, 100: another one. A short answer that stands in a longer text counts as the same."""
    ours, theirs = _plain(own), _plain(text)
    if ours == theirs:
        return 0.0
    if len(ours.split()) <= SHORT_ANSWER_WORDS:
        return 0.0 if _is_same_short(ours, theirs) else 100.0
    return round(100.0 * (1.0 - _overlap(ours.split(), theirs.split())), 2)


def _is_same_short(ours: str, theirs: str) -> bool:
    numbers, their_numbers = _numbers(ours), _numbers(theirs)
    is_bare_number = len(numbers) == 1 == len(ours.split())
    if numbers and their_numbers and len(theirs.split()) <= SHORT_ANSWER_WORDS:
        if len(numbers) == len(their_numbers):
            return all(one & other for one, other in zip(numbers, their_numbers, strict=True))
        # "7 + 8 = 15": what a short text comes to stands at its end
        return bool(numbers[-1] & their_numbers[-1]) or (not is_bare_number and _stands_in(ours, theirs))
    if is_bare_number:
        return any(numbers[0] & number for number in their_numbers)
    return _stands_in(ours, theirs)


def _stands_in(ours: str, theirs: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(ours)}(?!\w)", theirs) is not None


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold().replace("\N{MINUS SIGN}", "-")
    return " ".join(re.sub(r"[^\w\s.,+-]", " ", folded).strip(" .,").split())


def _numbers(text: str) -> list[Readings]:
    return [_readings(number) for number in _NUMBER.findall(text)]


def _readings(number: str) -> Readings:
    """1,234 is read in English and in Portuguese; 1.234,56 and 3,5 can mean only one thing."""
    marks = [mark for mark in number if mark in ".,"]
    if not marks:
        return {float(number)}
    *_, tail = re.split("[.,]", number)
    as_decimal = float("".join(re.split("[.,]", number)[:-1]) + "." + tail)
    as_whole = float(re.sub("[.,]", "", number))
    if len(set(marks)) == 2:
        return {as_decimal}
    if len(marks) > 1:
        return {as_whole}
    return {as_decimal, as_whole} if len(tail) == 3 else {as_decimal}


def _overlap(ours: list[str], theirs: list[str]) -> float:
    shared = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * shared / (len(ours) + len(theirs)) if ours or theirs else 1.0
