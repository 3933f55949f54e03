"""What a socket can ask about tasks: to be told of everything that happens to one, from its present state on."""

from __future__ import annotations

import uuid
from typing import Any

from channels.db import database_sync_to_async
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.consumers import Answer, LiveSocket
from apps.common.errors import BadInput
from apps.tasks.selectors import access_task, task_card, task_detail


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


HANDLERS = {"task:subscribe": task_subscribe, "task:unsubscribe": task_unsubscribe}
