"""One score for an answer, with what each detector had to do with it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from apps.tasks.engine.hallucination import model as fitted
from apps.tasks.engine.hallucination.evidence import gather
from apps.tasks.engine.hallucination.others import judged
from apps.tasks.engine.hallucination.types import Assessment, Factor, Signal

# What no public data were at hand for, in log odds, set by hand: a score of `from_score` and below says nothing.
_FROM_SCORE = {"repetition": 0.2, "internal": 0.5, "earlier": 0.5, "stall": 0.2, "scope": 0.5, "unverified": 0.2}
_BY_HAND = {"repetition": 10.0, "internal": 2.0, "earlier": 2.5, "stall": 2.0, "scope": 6.0, "unverified": 1.5}
_ON_TOPIC, _TAKES_UP = 2.0, 0.45  # how much an answer says for itself by each point of relevance above this one,
_USUAL, _OTHERWISE = 1.0, 1.5  # by each point above or below the usual, and against itself where it is of another kind
_ONLY_BARE = frozenset({"scope", "unverified"})  # where there are sources, these are fitted
_JUDGE_TRUST = 0.8
_SUREST = 0.02  # a judge that says 0 or 1 is heard as this near to it


def assess(
    answer: str,
    *,
    question: str = "",
    sources: Sequence[str] = (),
    samples: Sequence[str] = (),
    earlier: str = "",
    others: Sequence[str] = (),
    judge: float | None = None,
    stall: Signal | None = None,
    this_year: int | None = None,
) -> Assessment:
    """How likely the answer is hallucinated, and why; no AI is asked.

    `samples`: further answers of the same model to the same question; `others`: answers of other models; `earlier`: an answer
    given before; `judge`: the chance of 0 to 1 that an AI judge gave; `stall`: from `others.stalled`; `this_year`: years after it
    are still to come (the year of the fit when not given).
    """
    model = fitted.load()
    evidence = gather(
        answer,
        question=question,
        sources=[source for source in sources if source.strip()],
        others=(*samples, *others),
        before=earlier,
        this_year=this_year or model.this_year,
    )
    measures = model.measures(evidence)
    found = fitted.situation(measures)
    base, parts = model.parts(measures, found)
    signals = (*evidence.signals, *(signal for signal in (judged(judge), stall) if signal is not None))
    log_odds = {signal.name: _log_odds(signal, parts, is_bare=found in ("bare", "samples")) for signal in signals}
    total = base + sum(log_odds.values())
    score, base_score = _points(total), _points(base)
    slope = (score - base_score) / (total - base) if abs(total - base) > 1e-9 else 0.0
    factors = tuple(Factor(s.name, round(s.score, 4), round(slope * log_odds[s.name], 2), s.spans) for s in signals)
    missing = _missing(question=question, sources=sources, samples=(*samples, *others), judge=judge)
    return Assessment(round(score, 4), round(base_score, 4), factors, missing, evidence.is_partial)


def _log_odds(signal: Signal, parts: dict[str, float], *, is_bare: bool) -> float:
    if signal.name == "judge":
        said = min(1 - _SUREST, max(_SUREST, signal.score))
        return _JUDGE_TRUST * math.log(said / (1 - said))
    fitted_part = sum(part for name, part in parts.items() if name.startswith(signal.name + "."))
    by_hand = _BY_HAND.get(signal.name, 0.0) if is_bare or signal.name not in _ONLY_BARE else 0.0
    found = fitted_part + by_hand * max(0.0, signal.score - _FROM_SCORE.get(signal.name, 0.0))
    if signal.name == "scope" and by_hand:
        relevance = signal.measures["relevance"]
        found -= _ON_TOPIC * max(0.0, relevance - _TAKES_UP) + relevance - _USUAL
        found += _OTHERWISE * signal.measures["otherwise"]
    return found


def _points(log_odds: float) -> float:
    return 100.0 / (1.0 + math.exp(-max(-30.0, min(30.0, log_odds))))


def _missing(*, question: str, sources: Sequence[str], samples: Sequence[str], judge: float | None) -> tuple[str, ...]:
    given = {
        "question": bool(question.strip()),
        "sources": any(source.strip() for source in sources),
        "samples": any(sample.strip() for sample in samples),
        "judge": judge is not None,
    }
    return tuple(name for name, is_given in given.items() if not is_given)
