"""What became of verdicts: who checked what and said what, and what a judge, a recovery or people's thumbs made known since.

Kept in the transaction of what it comes from. Unknown stays unknown: an answer that author and checker agree on, and that nobody
rated, says nothing of how good the checker is.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.db.models import Sum
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.db import again_after_deadlock
from apps.common.errors import BadInput, Conflict
from apps.common.events import AnswerRated
from apps.providers.models import AIModel
from apps.tasks.engine.routing.types import SecondOpinion
from apps.tasks.engine.types import ModelRef, Outcome, Policy
from apps.tasks.models import ResultThumb, Subtask, Task, TaskExecution, ValidatorOutcome
from apps.tasks.states import lock

KNOWN = ValidatorOutcome.KnownBy


# ── verdicts of real work ─────────────────────────────────────────────────────────────────────────────────────────


def verdict_of_step(task: Task, subtask: Subtask, outcome: Outcome, *, attempt: int) -> None:
    """One attempt at a step was checked. The last outcome tells also which of the earlier attempts were not chosen."""
    if outcome.checker is not None and outcome.divergence is not None:
        threshold = (task.policy or {}).get("divergence_threshold", Policy().divergence_threshold)
        _keep(
            {"subtask": subtask, "place": f"r{subtask.round}.a{attempt}"},
            team_id=task.team_id,
            origin=ValidatorOutcome.Origin.TASK,
            author=outcome.author,
            checker=outcome.checker,
            judge=outcome.judge,
            divergence=outcome.divergence,
            accepted=outcome.divergence <= threshold,
            winner=outcome.winner or "",
        )
    if not outcome.escalate_because:
        _mark_replaced(subtask, outcome)


def _mark_replaced(subtask: Subtask, outcome: Outcome) -> None:
    """An attempt that another one took the place of was not good enough, whatever its checker said."""
    tried = list(subtask.verdicts.filter(place__startswith=f"r{subtask.round}."))
    for row in tried if len(tried) > 1 else ():
        if row.author_name != outcome.author.label:
            row.was_replaced = True
            verdict_learn(row)


def verdict_of_prompt(execution: TaskExecution, author: ModelRef, opinion: SecondOpinion | None, *, threshold: float) -> None:
    """An answer to a prompt was checked by another AI. Each check of it is a verdict of its own."""
    verdict = opinion.check.verdict if opinion else None
    if opinion is None or verdict is None or opinion.divergence is None:
        return
    ruling = opinion.settlement.ruling
    _keep(
        {"execution": execution, "place": f"check{execution.verdicts.count() + 1}"},
        team_id=execution.team_id,
        origin=ValidatorOutcome.Origin.PROMPT,
        author=author,
        checker=verdict.by,
        judge=ruling.by if ruling else None,
        divergence=opinion.divergence,
        accepted=opinion.divergence <= threshold,
        winner=ruling.winner if ruling else "",
    )


def _keep(
    where: dict[str, Any],
    *,
    team_id: int,
    origin: str,
    author: ModelRef,
    checker: ModelRef,
    judge: ModelRef | None,
    divergence: float,
    accepted: bool,
    winner: str,
) -> None:
    refs = [author, checker, *([judge] if judge else [])]
    rows = {str(row.public_id): row for row in AIModel.objects.filter(public_id__in={ref.id for ref in refs if ref.id})}
    row, _is_new = ValidatorOutcome.objects.update_or_create(
        **where,
        defaults={
            "team_id": team_id,
            "origin": origin,
            "author": rows.get(author.id),
            "author_name": author.label[:250],
            "checker": rows.get(checker.id),
            "checker_name": checker.label[:250],
            "judge": rows.get(judge.id) if judge else None,
            "judge_name": judge.label[:250] if judge else "",
            "divergence": Decimal(str(round(divergence, 2))),
            "accepted": accepted,
            "winner": winner,
        },
    )
    verdict_learn(row)


def verdict_learn(row: ValidatorOutcome) -> None:
    """Say whether the answer was right by the best evidence there is: people, then the judge, then the recovery."""
    row.is_right, row.known_by = _known(row)
    row.save(update_fields=["is_right", "known_by", "was_replaced", "updated_at"])


def _known(row: ValidatorOutcome) -> tuple[bool | None, str]:
    thumbs = 0 if row.was_replaced or row.winner == "checker" else _thumbs_of(row)  # of a text that is not the author's
    if thumbs:
        return thumbs > 0, KNOWN.PEOPLE
    if row.winner:
        return row.winner == "author", KNOWN.RULING
    if row.was_replaced:
        return False, KNOWN.RECOVERY
    return None, KNOWN.NOBODY


def _thumbs_of(row: ValidatorOutcome) -> int:
    """The sum of people's thumbs on the text that was checked."""
    if row.execution_id:
        found = ResultThumb.objects.filter(execution=row.execution_id)
    else:
        subtask = row.subtask
        if subtask is None or not row.place.startswith(f"r{subtask.round}."):
            return 0  # of an earlier round, whose text nobody sees any more
        found = ResultThumb.objects.filter(subtask=subtask)
        if subtask.result and subtask.result == subtask.task.result:
            found = found | ResultThumb.objects.filter(task=subtask.task_id)
    return found.aggregate(sum=Sum("thumb"))["sum"] or 0


# ── thumbs ────────────────────────────────────────────────────────────────────────────────────────────────────────


@again_after_deadlock
def task_rate(actor: Actor, task: Task, *, thumb: int | None) -> None:
    """What the person thinks of the task's result: 1, -1, or None to take it back."""
    _must_be_thumb(thumb)
    if not task.result:
        raise Conflict(_("There is no result to have an opinion of."))
    lock(task)
    _thumb(actor.user.pk, task.team_id, thumb or 0, task=task)
    for subtask in task.subtasks.exclude(result="").filter(result=task.result):
        _learn_of_step(subtask)


@again_after_deadlock
def subtask_rate(actor: Actor, subtask: Subtask, *, thumb: int | None) -> None:
    """The same of what one step gave."""
    _must_be_thumb(thumb)
    if not subtask.result:
        raise Conflict(_("There is no result to have an opinion of."))
    lock(subtask.task)
    _thumb(actor.user.pk, subtask.task.team_id, thumb or 0, subtask=subtask)
    _learn_of_step(subtask)


@again_after_deadlock
def answer_rated(event: AnswerRated) -> None:
    """A person rated an answer to a prompt, here or in a chat. The prompt itself keeps the latest thumb."""
    execution = TaskExecution.objects.select_for_update().filter(public_id=event.execution_public_id).first()
    if execution is None:
        return
    _thumb(event.person_id, execution.team_id, event.thumb, execution=execution)
    TaskExecution.objects.filter(pk=execution.pk).update(thumb=event.thumb or None)
    for row in execution.verdicts.all():
        verdict_learn(row)


def _learn_of_step(subtask: Subtask) -> None:
    for row in subtask.verdicts.select_related("subtask__task"):
        verdict_learn(row)


def _thumb(person_id: int, team_id: int, thumb: int, **subject: Any) -> None:
    if thumb:
        ResultThumb.objects.update_or_create(person_id=person_id, **subject, defaults={"team_id": team_id, "thumb": thumb})
    else:
        ResultThumb.objects.filter(person=person_id, **subject).delete()


def _must_be_thumb(thumb: int | None) -> None:
    if thumb not in (1, -1, None):
        raise BadInput(_("A thumb is up (1), down (-1), or taken back (null)."), field="thumb")
