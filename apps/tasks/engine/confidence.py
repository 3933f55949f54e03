"""How far a result can be trusted, 0-100: a rule of thumb, stated as such on the page, until it is fitted to data.

Agreement between two different AIs is worth the most; a dispute settled by a third is two votes of three; work that
nobody checked is never worth more than half.
"""

from __future__ import annotations

from apps.tasks.engine.types import Check, Findings, Settlement

UNCHECKED = 50.0
SETTLED = 80.0
RULED_AGAINST = 20.0
UNSETTLED = 40.0


def confidence_of(findings: Findings, check: Check, settlement: Settlement, *, is_replaced: bool) -> float:
    """A number of 0-100 from the verdict, the ruling and what was found without an AI.

    `is_replaced`: the checker's own answer stands in the place of the draft.
    """
    base = _from_voices(check, settlement, is_replaced=is_replaced)
    return round(max(0.0, base - 0.4 * findings.worst), 2)


def _from_voices(check: Check, settlement: Settlement, *, is_replaced: bool) -> float:
    if check.divergence is None:
        return UNCHECKED
    if settlement.ruling is not None:
        return SETTLED if settlement.ruling.winner == "author" or is_replaced else RULED_AGAINST
    if settlement.reason_not == "in_agreement":
        return 100.0 - check.divergence.total / 2
    return UNSETTLED
