"""How a run ends in the task's row: completed, waiting for a person, cancelled, failed, or left for the next worker."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError
from django.utils import timezone, translation

from apps.accounts.services import notify
from apps.common.db import again_after_deadlock
from apps.common.errors import OrquestradorError
from apps.providers.services import reservations_release
from apps.tasks import messages
from apps.tasks.engine.errors import AwaitingApproval, LeaseLost, PauseRequested, Stop
from apps.tasks.logbook import log_write
from apps.tasks.models import Subtask, SubtaskStatus, Task, TaskStatus
from apps.tasks.runner import announce
from apps.tasks.states import try_move

log = logging.getLogger(__name__)

AT_REST = (SubtaskStatus.COMPLETED, SubtaskStatus.FAILED, SubtaskStatus.SKIPPED, SubtaskStatus.CANCELLED)


def completed(task: Task, holder: str) -> None:
    if _rest(task, holder, TaskStatus.COMPLETED, event="completed"):
        _tell_owner(task, "task_completed")


def ended_early(task: Task, holder: str, error: BaseException, stop_reason: str) -> None:
    """Put the task to rest as what ended it demands."""
    if isinstance(error, asyncio.CancelledError):
        _cancelled_from_outside(task, holder, stop_reason)
    elif isinstance(error, TimeoutError):
        _fail(task, holder, "time_limit", {})
    elif isinstance(error, LeaseLost):
        log.warning("the lease was lost; another worker runs the task")
    elif isinstance(error, AwaitingApproval):
        if _rest(task, holder, TaskStatus.AWAITING_APPROVAL, event="awaiting_approval"):
            _tell_owner(task, "task_needs_you")
    elif isinstance(error, PauseRequested):
        _let_go(task, holder)  # the person who paused it has set its status; perhaps it has been resumed since
    elif isinstance(error, Stop):
        code = error.code
        if _rest(task, holder, TaskStatus.PAUSED, event=code, error_code=code, error=error.message, data=error.extra):
            _tell_owner(task, "task_needs_you")
    elif isinstance(error, OrquestradorError):
        _fail(task, holder, error.code, error.extra, message=error.message)
    elif isinstance(error, (OperationalError, InterfaceError)):
        log.warning("the database failed (%s); the task goes on from what is stored when its lease has run out", error)
    else:
        log.error("a task ended unexpectedly", exc_info=error)
        _fail(task, holder, "unexpected", {"kind": type(error).__name__})


def _cancelled_from_outside(task: Task, holder: str, stop_reason: str) -> None:
    if stop_reason in ("cancelled", "worker_stopped"):
        _let_go(task, holder)  # a stopped worker's task goes on where it stopped as soon as another looks


def _let_go(task: Task, holder: str) -> None:
    if row := _let_go_in_db(task, holder):
        announce.changed(row)


@again_after_deadlock
def _let_go_in_db(task: Task, holder: str) -> Task | None:
    row = _held(task, holder)
    if row is not None:
        if row.status == TaskStatus.CANCELLED:
            close_open_subtasks(row)
        _release(row, holder)
    return row


def close_open_subtasks(task: Task) -> None:
    """What was not at rest when a task was cancelled is cancelled with it."""
    Subtask.objects.filter(task=task).exclude(status__in=AT_REST).update(
        status=SubtaskStatus.CANCELLED, finished_at=timezone.now()
    )


def _fail(task: Task, holder: str, code: str, extra: dict[str, Any], *, message: str = "") -> None:
    if _rest(task, holder, TaskStatus.FAILED, event="failed", error_code=code, error=message, data=extra, level="error"):
        _tell_owner(task, "task_failed")


def _rest(
    task: Task,
    holder: str,
    status: str,
    *,
    event: str,
    error_code: str = "",
    error: str = "",
    data: dict[str, Any] | None = None,
    level: str = "info",
) -> bool:
    """Move the task to `status`, let go of the lease, and log it; False when a person was quicker."""
    row, moved = _rest_in_db(task, holder, status, event, error_code, error, _plain(data or {}), level)
    if row is not None:
        announce.changed(row)
    return moved


@again_after_deadlock
def _rest_in_db(
    task: Task, holder: str, status: str, event: str, error_code: str, error: str, data: dict[str, Any], level: str
) -> tuple[Task | None, bool]:
    row = _held(task, holder)
    if row is None:
        return None, False
    moved = try_move(row, status, error_code=error_code, error=error, error_data=data)
    if moved:
        log_write(row, event, level=level, message=error, data=data)
    if row.status == TaskStatus.CANCELLED:
        close_open_subtasks(row)
    _release(row, holder)
    return row, moved


def _held(task: Task, holder: str) -> Task | None:
    return Task.objects.select_for_update().filter(pk=task.pk, lease_owner=holder).first()


def _release(task: Task, holder: str) -> None:
    if Task.objects.filter(pk=task.pk, lease_owner=holder).update(lease_owner="", lease_until=None):
        reservations_release(task.public_id)  # of a call that a cancel met before its first word


def _tell_owner(task: Task, kind: str) -> None:
    task.refresh_from_db()
    if task.owner is not None:
        with translation.override(task.owner.language or settings.LANGUAGE_CODE):
            title, text = messages.headline(kind, task.title), messages.explain_row(task)
        notify(task.owner, kind=kind, title=title, text=text, url=f"/tasks/{task.public_id}/", team=task.team)


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    kept = (str, int, float, bool, list, dict, type(None))
    return {name: value if isinstance(value, kept) else str(value) for name, value in data.items()}
