"""Everything that reads tasks for a screen, the API or a socket. Rows are visible to the whole team.

Percentages are JSON numbers; money is a text with eight decimals, or None where a price is unknown; times are aware datetimes.
"""

from __future__ import annotations

import uuid
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.errors import NotFound
from apps.providers.models import AIModel, SpecializedAI
from apps.providers.selectors import cost_words
from apps.tasks.messages import describe, explain_row
from apps.tasks.models import Call, ExecutionLog, Priority, Subtask, SubtaskStatus, Task, TaskStatus
from apps.tasks.selectors.logs import as_shown

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
    task = tasks_visible(actor).select_related("owner").filter(public_id=_uuid(public_id)).first()
    if task is None:
        raise NotFound(_("There is no such task."))
    return task


def access_subtask(actor: Actor, public_id: uuid.UUID | str) -> Subtask:
    """The step of a task with its task, or NotFound."""
    subtask = subtasks_visible(actor).select_related("task").filter(public_id=_uuid(public_id)).first()
    if subtask is None:
        raise NotFound(_("There is no such step."))
    return subtask


def _uuid(public_id: uuid.UUID | str) -> uuid.UUID:
    try:
        return public_id if isinstance(public_id, uuid.UUID) else uuid.UUID(str(public_id))
    except ValueError as error:
        raise NotFound(_("There is nothing here under that id.")) from error


def with_seats(subtasks: QuerySet[Subtask]) -> QuerySet[Subtask]:
    """With the models in the three seats, as whom they spoke, and what each step depends on: two queries in all."""
    seats = (name for seat in SEATS for name in (f"{seat}__provider", f"{seat}_as"))
    return subtasks.select_related(*seats).prefetch_related("depends_on")


# ── Money and tokens ──────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Spent:
    """What calls took. `unpriced` counts those whose price is unknown: they are not in `cost_usd`."""

    cost_usd: Decimal = Decimal(0)
    tokens: int = 0
    calls: int = 0
    unpriced: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.cost_usd + other.cost_usd, self.tokens + other.tokens, self.calls + other.calls, self.unpriced + other.unpriced
        )

    @property
    def cost(self) -> str | None:
        """None when every call that was made has an unknown price."""
        return None if self.calls and self.calls == self.unpriced else money(self.cost_usd)


_SPENT = {
    "cost": Coalesce(Sum("usage__cost_usd"), Decimal(0)),
    "tokens": Coalesce(Sum("usage__input_tokens"), 0) + Coalesce(Sum("usage__output_tokens"), 0),
    "calls": Count("usage"),
    "unpriced": Count("usage", filter=Q(usage__cost_usd__isnull=True)),
}


def _spent_by(calls: QuerySet[Call], key: str) -> defaultdict[Any, Spent]:
    rows = calls.order_by().values(key).annotate(**_SPENT)
    found = {row[key]: Spent(Decimal(row["cost"]), row["tokens"], row["calls"], row["unpriced"]) for row in rows}
    return defaultdict(Spent, found)


def _spent_of(calls: Iterable[Call]) -> defaultdict[Any, Spent]:
    """The same for calls that are read already, with their usage."""
    found: defaultdict[Any, Spent] = defaultdict(Spent)
    for call in calls:
        if usage := call.usage:
            tokens, is_unpriced = usage.input_tokens + usage.output_tokens, usage.cost_usd is None
            found[call.subtask_id] += Spent(usage.cost_usd or Decimal(0), tokens, 1, int(is_unpriced))
    return found


def money(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:.8f}"


def percent(value: Decimal | None) -> float | None:
    return None if value is None else float(value)


# ── Tasks ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def task_card(task: Task) -> dict[str, Any]:
    """A task in brief, for lists and live messages. Two queries."""
    return task_cards([task])[0]


def task_cards(tasks: Sequence[Task]) -> list[dict[str, Any]]:
    """The same for many, in two queries altogether."""
    keys = [task.pk for task in tasks]
    spent = _spent_by(Call.objects.filter(task__in=keys), "task")
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
    spent = _spent_by(task.calls.all(), "subtask") if calls is None else _spent_of(calls)
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
    return _subtask(subtask, _spent_by(subtask.calls.all(), "subtask")[subtask.pk])


def subtask_details(subtasks: Sequence[Subtask]) -> list[dict[str, Any]]:
    spent = _spent_by(Call.objects.filter(subtask__in=[subtask.pk for subtask in subtasks]), "subtask")
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


