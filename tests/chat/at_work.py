"""A chat's worker in the event loop of a test, and a listener that hears what pages hear."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

from apps.chat import wire
from apps.chat.models import Conversation, Message
from apps.chat.worker import Worker
from apps.common.hub import Listener, hub

PATIENCE_S = 60.0  # a machine that is busy with other things takes long; who waits in vain fails anyway


@asynccontextmanager
async def at_work() -> AsyncIterator[Worker]:
    worker = Worker()
    serving = asyncio.create_task(worker._serve())
    try:
        yield worker
    finally:
        worker.is_stopping = True
        worker.look()
        await asyncio.wait_for(serving, PATIENCE_S)


async def until(what: Callable[[], Any], *, patience_s: float = PATIENCE_S) -> Any:
    """What `what` (database work) gives as soon as it gives something."""
    from apps.common.db import in_db

    deadline = time.monotonic() + patience_s
    while not (found := await in_db(what)):
        assert time.monotonic() < deadline, "it did not come about"
        await asyncio.sleep(0.02)
    return found


async def ended(pk: int) -> Message:
    return await until(lambda: Message.objects.exclude(status__in=Message.UNFINISHED).filter(pk=pk).first())


class Ear:
    """Hears a conversation as a page does, and puts its pieces together by where they belong."""

    def __init__(self, conversation: Conversation) -> None:
        self.listener = Listener()
        self.heard: list[dict] = []
        self.units = b""  # UTF-16, as browsers count
        self.gaps = 0
        hub().subscribe(self.listener, wire.topic_of(conversation))

    async def next(self, *, timeout_s: float = PATIENCE_S) -> dict:
        said = json.loads(await asyncio.wait_for(self.listener.next(), timeout_s))
        self.heard.append(said)
        if said["type"] == "chat:streaming":
            data = said["data"]
            if data["at"] * 2 > len(self.units):
                self.gaps += 1
            else:
                self.units = self.units[: data["at"] * 2] + data["delta"].encode("utf-16-le")
        return said

    @property
    def text(self) -> str:
        return self.units.decode("utf-16-le")

    async def until(self, type: str) -> dict:
        while (said := await self.next())["type"] != type:
            pass
        return said["data"]
