"""Stop, from a socket at a real port to the provider that is writing at its own pace."""

from __future__ import annotations

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal

import pytest
from aiohttp import web

from apps.chat.models import Message
from apps.common.db import in_db
from tests.chat.at_work import PATIENCE_S, at_work, ended
from tests.chat.test_processes import Reader, address, connected, heard, say  # noqa: F401 - a fixture among them
from tests.factories import make_actor
from tests.servers.services import free_port
from tests.tasks.routing.upstream import model_at

WORD_EVERY_S = 0.02
WITHIN_S = 0.3
TRIES = 5


class Pacer:
    """Says a word every 20 ms for as long as somebody listens, and knows when they left."""

    def __init__(self) -> None:
        self.left_at: asyncio.Queue[float] = asyncio.Queue()

    async def chat(self, request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        chunk = {"id": "1", "model": "m", "choices": [{"index": 0, "delta": {"content": "word "}, "finish_reason": None}]}
        try:
            while request.transport is not None and not request.transport.is_closing():
                await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
                await asyncio.sleep(WORD_EVERY_S)
        finally:
            self.left_at.put_nowait(time.monotonic())
        return response


@asynccontextmanager
async def pacing() -> AsyncIterator[tuple[Pacer, str]]:
    pacer, app, port = Pacer(), web.Application(), free_port()
    app.add_routes([web.post("/v1/chat/completions", pacer.chat)])
    runner = web.AppRunner(app, handler_cancellation=True, shutdown_timeout=1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield pacer, f"http://127.0.0.1:{port}/v1"
    finally:
        await runner.cleanup()


def furnished(url: str):
    actor = make_actor()
    model = model_at(actor, "pacer")
    model.provider.base_url = url
    model.provider.save()
    return actor


@pytest.mark.django_db(transaction=True)
async def test_stop_reaches_the_provider_within_300_ms_and_the_row_says_what_was_paid(address: str) -> None:  # noqa: F811
    took: list[float] = []
    rows: list[Message] = []
    async with pacing() as (pacer, url), at_work():
        actor = await in_db(furnished, url)
        line = await connected(address, actor)
        for _try in range(TRIES):
            reader = Reader()
            await say(line, "chat:send", content="Go on for ever")
            sent = await heard(line, "chat:sent", reader)
            while reader.seq < 25:
                await heard(line, "chat:streaming", reader)
            asked_at = time.monotonic()
            await say(line, "chat:stop", message_id=sent["answer"]["id"])
            async with asyncio.timeout(PATIENCE_S):
                took.append(await pacer.left_at.get() - asked_at)
            done = await heard(line, "chat:done", reader)
            rows.append(await ended((await in_db(lambda id=sent["answer"]["id"]: Message.objects.get(public_id=id))).pk))
            assert done["status"] == "stopped" and done["content"] == rows[-1].content
        await line.close()
    print(f"stop reached the provider after {[round(one * 1000) for one in took]} ms")
    assert statistics.median(took) < WITHIN_S
    for row in rows:
        assert row.status == "stopped" and row.content.startswith("word word word ")
        assert Decimal(row.cost_usd) > 0 and row.output_tokens > 0 and row.is_estimated
