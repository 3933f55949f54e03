"""What each stage changes in the rows that people see; runs inside the transaction that stores the stage's result.

Subtasks are only changed here: the journal saves each of them once, at the end of its transaction.
"""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Any

from django.utils import timezone

from apps.common.said import plain
from apps.providers.models import AIModel, SpecializedAI
from apps.providers.services import quality_record
from apps.tasks.engine.types import (
    Check,
    Comparison,
    Draft,
    Findings,
    ModelRef,
    Outcome,
    Plan,
    PlannedSubtask,
    Result,
    Settlement,
)
from apps.tasks.engine.weigh import SUSPECT_FROM
from apps.tasks.logbook import log_write
from apps.tasks.models import Subtask, SubtaskStatus, Task, TaskStatus
from apps.tasks.services.verdicts import verdict_of_step
from apps.tasks.states import try_move

SIDES = {"author": "executor", "checker": "validator", "neither": "neither"}  # the engine's words → the product's
WRITTEN_AT_ONCE = ("plan", "conclude", "compose")  # the other stages are written with what follows them
SEATS = {"execute": "executor", "validate": "validator", "tie-break": "tie_breaker"}


def model_rows(*refs: ModelRef | None) -> list[AIModel | None]:
    """The row of each, None where there is none (any more). One query."""
    found = AIModel.objects.filter(public_id__in={ref.id for ref in refs if ref})
    rows = {str(row.public_id): row for row in found}
    return [rows.get(ref.id) if ref else None for ref in refs]


def specialized_ai_row(public_id: str) -> SpecializedAI | None:
    """The row of a specialized AI, also of one deleted since; no query for nobody."""
    return SpecializedAI.objects.filter(public_id=public_id).first() if public_id else None


def call_begun(
    task: Task,
    subtask: Subtask | None,
    stage: str,
    ref: ModelRef,
    model: AIModel | None,
    *,
    speaks_as: SpecializedAI | None = None,
    is_first: bool = True,
) -> None:
    """Somebody takes a seat; those who sat after it in an earlier attempt leave. A further call of the same model changes
    nothing but as whom it speaks."""
    empty = {"tie_breaker": None, "tie_breaker_family": None, "tie_breaker_as": None}
    if subtask is None:
        try_move(task, TaskStatus.PLANNING)
    elif not is_first and stage in SEATS:
        if speaks_as is not None:
            setattr(subtask, f"{SEATS[stage]}_as", speaks_as)
    elif stage == "execute":
        _author_sits_down(subtask, ref, model, speaks_as)
    elif stage == "validate":
        seat = {"validator": model, "validator_family": ref.family, "validator_as": speaks_as}
        _set(subtask, status=SubtaskStatus.VALIDATING, **seat, **empty)
    elif stage == "tie-break":
        seat = {"tie_breaker": model, "tie_breaker_family": ref.family, "tie_breaker_as": speaks_as}
        _set(subtask, status=SubtaskStatus.TIE_BREAKING, **seat)


def _author_sits_down(subtask: Subtask, ref: ModelRef, model: AIModel | None, speaks_as: SpecializedAI | None) -> None:
    subtask.clear_work()
    subtask.status, subtask.attempts = SubtaskStatus.RUNNING, subtask.attempts + 1
    subtask.started_at = subtask.started_at or timezone.now()
    subtask.executor, subtask.executor_family, subtask.executor_as = model, ref.family, speaks_as


def stage_done(task: Task, stage: str, subtask: Subtask | None, result: Any) -> None:
    if stage == "plan":
        _plan_made(task, result)
    elif stage == "compose":
        _composed(task, result)
    elif subtask is not None and stage in _SUBTASK_STAGES:
        _SUBTASK_STAGES[stage](task, subtask, result)


def _plan_made(task: Task, plan: Plan) -> None:
    plan_write(task, plan.subtasks)
    Task.objects.filter(pk=task.pk).update(plan=plan_json(plan))


def plan_json(plan: Plan) -> dict:
    data = plain(plan)
    for subtask in data["subtasks"]:
        subtask.pop("asked_executor")
        subtask.pop("round")
    return data


def plan_write(task: Task, planned: tuple[PlannedSubtask, ...]) -> None:
    """Replace the task's subtasks by those of a plan of which nothing has run."""
    task.subtasks.all().delete()
    rows = {
        item.order: Subtask.objects.create(
            task=task,
            order=item.order,
            title=item.title,
            description=item.description,
            category=item.category,
            acceptance_criteria=list(item.acceptance_criteria),
        )
        for item in planned
    }
    for item in planned:
        rows[item.order].depends_on.set([rows[need] for need in item.depends_on])


def _drafted(task: Task, subtask: Subtask, draft: Draft) -> None:
    _set(subtask, result=draft.text)