# ── The journal ───────────────────────────────────────────────────────────────────────────────────────────────────
def task_calls(task: Task, *, with_texts: bool = True) -> list[Call]:
    """Every call of the task with its usage, its model and as whom it spoke, in their order. One query."""
    rows = task.calls.select_related("usage", "model__provider", "specialized_ai").order_by("started_at", "pk")
    return list(rows if with_texts else rows.defer("request", "text", "answer"))


def task_trace(task: Task, *, with_texts: bool = True, calls: Sequence[Call] | None = None) -> list[dict[str, Any]]:
    """What was done, stage by stage in the order it began, each with the calls it made. Two queries.

    [{key, stage, subtask, started_at, finished_at, result, error, calls: [{id, key, purpose, role, model, status, text, request,
    error, error_code, latency_ms, first_token_ms, input_tokens, output_tokens, is_estimated, cost, cost_note, started_at,
    finished_at}]}].
    Without texts `text` and `request` are left out, which can be large. `calls`: what `task_calls` gave, for one query less.
    """
    by_step: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for call in task_calls(task, with_texts=with_texts) if calls is None else calls:
        by_step[call.key.partition("#")[0]].append(_call(call, with_texts=with_texts))
    steps = task.steps.select_related("subtask").order_by("started_at", "pk")
    return [
        {
            "key": step.key,
            "stage": step.stage,
            "subtask": str(step.subtask.public_id) if step.subtask else None,
            "order": step.subtask.order if step.subtask else None,
            "started_at": step.started_at,
            "finished_at": step.finished_at,
            "result": step.result,
            "error": step.error,
            "calls": by_step[step.key],
        }
        for step in steps
    ]


ROLES = {"plan": "planner", "execute": "executor", "validate": "validator", "tie-break": "tie_breaker", "compose": "executor"}


def _call(call: Call, *, with_texts: bool = True) -> dict[str, Any]:
    usage = call.usage
    known: dict[str, Any] | None = model_reference(call.model)
    model = known or {"id": None, "provider": "", "model": call.model_name, "label": call.model_name}
    return {
        "id": str(call.public_id),
        "key": call.key,
        "purpose": call.purpose,
        "role": ROLES.get(call.purpose, "executor"),
        "model": model,
        "specialized_ai": voice_reference(call.specialized_ai),
        "status": call.status,
        **({"text": call.text, "request": call.request} if with_texts else {}),
        "error": call.error,
        "error_code": call.error_code,
        "latency_ms": usage.latency_ms if usage else None,
        "first_token_ms": usage.first_token_ms if usage else None,
        "input_tokens": usage.input_tokens if usage else None,
        "output_tokens": usage.output_tokens if usage else None,
        "is_estimated": usage.is_estimated if usage else False,
        "cost": money(usage.cost_usd) if usage else None,
        "cost_note": cost_words(usage) if usage else "",
        "started_at": call.started_at,
        "finished_at": call.finished_at,
    }


def calls_at_work(task: Task) -> list[dict[str, Any]]:
    """The answers that are being written now, with their text so far. One query."""
    calls = task.calls.filter(status=Call.Status.STARTED).select_related("model__provider", "subtask", "usage", "specialized_ai")
    return [{**_call(call), "subtask": str(call.subtask.public_id) if call.subtask else None} for call in calls]


def task_logs(task: Task, *, level: str = "", subtask: Subtask | None = None) -> QuerySet[ExecutionLog]:
    """What happened, in words, the newest first."""
    logs = as_shown(task.logs.all())
    if level:
        logs = logs.filter(level=level)
    return logs.filter(subtask=subtask) if subtask else logs


def log_entry(entry: ExecutionLog) -> dict[str, Any]:
    """A log row as JSON, its message in the language of now. Needs `task`, `subtask` and `execution` selected."""
    return {
        "id": str(entry.public_id),
        "level": entry.level,
        "event": entry.event,
        "message": describe(entry.event, {"message": entry.message, **entry.data}, default=entry.message),
        "data": entry.data,
        "task": str(entry.task.public_id) if entry.task else None,
        "prompt": str(entry.execution.public_id) if entry.execution else None,
        "model": entry.model_name,
        "subtask": str(entry.subtask.public_id) if entry.subtask else None,
        "order": entry.subtask.order if entry.subtask else None,
        "request_id": entry.request_id,
        "created_at": entry.created_at,
    }


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
    spent = _spent_by(Call.objects.filter(task__team=actor.team, started_at__gte=start), "task__team")[actor.team.pk]
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
