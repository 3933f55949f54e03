"""Everything that people change about tasks. One function a change, in one transaction; the doorbell rings on commit."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.errors import Conflict
from apps.providers.models import AIModel
from apps.tasks.engine.types import Plan
from apps.tasks.fields import Fields, chat_model, read_plan
from apps.tasks.jobs import ring_on_commit
from apps.tasks.logbook import log_write
from apps.tasks.models import (
    AT_WORK,
    Call,
    Subtask,
    SubtaskStatus,
    Task,
    TaskStatus,
)
from apps.tasks.runner import announce
from apps.tasks.runner.endings import close_open_subtasks
from apps.tasks.runner.projections import plan_json, plan_write
from apps.tasks.selectors.checking import verifying_policy
from apps.tasks.states import lock, move

# ── making and changing ───────────────────────────────────────────────────────────────────────────────────────────


def task_create(
    actor: Actor,
    *,
    description: str,
    title: str = "",
    category: str = "",
    priority: str = "medium",
    start: bool = True,
    approve_plan: bool = False,
    budget: Decimal | str | None = None,
    deadline: datetime | None = None,
    policy: Mapping[str, Any] | None = None,
    models: Mapping[str, str] | None = None,
    idempotency_key: str | None = None,
    is_sample: bool = False,
) -> Task:
    """A new task, and with `start` a ring for the workers. Raises BadInput that names every field that cannot be used.

    `models` maps a role (planner, executor, validator, tie_breaker) to the public id of a model. The same
    `idempotency_key` of the same person gives the task that it made before.
    """
    actor.must_work()
    fields = Fields(actor)
    description = fields.description(description)
    values = {
        "description": description,
        "title": fields.title(title, description),
        "category": fields.category(category),
        "priority": fields.priority(priority),
        "budget_usd": fields.budget(budget),
        "deadline": fields.deadline(deadline),
        "policy": _with_rules_of_team(actor, fields.policy(policy), is_sample=is_sample),
        "cast": fields.cast(models),
        "is_started": start,
        "approve_plan": approve_plan,
        "idempotency_key": idempotency_key or None,
        "is_sample": is_sample,
    }
    fields.raise_errors()
    return _task_make_once(actor, values) if idempotency_key else _task_make(actor, values)


def _with_rules_of_team(actor: Actor, policy: dict[str, Any], *, is_sample: bool) -> dict[str, Any]:
    """Which steps are checked: as the task says, else as the team's rules say when it is made. They hold for it from then on."""
    if is_sample or "verify" in policy or "verify_by_category" in policy:
        return policy
    return {**verifying_policy(actor.team.pk), **policy}


def _task_make_once(actor: Actor, values: dict[str, Any]) -> Task:
    """The task that was made with this key before, also by a request that came at the same moment."""
    made = Task.objects.filter(owner=actor.user, idempotency_key=values["idempotency_key"])
    try:
        return made.first() or _task_make(actor, values)
    except IntegrityError:
        return made.get()


def _task_make(actor: Actor, values: dict[str, Any]) -> Task:
    with transaction.atomic():
        task = Task.objects.create(owner=actor.user, team=actor.team, **values)
        _log(task, "created", actor)
        if task.is_started:
            ring_on_commit()
        _tell_on_commit(task)
    return task


def task_update(actor: Actor, task: Task, **changes: Any) -> Task:
    """Change what may still change: title, category, priority, budget, deadline and policy at any time before the end."""
    actor.must_own(task.owner_id)
    if task.status == TaskStatus.COMPLETED and set(changes) - {"title"}:
        raise Conflict(_("This task is completed; only its title can still be changed."))
    fields = Fields(actor)
    readers = {
        "title": lambda value: ("title", fields.title(value, task.description)),
        "category": lambda value: ("category", fields.category(value)),
        "priority": lambda value: ("priority", fields.priority(value)),
        "budget": lambda value: ("budget_usd", fields.budget(value)),
        "deadline": lambda value: ("deadline", fields.deadline(value)),
        "policy": lambda value: ("policy", fields.merged_policy(task, value)),
        "models": lambda value: ("cast", fields.cast(value)),
        "description": lambda value: ("description", fields.description(value)),
    }
    if "description" in changes and task.steps.exists():
        fields.add("description", "too_late", _("The task has been planned; its description can no longer be changed."))
    values = dict(readers[name](value) for name, value in changes.items() if name in readers)
    fields.raise_errors()
    with transaction.atomic():
        for name, value in values.items():
            setattr(task, name, value)
        task.save(update_fields=[*values, "updated_at"])
        _tell_on_commit(task)
    return task


