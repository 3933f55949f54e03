"""What a socket can ask about tasks: to be told of everything that happens to one, from its present state on."""

from __future__ import annotations

import uuid
from typing import Any

from channels.db import database_sync_to_async
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.consumers import Answer, LiveSocket
from apps.common.errors import BadInput
from apps.common.live import LiveMessage
from apps.tasks.models import Task
from apps.tasks.selectors import access_task, subtask_details, task_card, task_cards, task_detail, with_seats


async def task_subscribe(socket: LiveSocket, data: dict[str, Any]) -> Answer:
    """Listens first and reads then, so that nothing falls between; the answer is the task as it is now."""
    task_id = _task_id(data)

    async def check(actor: Actor) -> None:
        await database_sync_to_async(access_task)(actor, task_id)

    await socket.listen_to(f"task:{task_id}", check)
    return "task:update", await database_sync_to_async(_snapshot)(socket.actor, task_id)


async def task_unsubscribe(socket: LiveSocket, data: dict[str, Any]) -> Answer:
    task_id = _task_id(data)
    socket.stop_listening_to(f"task:{task_id}")
    return "task:unsubscribed", {"task_id": str(task_id)}


def _snapshot(actor: Actor, task_id: uuid.UUID) -> dict[str, Any]:
    task = access_task(actor, task_id)
    return {"event": "snapshot", "task": task_card(task), "detail": task_detail(task)}


def _task_id(data: dict[str, Any]) -> uuid.UUID:
    try:
        return uuid.UUID(data["task_id"])
    except KeyError as error:
        raise BadInput(_("Say which task: “task_id”."), field="task_id") from error
    except (ValueError, TypeError, AttributeError) as error:
        raise BadInput(_("“task_id” is the id of a task."), field="task_id") from error


def read_task(topic: str, hints: list[dict[str, Any]]) -> list[LiveMessage]:
    """What the listeners of a task are told when it changed: its card, with each step that changed."""
    task = Task.objects.filter(public_id=topic.partition(":")[2]).first()
    if task is None:
        return [LiveMessage.reload(topic, "task:update")]
    card = task_card(task)
    changed = {public_id for hint in hints for public_id in hint["subtasks"]}
    rows = list(with_seats(task.subtasks.filter(public_id__in=changed)).order_by("order"))
    if not rows:
        return [LiveMessage.of(topic, "task:update", {"event": "status", "task": card})]
    return [
        LiveMessage.of(topic, "task:update", {"event": "subtask", "task": card, "subtask": step})
        for step in subtask_details(rows)
    ]


def read_tasks_of_team(topic: str, hints: list[dict[str, Any]]) -> list[LiveMessage]:
    """What the listeners of a team are told: the cards of its tasks that changed."""
    changed = {hint["task"] for hint in hints}
    cards = task_cards(list(Task.objects.filter(public_id__in=changed)))
    return [LiveMessage.of(topic, "team:update", {"event": "task", "task": card}) for card in cards]


HANDLERS = {"task:subscribe": task_subscribe, "task:unsubscribe": task_unsubscribe}
