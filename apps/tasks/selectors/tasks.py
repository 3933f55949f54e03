"""Everything that reads tasks for a screen, the API or a socket. Rows are visible to the whole team.

Percentages are JSON numbers; money is a text with eight decimals, or None where a price is unknown; times are aware datetimes.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from datetime import timedelta
from typing import Any

from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.lookups import access_row
from apps.providers.models import AIModel, SpecializedAI
from apps.tasks.messages import explain_row
from apps.tasks.models import Call, Priority, Subtask, SubtaskStatus, Task, TaskStatus
from apps.tasks.selectors.spent import Spent, money, percent, spent_by, spent_of

ENDED_SUBTASK = (SubtaskStatus.COMPLETED, SubtaskStatus.FAILED, SubtaskStatus.SKIPPED, SubtaskStatus.CANCELLED)
SEATS = ("executor", "validator", "tie_breaker")
_DONE_OF_THREE = {SubtaskStatus.VALIDATING: 1, SubtaskStatus.TIE_BREAKING: 2, SubtaskStatus.COMPLETED: 3}


# ── Looking up ────────────────────────────────────────────────────────────────────────────────────────────────────
def tasks_visible(actor: Actor) -> QuerySet[Task]:
    """All tasks of the actor's team but those that were deleted, the newest first."""
    return Task.objects.filter(team=actor.team, deleted_at=None)


def subtasks_visible(actor: Actor) -> QuerySet[Subtask]:
    return with_seats(Subtask.objects.filter(task__team=actor.team, task__deleted_at=None))


def access_task(actor: Actor, public_id: uuid.UUID | str) -> Task:
    """The task, or NotFound: for another team's as for one that never was."""
    return access_row(tasks_visible(actor).select_related("owner"), public_id, _("There is no such task."))


def access_subtask(actor: Actor, public_id: uuid.UUID | str) -> Subtask:
    """The step of a task with its task, or NotFound."""
    return access_row(subtasks_visible(actor).select_related("task"), public_id, _("There is no such step."))


def with_seats(subtasks: QuerySet[Subtask]) -> QuerySet[Subtask]:
    """With the models in the three seats, as whom they spoke, and what each step depends on: two queries in all."""
    seats = (name for seat in SEATS for name in (f"{seat}__provider", f"{seat}_as"))
    return subtasks.select_related(*seats).prefetch_related("depends_on")


# ── Tasks ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def task_card(task: Task) -> dict[str, Any]:
    """A task in brief, for lists and live messages. Two queries."""
    return task_cards([task])[0]


