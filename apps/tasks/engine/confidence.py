"""How far a result can be trusted, 0-100, as a sum whose parts are kept and shown.

The voices come first: agreement between two different AIs is worth the most, a dispute settled by a third is two votes of three,
and work that nobody checked is never worth more than half. What was found without an AI, and what the checks of the text against
its question hold against it, is taken off; neither can add. The values of the voices are stated, not fitted: no public data has
them. The scores of the detectors and the points of the checks are fitted (docs/reference/how-answers-are-checked.md).
"""

from __future__ import annotations

from apps.tasks.engine.types import Check, Confidence, ConfidencePart, Findings, Settlement

UNCHECKED = 50.0
SETTLED = 80.0
RULED_AGAINST = 20.0
UNSETTLED = 40.0
SHARE_OF_WORST = 0.4
CHECKS_TAKE_AT_MOST = 15.0  # cheap checks alone do not send agreed work to another author


def confidence_of(findings: Findings, check: Check, settlement: Settlement, *, is_replaced: bool) -> Confidence:
    """From the verdict, the ruling and what was found without an AI.

    `is_replaced`: the checker's own answer stands in the place of the draft, of which the findings speak. They still count: an
    author that went astray may have led the others too.
    """
    parts = (_voices(check, settlement, is_replaced=is_replaced), *_findings(findings), *_checks(findings))
    total = sum(part.points for part in parts)
    return Confidence(round(max(0.0, min(100.0, total)), 2), parts)


def _voices(check: Check, settlement: Settlement, *, is_replaced: bool) -> ConfidencePart:
    if check.divergence is None:
        return ConfidencePart("unchecked", UNCHECKED, check.reason_not)
    if settlement.ruling is not None:
        stands = settlement.ruling.winner == "author" or is_replaced
        points = SETTLED if stands else RULED_AGAINST
        return ConfidencePart("settled" if stands else "ruled_against", points, settlement.ruling.winner)
    if settlement.reason_not == "in_agreement":
        return ConfidencePart("agreed", round(100.0 - check.divergence.total / 2, 2))
    return ConfidencePart("unsettled", UNSETTLED, settlement.reason_not)


def _findings(findings: Findings) -> tuple[ConfidencePart, ...]:
    if not findings.items:
        return ()
    worst = max(findings.items, key=lambda finding: finding.score)
    return (ConfidencePart("findings", round(-SHARE_OF_WORST * worst.score, 2), worst.kind),)


def _checks(findings: Findings) -> tuple[ConfidencePart, ...]:
    left = CHECKS_TAKE_AT_MOST
    parts = []
    for signal in findings.signals:
        points = round(min(left, -signal.points), 2)
        if points > 0:
            parts.append(ConfidencePart(signal.name, -points, signal.detail))
            left -= points
    return tuple(parts)
