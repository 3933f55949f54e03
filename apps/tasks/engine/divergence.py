"""How far author and checker are apart, 0-100, from the verdict and from the distance between their answers."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter

from apps.tasks.engine.types import Divergence, Verdict

SHORT_ANSWER_WORDS = 12
_NUMBER = re.compile(r"[-+]?\d+(?:[.,]\d+)*")
_SEVERITY = {"minor": 5.0, "major": 25.0, "critical": 60.0}


def diverge(verdict: Verdict, text: str) -> Divergence:
    """The largest of: what the score leaves short, the weight of the defects, half verdict and half distance of the answers.

    The last part is there only when the checker gave an answer of its own. A verdict that contradicts its own answer
    (full score, other answer) so comes out as a dispute, to be settled, rather than as agreement.
    """
    parts = {"score": 100.0 - verdict.score, "defects": min(100.0, sum(_SEVERITY[d.severity] for d in verdict.defects))}
    if verdict.own_answer is not None and verdict.own_answer.strip():
        parts["answer"] = answer_distance(verdict.own_answer, text)
        parts["score and answer"] = (parts["score"] + parts["answer"]) / 2
        decisive = max(parts["score and answer"], min(parts["score"], parts["answer"]), parts["defects"])
    else:
        decisive = max(parts["score"], parts["defects"])
    return Divergence(round(decisive, 2), {name: round(value, 2) for name, value in parts.items()})


def answer_distance(own: str, text: str) -> float:
    """0: the same answer, 100: another one. A short answer that stands in a longer text counts as the same."""
    ours, theirs = _plain(own), _plain(text)
    if ours == theirs:
        return 0.0
    if len(ours.split()) <= SHORT_ANSWER_WORDS:
        return _distance_of_short(ours, theirs)
    return round(100.0 * (1.0 - _overlap(ours.split(), theirs.split())), 2)


def _distance_of_short(ours: str, theirs: str) -> float:
    numbers, their_numbers = _numbers(ours), _numbers(theirs)
    if numbers and their_numbers and len(theirs.split()) <= SHORT_ANSWER_WORDS:
        return 0.0 if numbers[-1] == their_numbers[-1] else 100.0
    return 0.0 if re.search(rf"(?<!\w){re.escape(ours)}(?!\w)", theirs) else 100.0


def _plain(text: str) -> str:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return " ".join(re.sub(r"[^\w\s.,+-]", " ", folded).strip(" .,").split())


def _numbers(text: str) -> list[float]:
    return [float(number.replace(",", "")) for number in _NUMBER.findall(text) if number.count(".") <= 1]


def _overlap(ours: list[str], theirs: list[str]) -> float:
    shared = sum((Counter(ours) & Counter(theirs)).values())
    return 2 * shared / (len(ours) + len(theirs)) if ours or theirs else 1.0
