"""The socket on a real server with real clients: one that does not read harms nobody else."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest
import uvicorn
import websockets
from rest_framework_simplejwt.tokens import AccessToken

from apps.accounts.actor import Actor
from apps.common import live
from apps.common.hub import hub
from orquestrador.routing import sockets
from tests.servers.services import free_port
from tests.tasks import scenes

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_S = 20


@pytest.fixture
async def address() -> AsyncIterator[str]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(sockets, port=port, lifespan="off", log_level="error", ws_ping_interval=None))
    serving = asyncio.create_task(server.serve())
    async with asyncio.timeout(PATIENCE_S):
        while not server.started:
            await asyncio.sleep(0.01)
    yield f"ws://127.0.0.1:{port}/ws/"
    server.should_exit = server.force_exit = True
    await serving
    live.wire().close()
    live._wire.cache_clear()
    hub.cache_clear()


async def watching(address: str, actor: Actor, task: Any, **options: Any) -> websockets.ClientConnection:
    token = str(AccessToken.for_user(actor.user))
    socket = await websockets.connect(
        address, additional_headers={"Authorization": f"Bearer {token}"}, compression=None, **options
    )
    await socket.send(json.dumps({"type": "task:subscribe", "data": {"task_id": str(task.public_id)}}))
    assert json.loads(await socket.recv())["data"]["event"] == "snapshot"
    return socket


async def test_a_client_that_does_not_read_is_told_to_read_again_and_the_others_hear_everything(
    address: str, actor: Actor, cast: scenes.Cast
) -> None:
    task = await asyncio.to_thread(scenes.running, actor, cast)
    sleeper = await watching(address, actor, task, max_queue=1)
    reader = await watching(address, actor, task, max_queue=None)
    messages = 1_500
    async with asyncio.timeout(PATIENCE_S):
        for number in range(messages):
            live.publish(f"task:{task.public_id}", "task:update", {"event": "text", "n": number, "delta": "x" * 8_000})
            if number % 20 == 19:
                while (last := json.loads(await reader.recv())["data"]["n"]) < number:
                    pass
                assert last == number
        events = []
        while not events or events[-1].get("event") != "reload":
            events.append(json.loads(await sleeper.recv())["data"])
    assert len(events) < messages
    await reader.close()
    await sleeper.close()


async def test_strangers_are_closed_with_a_code_that_browsers_see(address: str, db: None) -> None:
    async with websockets.connect(address) as socket:
        assert json.loads(await socket.recv())["data"]["status"] == 401
        with pytest.raises(websockets.ConnectionClosed) as closed:
            await socket.recv()
    assert closed.value.rcvd.code == 4401