def task_delete(actor: Actor, task: Task) -> None:
    """Take a task away; one that runs is stopped first. For a day it can be brought back. Its costs stay in the usage rows."""
    actor.must_own(task.owner_id)
    with transaction.atomic():
        if task.status in AT_WORK:
            task_cancel(actor, task)
        task.deleted_at = timezone.now()
        task.save(update_fields=["deleted_at", "updated_at"])
        _log(task, "deleted", actor)
        _tell_on_commit(task)


# ── starting, stopping ────────────────────────────────────────────────────────────────────────────────────────────


def task_start(actor: Actor, task: Task) -> Task:
    """Start a task that waits for it, or take up again one that failed or was cancelled; what is done is not done again."""
    actor.must_own(task.owner_id)
    with transaction.atomic():
        if task.status == TaskStatus.PENDING and task.is_started:
            return task
        lock(task)
        if task.status == TaskStatus.PENDING:
            Task.objects.filter(pk=task.pk).update(is_started=True)
            task.is_started = True
        elif task.status in (TaskStatus.FAILED, TaskStatus.CANCELLED, TaskStatus.PAUSED):
            _take_up_again(task)
        else:
            raise Conflict(_("This task is “%s”; there is nothing to start.") % task.get_status_display())
        _log(task, "started", actor)
        ring_on_commit()
        _tell_on_commit(task)
    return task


def task_pause(actor: Actor, task: Task) -> Task:
    """No further step begins; answers that are being written are let finish, and kept."""
    actor.must_own(task.owner_id)
    with transaction.atomic():
        move(task, TaskStatus.PAUSED, error_code="", error="", error_data={})
        _log(task, "paused", actor)
        _tell_on_commit(task)
    return task


def task_resume(actor: Actor, task: Task, *, policy: Mapping[str, Any] | None = None) -> Task:
    """Go on from where it stopped, if wanted with another policy (for instance to go on without a check)."""
    actor.must_own(task.owner_id)
    if task.status != TaskStatus.PAUSED:
        raise Conflict(_("Only a paused task can be resumed; this one is “%s”.") % task.get_status_display())
    fields = Fields(actor)
    merged = fields.merged_policy(task, policy)
    fields.raise_errors()
    with transaction.atomic():
        Task.objects.filter(pk=task.pk).update(policy=merged)
        _take_up_again(task)
        _log(task, "resumed", actor)
        ring_on_commit()
        _tell_on_commit(task)
    return task


def task_cancel(actor: Actor, task: Task) -> Task:
    """Stop now: the worker closes the running calls within a second; what is done stays."""
    actor.must_own(task.owner_id)
    with transaction.atomic():
        was_running = task.status in AT_WORK and task.lease_owner
        move(task, TaskStatus.CANCELLED)
        if not was_running:
            close_open_subtasks(task)
        _log(task, "cancelled", actor)
        _tell_on_commit(task)
    return task


def plan_approve(actor: Actor, task: Task, *, plan: Mapping[str, Any] | None = None) -> Task:
    """Let the plan run, as it is or as the person changed it. Raises BadInput that says what is wrong with the change."""
    actor.must_own(task.owner_id)
    if task.status != TaskStatus.AWAITING_APPROVAL:
        raise Conflict(_("This task has no plan that waits for approval."))
    planned = read_plan(plan) if plan is not None else None
    with transaction.atomic():
        lock(task)
        fields: dict[str, Any] = {"plan_approved_at": timezone.now()}
        if planned is not None:
            plan_write(task, planned)
            fields["plan"] = {**(task.plan or {}), "subtasks": plan_json(Plan(planned))["subtasks"]}
        move(task, TaskStatus.PENDING, **fields)
        _log(task, "plan_approved", actor, changed=planned is not None)
        ring_on_commit()
        _tell_on_commit(task)
    return task


def subtask_retry(actor: Actor, subtask: Subtask, *, model: str | None = None) -> Subtask:
    """Do a step again, with another model if one is named, and with it every step that builds on it."""
    task = subtask.task
    actor.must_own(task.owner_id)
    author = chat_model(actor, model, field="model") if model else None
    with transaction.atomic():
        _must_be_at_rest(task)
        subtask.refresh_from_db()  # another retry may have come between
        _reopen(subtask, author)
        for follower in _followers(subtask):
            _reopen(follower, None)
        task.steps.filter(key="compose").delete()
        _log(task, "retried", actor, subtask=subtask, model=str(author or ""))
        if task.status != TaskStatus.PENDING:
            _take_up_again(task)
        ring_on_commit()
        _tell_on_commit(task)
    return subtask


