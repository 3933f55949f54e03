"""Tells the pages what has just been stored. Hints: whoever misses one reads the database."""

from __future__ import annotations

from uuid import UUID

from apps.common import live
from apps.tasks.engine.types import ModelRef, PlannedSubtask
from apps.tasks.models import Task
from apps.tasks.runner.projections import SEATS


def changed(task: Task, *subtask_ids: UUID) -> None:
    """That the task, and these subtasks of it, are to be read again. The web processes read, if anybody looks on."""
    live.publish(f"task:{task.public_id}", "task:changed", {"subtasks": [str(public_id) for public_id in subtask_ids]})
    live.publish(f"team:{task.team.public_id}", "team:changed", {"task": str(task.public_id)})


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
