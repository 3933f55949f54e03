"""REST on a real server: many prompts at once, each in the thread of its request, while the models think."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator

import httpx
import pytest
import uvicorn
from django.core.asgi import get_asgi_application
from rest_framework_simplejwt.tokens import AccessToken

from apps.tasks.models import TaskExecution
from tests.providers.calls.upstream import goes_on_after
from tests.servers.bytes_server import DONE, SSE, event, reply, words
from tests.servers.services import free_port
from tests.tasks.routing.upstream import SURE, model_at, serving

pytestmark = pytest.mark.django_db(transaction=True)
AT_ONCE, THINKS_S = 50, 3.0


@pytest.fixture
async def address() -> AsyncIterator[str]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(get_asgi_application(), port=port, lifespan="off", log_level="error"))
    running = asyncio.create_task(server.serve())
    async with asyncio.timeout(20):
        while not server.started:
            await asyncio.sleep(0.01)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = server.force_exit = True
    await running


async def test_fifty_prompts_at_once_are_answered_together_and_others_are_served_meanwhile(address: str, actor) -> None:
    small = await asyncio.to_thread(model_at, actor, "small")
    thinks = reply(SSE, THINKS_S, event(words(SURE)), event(words(finish="stop")), DONE)
    token = {"Authorization": f"Bearer {AccessToken.for_user(actor.user)}"}
    limits = httpx.Limits(max_connections=100)
    async with serving({small: thinks}) as servers, httpx.AsyncClient(headers=token, timeout=90, limits=limits) as client:
        began = time.monotonic()

        async def asks(number: int) -> httpx.Response:
            return await client.post(f"{address}/api/orchestrator/process/", json={"input": f"What is {number} + 2?"})

        asking = asyncio.gather(*(asks(number) for number in range(AT_ONCE)))
        async with asyncio.timeout(60):
            while not servers["small"].connections:
                await asyncio.sleep(0.01)
        assert (await client.get(f"{address}/api/orchestrator/tasks/?limit=1")).status_code == 200
        assert not asking.done()
        answers = await asking
        took_s = time.monotonic() - began
    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.json()["task_id"] for answer in answers}) == AT_ONCE
    print(f"{AT_ONCE} prompts of {THINKS_S} s each took {took_s:.1f} s")
    assert took_s < AT_ONCE * THINKS_S / 3
    assert await TaskExecution.objects.filter(status="completed").acount() == AT_ONCE


async def test_a_client_that_leaves_ends_the_call_at_the_model_too(address: str, actor) -> None:
    small = await asyncio.to_thread(model_at, actor, "small")
    token = {"Authorization": f"Bearer {AccessToken.for_user(actor.user)}"}
    async with serving({small: goes_on_after("Once upon a time ")}) as servers:
        async with httpx.AsyncClient(headers=token, timeout=90) as client:
            asking = asyncio.create_task(client.post(f"{address}/api/orchestrator/process/", json={"input": "Tell me."}))
            async with asyncio.timeout(20):
                while not servers["small"].requests:
                    await asyncio.sleep(0.01)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
        left = time.monotonic()
        gone = await servers["small"].wait_until_client_is_gone()
    assert gone - left < 2
    async with asyncio.timeout(20):
        while await TaskExecution.objects.exclude(held_by="").aexists():
            await asyncio.sleep(0.05)
    row = await TaskExecution.objects.aget()
    assert (row.status, row.error_code) == ("failed", "cancelled")