def task_escalate(actor: Actor, task: Task) -> Task:
    """Have the weakest finished step done again by the ablest model that has not written it yet."""
    weakest = task.subtasks.filter(status=SubtaskStatus.COMPLETED).order_by("confidence", "order").first()
    if weakest is None:
        raise Conflict(_("No step of this task is finished yet, so there is nothing to escalate."))
    return subtask_escalate(actor, weakest).task


def subtask_escalate(actor: Actor, subtask: Subtask) -> Subtask:
    """Have a step done again by the ablest model of another family than its author's."""
    actor.must_own(subtask.task.owner_id)
    others = AIModel.objects.in_use().filter(provider__team=actor.team).exclude(family=subtask.executor_family)
    chat_models = [model for model in others if model.is_chat and (subtask.task.is_sample or not model.is_practice)]
    if not chat_models:
        raise Conflict(_("There is no model of another family to escalate to. Add one, or switch one on."))
    ablest = max(chat_models, key=lambda model: (AIModel.tier_rank(model.tier), model.skill or 0))
    with transaction.atomic():
        lock(subtask.task)
        _log(subtask.task, "escalated_by_hand", actor, subtask=subtask, model=str(ablest))
        return subtask_retry(actor, subtask, model=str(ablest.public_id))


# ── below ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _must_be_at_rest(task: Task) -> None:
    """A worker that still writes would mix what it began with the new round."""
    row = lock(task)
    if row.is_held and row.status in (*AT_WORK, TaskStatus.PENDING):
        raise Conflict(_("The task is running. Pause it first, then retry the step."))
    if row.is_held:
        raise Conflict(_("A worker is still finishing what it began. Try again in a moment."))


def _take_up_again(task: Task) -> None:
    """Make the task waiting again and forget what failed, so that it is tried anew; what succeeded stays in the journal."""
    finished = set(task.steps.filter(result__isnull=False).values_list("key", flat=True))
    _forget_casts(task, finished)
    for call in task.calls.filter(status=Call.Status.FAILED):
        if call.key.partition("#")[0] not in finished:
            call.key = f"{call.key}~{call.pk}"
            call.save(update_fields=["key"])
    reopened = (SubtaskStatus.FAILED, SubtaskStatus.SKIPPED, SubtaskStatus.CANCELLED)
    task.subtasks.filter(status__in=reopened).update(
        status=SubtaskStatus.PENDING, error_code="", error="", error_data={}, finished_at=None
    )
    move(task, TaskStatus.PENDING, is_started=True, error_code="", error="", error_data={}, finished_at=None)


def _forget_casts(task: Task, finished: set[str]) -> None:
    """Choose anew who does an attempt that was not concluded: others may be in use now. Half-written work keeps its author."""
    answered = {key.partition("#")[0] for key in task.calls.filter(status=Call.Status.DONE).values_list("key", flat=True)}
    for key in [key for key in finished if key.endswith("/cast")]:
        attempt = key.removesuffix("/cast")
        is_half_written = f"{attempt}/execute" in answered - finished
        if f"{attempt}/conclude" not in finished and not is_half_written:
            task.steps.filter(key=key).delete()


def _reopen(subtask: Subtask, author: AIModel | None) -> None:
    """A new round: the journal's keys of the old one are never asked for again."""
    subtask.round += 1
    subtask.clear_work()
    subtask.status, subtask.asked_executor, subtask.escalations = SubtaskStatus.PENDING, author, 0
    subtask.started_at = subtask.finished_at = None
    subtask.save()


def _followers(subtask: Subtask) -> list[Subtask]:
    """Every step that builds on this one, directly or through others."""
    needed_by: dict[int, set[int]] = {}
    rows = {row.pk: row for row in subtask.task.subtasks.prefetch_related("depends_on")}
    for row in rows.values():
        for need in row.depends_on.all():
            needed_by.setdefault(need.pk, set()).add(row.pk)
    found: set[int] = set()
    todo = [subtask.pk]
    while todo:
        fresh = needed_by.get(todo.pop(), set()) - found
        found |= fresh
        todo.extend(fresh)
    return [rows[pk] for pk in sorted(found)]


def _log(task: Task, event: str, actor: Actor, *, subtask: Subtask | None = None, **data: Any) -> None:
    log_write(task, event, subtask=subtask, person_id=actor.user.pk, data={"by": str(actor.user), **data})


def _tell_on_commit(task: Task) -> None:
    transaction.on_commit(lambda: announce.changed(task))
