"""All attempts at a step side by side: which one to stand by, and what the newest made of the one before it."""

from __future__ import annotations

import re

from apps.tasks.engine.context import Context
from apps.tasks.engine.divergence import answer_distance
from apps.tasks.engine.types import AttemptWeighed, Check, Comparison, Draft, Findings, Outcome, Settlement, Tried
from apps.tasks.engine.weigh import weigh

_SENTENCE = re.compile(r"[^.!?\n]+[.!?]?")


def compare(draft: Draft, findings: Findings, check: Check, settlement: Settlement, tried: Tried, ctx: Context) -> Comparison:
    """The newest attempt beside all that were suspect. It stands where nothing is held against it; else the most trusted one."""
    newest = weigh(draft, findings, check, settlement, tried, ctx)
    attempts = (*tried, newest)
    best, because = (len(attempts), "nothing_against_it") if not newest.escalate_because else _most_trusted(attempts)
    earlier = tried[-1].text
    return Comparison(
        best=best,
        because=because,
        agreement=round(100.0 - answer_distance(newest.text, earlier), 2),
        kept=kept_of(earlier, newest.text),
        attempts=tuple(_weighed(number, outcome) for number, outcome in enumerate(attempts, 1)),
    )


def best_of(attempts: Tried) -> Outcome:
    """The attempt to stand by when something is held against each of them."""
    return attempts[_most_trusted(attempts)[0] - 1]


def _most_trusted(attempts: Tried) -> tuple[int, str]:
    """By confidence, then by the weight of what was found; of equals the later, whose author knew what was wrong before."""
    ranked = sorted(range(len(attempts)), key=lambda place: (attempts[place].confidence, -attempts[place].worst, place))
    best = ranked[-1]
    if len(ranked) == 1:
        return best + 1, "only_attempt"
    first, second = attempts[best], attempts[ranked[-2]]
    if first.confidence > second.confidence:
        return best + 1, "more_trusted"
    return best + 1, "fewer_signs" if first.worst < second.worst else "later_of_equals"


def kept_of(earlier: str, later: str) -> float:
    """How much of the earlier text, by characters of different whole sentences, stands in the later one too, 0-100."""
    sentences = dict.fromkeys(sentence.strip().casefold() for sentence in _SENTENCE.findall(earlier) if sentence.strip())
    whole = sum(map(len, sentences))
    there = {sentence.strip().casefold() for sentence in _SENTENCE.findall(later)}
    return round(100.0 * sum(len(sentence) for sentence in sentences if sentence in there) / whole, 2) if whole else 0.0


def _weighed(number: int, outcome: Outcome) -> AttemptWeighed:
    against = outcome.escalate_because
    return AttemptWeighed(number, outcome.author, outcome.confidence, outcome.divergence, outcome.worst, against)
