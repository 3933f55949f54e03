"""Whoever leaves closes the call at the server within 300 ms, before the first word and after it, and frees its place."""

from __future__ import annotations

import asyncio
import contextlib
import time

import pytest

from apps.providers.contract import Delta
from apps.providers.models import Breaker, CallSlot
from tests.providers.calls.upstream import QUESTION, BytesServer, goes_on_after, heard, nobody, run, server_at
from tests.servers.bytes_server import HOLD

pytestmark = pytest.mark.django_db

AT_ONCE_S = 0.3


async def left(calls, model, leave, script):
    """Seconds from leaving until the server's socket was closed, and how many places were still held then."""
    async with BytesServer(script) as server:
        model.provider.base_url = server.url
        await model.provider.asave()
        left_at = await leave(calls, model, server)
        gone_at = await server.wait_until_client_is_gone()
        return gone_at - left_at, await CallSlot.objects.acount()


async def closes_the_stream(calls, model, server):
    stream = calls.stream(model, QUESTION)
    assert await anext(stream) == Delta("Once ")
    left_at = time.monotonic()
    await stream.aclose()
    return left_at


async def is_cancelled_after_words(calls, model, server):
    words = []

    async def read():
        async for item in calls.stream(model, QUESTION):
            words.append(item)

    return await cancelled(read(), until=lambda: words)


async def is_cancelled_before_the_first_word(calls, model, server):
    return await cancelled(heard(calls.stream(model, QUESTION)), until=lambda: server.requests)


async def is_cancelled_while_a_whole_answer_is_made(calls, model, server):
    return await cancelled(calls.complete(model, QUESTION), until=lambda: server.requests)


async def cancelled(coroutine, *, until):
    asking = asyncio.create_task(coroutine)
    async with asyncio.timeout(5):
        while not until():
            await asyncio.sleep(0.005)
    left_at = time.monotonic()
    asking.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await asking
    return left_at


@pytest.mark.parametrize(
    ("leave", "script"),
    [
        (closes_the_stream, goes_on_after("Once ", "upon ")),
        (is_cancelled_after_words, goes_on_after("Once ", "upon ")),
        (is_cancelled_before_the_first_word, goes_on_after()),
        (is_cancelled_before_the_first_word, (HOLD,)),
        (is_cancelled_while_a_whole_answer_is_made, (HOLD,)),
    ],
)
@pytest.mark.parametrize("limit", [None, 1])
def test_the_call_at_the_server_is_closed_at_once_and_nobody_is_blamed(actor, leave, script, limit):
    model = server_at(actor, nobody(), max_concurrent=limit)
    took_s, held = run(lambda calls: left(calls, model, leave, script))
    assert took_s < AT_ONCE_S
    assert held == 0
    assert not Breaker.objects.exists()


def test_whoever_leaves_while_waiting_for_a_place_is_no_longer_seen_waiting(actor):
    async def story(calls):
        async with BytesServer(goes_on_after("Once ")) as server:
            model.provider.base_url = server.url
            await model.provider.asave()
            first = calls.stream(model, QUESTION)
            await anext(first)
            second = calls.stream(model, QUESTION)
            await anext(second)
            await second.aclose()
            rows = [slot.is_waiting async for slot in CallSlot.objects.all()]
            await first.aclose()
            return rows

    model = server_at(actor, nobody(), max_concurrent=1)
    assert run(story) == [False]
