"""The end of an attempt: what stands, how far it can be trusted, and whether a stronger author should try."""

from __future__ import annotations

from dataclasses import replace

from apps.tasks.engine.confidence import confidence_of
from apps.tasks.engine.context import Context
from apps.tasks.engine.types import Cast, Check, Draft, Findings, Outcome, Settlement, Tried

SUSPECT_FROM = 75.0
OWN_ANSWER_REPLACES_UP_TO_CHARS = 400  # a short answer of the checker never replaces a long work


def conclude(
    cast: Cast, draft: Draft, findings: Findings, check: Check, settlement: Settlement, tried: Tried, ctx: Context
) -> Outcome:
    """What this attempt came to. When nothing better can be had, the best of all attempts stands and says how weak it is."""
    outcome = _outcome(draft, findings, check, settlement, escalations=len(tried))
    reason = _why_escalate(outcome, findings, check, _adopted(draft, check, settlement), ctx)
    if not reason:
        return outcome
    if len(tried) < ctx.task.policy.max_escalations and _has_another_author(cast, draft, tried):
        return replace(outcome, escalate_because=reason)
    return _best_of((*tried, outcome), escalations=len(tried))


def stand_by_the_best(tried: Tried, ctx: Context) -> Outcome:
    """The end of an attempt that came to nothing: nobody who was left could write it, so the best earlier one stands."""
    return _best_of(tried, escalations=len(tried))


def _best_of(attempts: Tried, *, escalations: int) -> Outcome:
    """All of them had something against them, or nobody would have tried again: the best is suspect too."""
    best = max(attempts, key=lambda outcome: outcome.confidence)
    return replace(best, escalations=escalations, escalate_because="", suspect=True)


def _outcome(draft: Draft, findings: Findings, check: Check, settlement: Settlement, *, escalations: int) -> Outcome:
    verdict, ruling = check.verdict, settlement.ruling
    adopted = _adopted(draft, check, settlement)
    return Outcome(
        text=adopted or draft.text,
        author=draft.by,
        checker=verdict.by if verdict else None,
        judge=ruling.by if ruling else None,
        confidence=confidence_of(findings, check, settlement, is_replaced=adopted is not None),
        divergence=check.divergence.total if check.divergence else None,
        cross_validated=verdict is not None,
        winner=ruling.winner if ruling else None,
        reason=ruling.reason if ruling else "",
        suspect=findings.worst >= SUSPECT_FROM,
        escalations=escalations,
        verdict=verdict,
        divergence_parts=check.divergence.parts if check.divergence else {},
        latency_ms=draft.latency_ms,
        tokens=draft.tokens,
    )


def _adopted(draft: Draft, check: Check, settlement: Settlement) -> str | None:
    """The checker's own answer, where the judge gave it the point and it can stand for the whole work."""
    if settlement.ruling is None or settlement.ruling.winner != "checker" or len(draft.text) > OWN_ANSWER_REPLACES_UP_TO_CHARS:
        return None
    return check.other_answer


def _why_escalate(outcome: Outcome, findings: Findings, check: Check, adopted: str | None, ctx: Context) -> str:
    if outcome.winner == "neither":
        return "both_were_wrong"
    if outcome.winner == "checker" and not adopted:
        return "checker_was_right"
    if findings.worst >= SUSPECT_FROM:
        return max(findings.items, key=lambda finding: finding.score).kind
    if check.verdict is not None and outcome.confidence < ctx.task.policy.confidence_threshold:
        return "low_confidence"
    return ""  # unchecked work is not better for being written again


def _has_another_author(cast: Cast, draft: Draft, tried: Tried) -> bool:
    used = {draft.by.family, *(outcome.author.family for outcome in tried)}
    return any(model.family not in used for model in (*cast.executors, *cast.checkers, *cast.judges))
