"""Tells the pages what has just been stored. Hints: whoever misses one reads the database."""

from __future__ import annotations

from typing import Any

from apps.common import live
from apps.tasks import selectors
from apps.tasks.engine.types import ModelRef, PlannedSubtask
from apps.tasks.models import Subtask, Task
from apps.tasks.runner.projections import SEATS


def changed(task: Task, subtask: Subtask | None = None) -> None:
    """The task's state as it is stored now, and the state of the subtask that changed."""
    row = Task.objects.select_related("team").filter(pk=task.pk).first()
    if row is None:
        return
    data: dict[str, Any] = {"event": "status", "task": selectors.task_card(row)}
    if subtask is not None:
        seated = selectors.with_seats(Subtask.objects.filter(pk=subtask.pk)).first()
        data |= {"event": "subtask", "subtask": selectors.subtask_detail(seated) if seated else None}
    live.publish(f"task:{row.public_id}", "task:update", data)
    if subtask is None:
        live.publish(f"team:{row.team.public_id}", "team:update", {"event": "task", "task": data["task"]})


def noted(task: Task, *, level: str, event: str, message: str) -> None:
    note = {"level": level, "event": event, "message": message}
    live.publish(f"task:{task.public_id}", "task:update", {"event": "note", "note": note})


class LiveAudience:
    """The engine's Audience: pieces of text on their way to whoever has the task's page open."""

    def __init__(self, task: Task) -> None:
        self.topic = f"task:{task.public_id}"
        self._shown: dict[str, int] = {}  # call → how much of its text has been sent, as browsers count (UTF-16)

    def text(
        self, *, call: str, subtask: PlannedSubtask | None, stage: str, model: ModelRef, seq: int, delta: str, restarted: bool
    ) -> None:
        at = 0 if restarted else self._shown.get(call, 0)
        self._shown[call] = at + len(delta.encode("utf-16-le")) // 2
        text = {
            "call": call,
            "order": subtask.order if subtask else None,
            "role": SEATS.get(stage, "planner"),
            "model": {"id": model.id, "provider": model.provider, "model": model.model, "label": model.label},
            "seq": seq,
            "at": at,
            "delta": delta,
            "restarted": restarted,
        }
        live.publish(self.topic, "task:update", {"event": "text", "text": text})