def _inspected(task: Task, subtask: Subtask, findings: Findings) -> None:
    """A suspect answer is marked at once, and the log says what is held against it; it is kept like any other."""
    against = [finding for finding in findings.items if finding.score >= SUSPECT_FROM]
    if not against:
        return
    _set(subtask, suspect=True)
    worst = max(against, key=lambda finding: finding.score)
    found = {"kind": worst.kind, "score": worst.score, "quote": worst.quote}
    log_write(task, "suspect", subtask=subtask, level="warning", data=found)


def _compared(task: Task, subtask: Subtask, comparison: Comparison) -> None:
    data = plain(comparison)
    best = comparison.attempts[comparison.best - 1]
    log_write(task, "compared", subtask=subtask, data={**data, "model": best.author.label})


def _checked(task: Task, subtask: Subtask, check: Check) -> None:
    _set(
        subtask,
        verdict=plain(check.verdict) if check.verdict else {"reason_not": check.reason_not},
        divergence=_percent(check.divergence.total) if check.divergence else None,
        divergence_parts=dict(check.divergence.parts) if check.divergence else {},
        cross_validated=check.verdict is not None,
    )


def _settled(task: Task, subtask: Subtask, settlement: Settlement) -> None:
    if settlement.ruling is not None:
        _set(subtask, tie_break={"winner": SIDES[settlement.ruling.winner], "reason": settlement.ruling.reason})


def _concluded(task: Task, subtask: Subtask, outcome: Outcome) -> None:
    _count_quality(subtask, outcome)
    verdict_of_step(task, subtask, outcome, attempt=max(1, subtask.attempts))
    if outcome.escalate_because:
        _set(subtask, escalations=subtask.escalations + 1, confidence=_percent(outcome.confidence), suspect=True)
        why = {"reason": outcome.escalate_because, "model": outcome.author.label, "confidence": outcome.confidence}
        log_write(task, "escalated", subtask=subtask, data=why)
        return
    author, checker, judge = model_rows(outcome.author, outcome.checker, outcome.judge)
    if author != subtask.executor:  # an earlier attempt stands
        _seat_earlier_voices(subtask, author, checker, judge)
    _set(
        subtask,
        status=SubtaskStatus.COMPLETED,
        finished_at=timezone.now(),
        result=outcome.text,
        executor=author,
        executor_family=outcome.author.family,
        validator=checker,
        validator_family=outcome.checker.family if outcome.checker else None,
        tie_breaker=judge,
        tie_breaker_family=outcome.judge.family if outcome.judge else None,
        tie_break={"winner": SIDES[outcome.winner], "reason": outcome.reason} if outcome.winner else None,
        verdict=plain(outcome.verdict) if outcome.verdict else subtask.verdict,
        divergence_parts=dict(outcome.divergence_parts),
        divergence=None if outcome.divergence is None else _percent(outcome.divergence),
        confidence=_percent(outcome.confidence),
        cross_validated=outcome.cross_validated,
        suspect=outcome.suspect,
        escalations=outcome.escalations,
    )


def _seat_earlier_voices(subtask: Subtask, *models: AIModel | None) -> None:
    """As whom these models spoke, from their calls."""
    for (stage, seat), model in zip(SEATS.items(), models, strict=True):
        spoke = subtask.calls.filter(purpose=stage, model=model, specialized_ai__isnull=False).order_by("-pk") if model else None
        call = spoke.select_related("specialized_ai").first() if spoke is not None else None
        _set(subtask, **{f"{seat}_as": call.specialized_ai if call else None})


def _count_quality(subtask: Subtask, outcome: Outcome) -> None:
    """How the author of this attempt did. An earlier attempt that stands in the end was counted when it was made."""
    author, score = subtask.executor, outcome.authors_score
    if author is None or str(author.public_id) != outcome.author.id:
        return
    for ai in (author, subtask.executor_as):  # the model, and the specialized AI that it spoke as
        if ai is not None:
            quality_record(
                ai,
                subtask.category,
                success=not outcome.escalate_because and outcome.winner in (None, "author"),
                score=None if score is None else _percent(score),
                latency_ms=outcome.latency_ms,
                tokens=outcome.tokens,
                cost=Decimal(0),
            )


def _composed(task: Task, result: Result) -> None:
    Task.objects.filter(pk=task.pk).update(result=result.text, confidence=_percent(result.confidence))


def _percent(value: float) -> Decimal:
    return Decimal(str(round(value, 2)))


def _set(subtask: Subtask, **changes: Any) -> None:
    for name, value in changes.items():
        setattr(subtask, name, value)


_SUBTASK_STAGES: dict[str, Callable[[Task, Subtask, Any], None]] = {
    "execute": _drafted,
    "inspect": _inspected,
    "compare": _compared,
    "validate": _checked,
    "tie-break": _settled,
    "conclude": _concluded,
}
