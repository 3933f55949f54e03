"""What a socket can ask about the person themselves."""

from __future__ import annotations

from typing import Any

from channels.db import database_sync_to_async

from apps.accounts.notifying import notifications_state
from apps.common.consumers import Answer, LiveSocket


async def notifications_count(socket: LiveSocket, data: dict[str, Any]) -> Answer:
    """How many are unread: a page asks once its socket hears, since some may have come while it was on its way."""
    return "notification", await database_sync_to_async(notifications_state)(socket.actor.user)


HANDLERS = {"notification:state": notifications_count}