def task_cards(tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """The same for many, in two queries altogether."""
    keys = [task.pk for task in tasks]
    spent = spent_by(Call.objects.filter(task__in=keys), "task")
    statuses: defaultdict[int, list[str]] = defaultdict(list)
    for task_id, status in Subtask.objects.filter(task__in=keys).values_list("task", "status"):
        statuses[task_id].append(status)
    return [_card(task, spent[task.pk], statuses[task.pk]) for task in tasks]


def _card(task: Task, spent: Spent, statuses: Sequence[str]) -> dict[str, Any]:
    return {
        "id": str(task.public_id),
        "title": task.title,
        "status": task.status,
        "status_label": str(TaskStatus(task.status).label),
        "is_started": task.is_started,
        "progress": _progress(task, statuses),
        "steps": len(statuses),
        "steps_done": sum(status == SubtaskStatus.COMPLETED for status in statuses),
        "confidence": percent(task.confidence),
        "cost": spent.cost,
        "cost_is_partial": spent.unpriced > 0,
        "tokens": spent.tokens,
        "priority": Priority(task.priority).name.lower(),
        "category": task.category,
        "error": explain_row(task),
        "error_code": task.error_code,
        "is_sample": task.is_sample,
        "created_at": task.created_at,
        "started_at": task.started_at,
        "finished_at": task.finished_at,
    }


def _progress(task: Task, statuses: Sequence[str]) -> int:
    """0-100: how many of the three stages of every step (written, checked, concluded) are over."""
    if task.status == TaskStatus.COMPLETED:
        return 100
    done = sum(_DONE_OF_THREE.get(SubtaskStatus(status), 0) for status in statuses)
    return min(99, 100 * done // (3 * len(statuses))) if statuses else 0


def task_detail(task: Task, *, calls: Sequence[Call] | None = None) -> dict[str, Any]:
    """A task as `GET /api/tasks/{id}/` gives it, its steps in order. Three queries; two where its `calls` are given."""
    subtasks = list(with_seats(task.subtasks.all()).order_by("order"))
    spent = spent_by(task.calls.all(), "subtask") if calls is None else spent_of(calls)
    total = sum(spent.values(), Spent())
    return {
        **_card(task, total, [subtask.status for subtask in subtasks]),
        "description": task.description,
        "result": task.result,
        "policy": task.policy,
        "models": task.cast,
        "approve_plan": task.approve_plan,
        "plan": task.plan,
        "budget": money(task.budget_usd),
        "deadline": task.deadline,
        "time_left_s": _time_left_s(task, subtasks),
        "subtasks": [_subtask(subtask, spent[subtask.pk]) for subtask in subtasks],
    }


def subtask_detail(subtask: Subtask) -> dict[str, Any]:
    """One step, as in its task. One query beside those of `with_seats`."""
    return _subtask(subtask, spent_by(subtask.calls.all(), "subtask")[subtask.pk])


def subtask_details(subtasks: Sequence[Subtask]) -> list[dict[str, Any]]:
    spent = spent_by(Call.objects.filter(subtask__in=[subtask.pk for subtask in subtasks]), "subtask")
    return [_subtask(subtask, spent[subtask.pk]) for subtask in subtasks]


def _subtask(subtask: Subtask, spent: Spent) -> dict[str, Any]:
    return {
        "id": str(subtask.public_id),
        "order": subtask.order,
        "title": subtask.title,
        "description": subtask.description,
        "category": subtask.category,
        "status": subtask.status,
        "status_label": str(SubtaskStatus(subtask.status).label),
        "depends_on": [str(other.public_id) for other in sorted(subtask.depends_on.all(), key=lambda other: other.order)],
        "acceptance_criteria": subtask.acceptance_criteria,
        "result": subtask.result,
        **{seat: model_reference(getattr(subtask, seat)) for seat in SEATS},
        **{f"{seat}_as": voice_reference(getattr(subtask, f"{seat}_as")) for seat in SEATS},
        "divergence": percent(subtask.divergence),
        "divergence_parts": subtask.divergence_parts,
        "verdict": subtask.verdict,
        "confidence": percent(subtask.confidence),
        "cross_validated": subtask.cross_validated,
        "tie_break": subtask.tie_break and {key: subtask.tie_break.get(key) for key in ("winner", "reason")},
        "suspect": subtask.suspect,
        "escalations": subtask.escalations,
        "attempts": subtask.attempts,
        "round": subtask.round,
        "cost": spent.cost,
        "cost_is_partial": spent.unpriced > 0,
        "tokens": spent.tokens,
        "error": explain_row(subtask),
        "started_at": subtask.started_at,
        "finished_at": subtask.finished_at,
    }


def model_reference(model: AIModel | None) -> dict[str, str] | None:
    """{"id", "provider", "model", "label"}; None for an empty seat."""
    if model is None:
        return None
    return {"id": str(model.public_id), "provider": model.provider.name, "model": model.key, "label": str(model)}


def voice_reference(voice: SpecializedAI | None) -> dict[str, str] | None:
    """{"id", "name"} of the specialized AI that a model spoke as; None: as itself."""
    return {"id": str(voice.public_id), "name": str(voice)} if voice else None


def _time_left_s(task: Task, subtasks: Iterable[Subtask]) -> int | None:
    """From how long this task's finished steps took, as if the rest ran one after another; None before the first."""
    if not task.is_at_work:
        return None
    took = [(s.finished_at - s.started_at).total_seconds() for s in subtasks if s.finished_at and s.started_at]
    if not took:
        return None
    now, mean_s = timezone.now(), sum(took) / len(took)
    open_ones = [subtask for subtask in subtasks if subtask.status not in ENDED_SUBTASK]
    return round(sum(max(0.0, mean_s - (now - (s.started_at or now)).total_seconds()) for s in open_ones))


# ── Lists and figures ─────────────────────────────────────────────────────────────────────────────────────────────
GROUPS = {
    "at-work": (TaskStatus.PENDING, TaskStatus.PLANNING, TaskStatus.RUNNING),
    "needs-you": (TaskStatus.AWAITING_APPROVAL, TaskStatus.PAUSED),
    **{status.value: (status,) for status in TaskStatus},
}


def tasks_filtered(
    actor: Actor, *, status: str = "", search: str = "", is_mine: bool = False, priority: str = ""
) -> QuerySet[Task]:
    """The list that a page or the API asks for. `status` is one status or a group of `GROUPS`; what is unknown finds nothing."""
    tasks = tasks_visible(actor)
    if status:
        tasks = tasks.filter(status__in=GROUPS.get(status, ()))
    if priority:
        tasks = tasks.filter(priority=Priority[priority.upper()]) if priority.upper() in Priority.names else tasks.none()
    if is_mine:
        tasks = tasks.filter(owner=actor.user)
    return tasks_saying(tasks, search)


def tasks_saying(tasks: QuerySet[Task], search: str) -> QuerySet[Task]:
    """Tasks in whose title or description every word occurs."""
    for word in search.split()[:8]:
        tasks = tasks.filter(Q(title__icontains=word) | Q(description__icontains=word))
    return tasks


def tasks_by_status(actor: Actor, *, since: timedelta | None = None) -> dict[str, int]:
    """How many tasks of the team are in each status, zeros included."""
    tasks = tasks_visible(actor).filter(created_at__gte=timezone.now() - since) if since else tasks_visible(actor)
    counted = dict(tasks.order_by().values_list("status").annotate(number=Count("pk")))
    return {status.value: counted.get(status.value, 0) for status in TaskStatus}


def tasks_stats(actor: Actor, days: int = 7) -> dict[str, Any]:
    """Figures of the last `days`: tasks by status, money, tokens, and how the steps were checked. Three queries."""
    since = timedelta(days=days)
    by_status = tasks_by_status(actor, since=since)
    start = timezone.now() - since
    spent = spent_by(Call.objects.filter(task__team=actor.team, started_at__gte=start), "task__team")[actor.team.pk]
    steps = Subtask.objects.filter(task__team=actor.team, finished_at__gte=start, status=SubtaskStatus.COMPLETED).aggregate(
        finished=Count("pk"),
        cross_validated=Count("pk", filter=Q(cross_validated=True)),
        settled_by_judge=Count("pk", filter=Q(tie_breaker_family__isnull=False)),
        escalated=Count("pk", filter=Q(escalations__gt=0)),
        suspect=Count("pk", filter=Q(suspect=True)),
    )
    return {
        "days": days,
        "total": sum(by_status.values()),
        "by_status": by_status,
        "cost": spent.cost,
        "cost_is_partial": spent.unpriced > 0,
        "tokens": spent.tokens,
        "calls": spent.calls,
        "steps": steps,
    }
