"""What one attempt came to: the text that would stand, how far it can be trusted, and what is held against it."""

from __future__ import annotations

from apps.tasks.engine.confidence import confidence_of
from apps.tasks.engine.context import Context
from apps.tasks.engine.types import Check, Draft, Findings, Outcome, Settlement, Tried

SUSPECT_FROM = 75.0
OWN_ANSWER_REPLACES_UP_TO_CHARS = 400  # a short answer of the checker never replaces a long work


def weigh(draft: Draft, findings: Findings, check: Check, settlement: Settlement, tried: Tried, ctx: Context) -> Outcome:
    """The attempt as an outcome; `escalate_because` says why another author should try, "" where nothing is against it."""
    verdict, ruling = check.verdict, settlement.ruling
    adopted = _adopted(draft, check, settlement)
    confidence = confidence_of(findings, check, settlement, is_replaced=adopted is not None)
    return Outcome(
        text=adopted or draft.text,
        author=draft.by,
        checker=verdict.by if verdict else None,
        judge=ruling.by if ruling else None,
        confidence=confidence.value,
        divergence=check.divergence.total if check.divergence else None,
        cross_validated=verdict is not None,
        winner=ruling.winner if ruling else None,
        reason=ruling.reason if ruling else "",
        suspect=findings.worst >= SUSPECT_FROM,
        escalations=len(tried),
        escalate_because=_what_is_against(findings, check, settlement, adopted, confidence.value, ctx),
        verdict=verdict,
        divergence_parts=check.divergence.parts if check.divergence else {},
        latency_ms=draft.latency_ms,
        tokens=draft.tokens,
        found=findings.items,
        confidence_parts=confidence.parts,
    )


def _adopted(draft: Draft, check: Check, settlement: Settlement) -> str | None:
    """The checker's own answer, where the judge gave it the point and it can stand for the whole work."""
    if settlement.ruling is None or settlement.ruling.winner != "checker" or len(draft.text) > OWN_ANSWER_REPLACES_UP_TO_CHARS:
        return None
    return check.other_answer


def _what_is_against(
    findings: Findings, check: Check, settlement: Settlement, adopted: str | None, confidence: float, ctx: Context
) -> str:
    winner = settlement.ruling.winner if settlement.ruling else None
    if winner == "neither":
        return "both_were_wrong"
    if winner == "checker" and not adopted:
        return "checker_was_right"
    if findings.worst >= SUSPECT_FROM:
        return max(findings.items, key=lambda finding: finding.score).kind
    if check.verdict is not None and confidence < ctx.task.policy.confidence_threshold:
        return "low_confidence"
    return ""  # unchecked work is not better for being written again
