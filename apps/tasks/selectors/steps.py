"""Steps of all tasks, as a list of their own: who wrote each, who checked it, and what came of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet

from apps.accounts.actor import Actor
from apps.common.searching import with_words
from apps.tasks.engine.types import Policy
from apps.tasks.models import Subtask, SubtaskStatus
from apps.tasks.selectors.tasks import subtask_details, with_seats

_AT_WORK = (SubtaskStatus.RUNNING, SubtaskStatus.VALIDATING, SubtaskStatus.TIE_BREAKING)
KINDS: dict[str, Q] = {
    "at-work": Q(status__in=_AT_WORK),
    "disputed": Q(divergence__gt=Policy().divergence_threshold),
    "not-sure": Q(confidence__lt=Policy().confidence_threshold),
    "suspect": Q(suspect=True),
    "escalated": Q(escalations__gt=0),
    "unchecked": Q(status=SubtaskStatus.COMPLETED) & ~Q(cross_validated=True),
    "failed": Q(status=SubtaskStatus.FAILED),
}


def steps_of_team(actor: Actor) -> QuerySet[Subtask]:
    """Without what each was made of and gave, which a list does not show. Those of deleted tasks are among them."""
    return Subtask.objects.filter(team=actor.team).defer("description", "result", "verdict", "acceptance_criteria")


def steps_narrowed(steps: QuerySet[Subtask], *, kind: str = "", search: str = "") -> QuerySet[Subtask]:
    """Those of tasks that are there. `kind`: one of KINDS, another one narrows nothing; words: in title, description, result."""
    found = steps.filter(KINDS.get(kind, Q()), task__deleted_at=None)
    return with_words(found, search, "title", "description", "result")


def step_cards(steps: Sequence[Subtask]) -> list[dict[str, Any]]:
    """Each step with its task's id and title. Three queries for any number."""
    rows = {row.pk: row for row in with_seats(Subtask.objects.filter(pk__in=[step.pk for step in steps])).select_related("task")}
    shown = [rows[step.pk] for step in steps if step.pk in rows]
    return [
        {**detail, "task_id": str(row.task.public_id), "task_title": row.task.title, "created_at": row.created_at}
        for row, detail in zip(shown, subtask_details(shown), strict=True)
    ]
