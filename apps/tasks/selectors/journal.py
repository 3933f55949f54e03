"""What was done for a task: its stages with their calls, the answers that are being written, its log."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db.models import QuerySet

from apps.providers.selectors import cost_words
from apps.tasks.messages import describe
from apps.tasks.models import Call, ExecutionLog, Subtask, Task
from apps.tasks.selectors.logs import as_shown
from apps.tasks.selectors.spent import money
from apps.tasks.selectors.tasks import model_reference, voice_reference


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
