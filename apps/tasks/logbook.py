"""The log: every line of it is written here, and told to whoever follows it.

A line says what happened to a task or to a routed prompt. Its words are made when it is read, in the reader's language.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.db import transaction

from apps.common import live
from apps.tasks.models import ExecutionLog, Subtask, Task, TaskExecution

HEARD_OF_MANY = 20
WRITTEN = "logs:written"  # hints with the keys of fresh lines; `apps.tasks.log_socket` reads them for whoever listens


def log_write(
    task: Task,
    event: str,
    *,
    subtask: Subtask | None = None,
    level: str = "info",
    message: str = "",
    data: dict[str, Any] | None = None,
    person_id: int | None = None,
) -> ExecutionLog:
    """A line about a task, for its team. Without `person_id` it is put down to the task's owner."""
    data = data or {}
    return _write(
        team_id=task.team_id,
        task=task,
        subtask=subtask,
        person_id=person_id or task.owner_id,
        level=level,
        event=event,
        message=message,
        data=data,
        model_name=_model_in(data),
    )


def log_prompt(
    execution: TaskExecution, event: str, *, level: str = "info", message: str = "", data: dict[str, Any] | None = None
) -> ExecutionLog:
    """A line about a routed prompt: for who asked it, and for admins unless it is of a chat."""
    is_private = execution.source not in TaskExecution.SEEN_BY_MANAGERS
    return _write(
        team_id=execution.team_id,
        execution=execution,
        person_id=execution.owner_id,
        audience=ExecutionLog.Audience.PERSON if is_private else ExecutionLog.Audience.MANAGERS,
        level=level,
        event=event,
        message=message,
        data=data or {},
        model_name=execution.model_name[:190],
    )


def topic_of(team_id: int) -> str:
    return f"logs:{team_id}"


def _write(**values: Any) -> ExecutionLog:
    line = ExecutionLog.objects.create(**values)
    transaction.on_commit(lambda: live.publish(topic_of(line.team_id), WRITTEN, {"lines": [line.pk], "skipped": 0}))
    return line


def log_many(team_id: int, task_ids: Sequence[int], event: str, *, person_id: int, data: dict[str, Any]) -> None:
    """The same line for many tasks, by one statement. Who follows hears of the first few, and how many there are."""
    lines = ExecutionLog.objects.bulk_create(
        ExecutionLog(team_id=team_id, task_id=key, person_id=person_id, event=event, data=data) for key in task_ids
    )
    keys = [line.pk for line in lines[:HEARD_OF_MANY] if line.pk]
    hint = {"lines": keys, "skipped": len(lines) - len(keys)}
    transaction.on_commit(lambda: live.publish(topic_of(team_id), WRITTEN, hint))


def _model_in(data: dict[str, Any]) -> str:
    name = data.get("model", "")
    return name[:190] if isinstance(name, str) else ""
