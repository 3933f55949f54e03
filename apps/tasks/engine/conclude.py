"""The end of an attempt: whether it stands, whether another author should try, or which of all attempts is the best."""

from __future__ import annotations

from dataclasses import replace

from apps.tasks.engine.compare import best_of
from apps.tasks.engine.context import Context
from apps.tasks.engine.types import Cast, Check, Comparison, Draft, Findings, Outcome, Settlement, Tried
from apps.tasks.engine.weigh import weigh


def conclude(
    cast: Cast,
    draft: Draft,
    findings: Findings,
    check: Check,
    settlement: Settlement,
    tried: Tried,
    comparison: Comparison | None,
    ctx: Context,
) -> Outcome:
    """What this attempt came to. When nothing better can be had, the best of all attempts stands and says how weak it is.

    `comparison` of it with the earlier ones; None for the first attempt.
    """
    outcome = weigh(draft, findings, check, settlement, tried, ctx)
    if not outcome.escalate_because:
        return outcome
    if len(tried) < ctx.task.policy.max_escalations and _has_another_author(cast, draft, tried):
        return replace(outcome, suspect=True)
    best = (*tried, outcome)[comparison.best - 1] if comparison else outcome
    return _standing(best, escalations=len(tried))


def stand_by_the_best(tried: Tried, ctx: Context) -> Outcome:
    """The end of an attempt that came to nothing: nobody who was left could write it, so the best earlier one stands."""
    return _standing(best_of(tried), escalations=len(tried))


def _standing(best: Outcome, *, escalations: int) -> Outcome:
    """All of them had something against them, or nobody would have tried again: the best is suspect too."""
    return replace(best, escalations=escalations, escalate_because="", suspect=True)


def _has_another_author(cast: Cast, draft: Draft, tried: Tried) -> bool:
    used = {draft.by.family, *(outcome.author.family for outcome in tried)}
    return any(model.family not in used for model in (*cast.executors, *cast.checkers, *cast.judges))
