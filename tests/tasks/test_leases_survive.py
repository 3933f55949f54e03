"""Benchmarks whose worker is killed in the middle: the next start goes on at once, and nothing that was stored is asked again."""

from __future__ import annotations

import asyncio
import collections
import json
import time
from pathlib import Path

import pytest

from tests.servers.bytes_server import DONE, SSE, BytesServer, event, reply, words
from tests.tasks.outside import Product

KILLS = 2
LEASE_S = 600  # nobody waits for it: what an earlier start of this machine was at is free
JUDGED = json.dumps({"own_answer": None, "criteria": [], "defects": [], "summary": "Read.", "score": 96})
SLOWLY = reply(SSE, 0.4, event(words(JUDGED)), event(words(finish="stop")), DONE)


async def more_requests(upstream: BytesServer, number: int) -> None:
    wanted, deadline = len(upstream.requests) + number, time.monotonic() + 60
    while len(upstream.requests) < wanted:
        assert time.monotonic() < deadline, "the worker asked nothing more for a minute"
        await asyncio.sleep(0.02)


@pytest.mark.slow_start
async def test_two_kills_lose_nothing_and_ask_nothing_again_that_was_stored(tmp_path: Path) -> None:
    product = await asyncio.to_thread(Product, tmp_path / "home", ORQ_LEASE_S=str(LEASE_S))
    async with BytesServer(SLOWLY) as upstream:
        await asyncio.to_thread(product.do, "make_trials", url=upstream.url)
        for _kill in range(KILLS):
            await asyncio.to_thread(product.start_worker)
            await more_requests(upstream, 3)
            await asyncio.to_thread(product.kill_worker)
        before = await asyncio.to_thread(product.do, "look_at_trials")
        await asyncio.to_thread(product.start_worker)
        try:
            seen = await asyncio.to_thread(product.wait_for, "completed", timeout_s=120, look="look_at_trials")
        finally:
            await asyncio.to_thread(product.stop_worker)
    asked = collections.Counter(request.body for request in upstream.requests)
    assert [row["status"] for row in before["tasks"]] == ["running", "running"]
    assert {row["status"] for row in seen["answers"]} == {"done"} and len(seen["verdicts"]) == 12
    assert [(row["error"], row["lease_owner"]) for row in seen["tasks"]] == [("", "")] * 2
    stored = len(seen["answers"]) + len(seen["verdicts"])
    assert sum(asked.values()) - stored <= KILLS * 5, "what was under way at a kill: one answer, and four cases at once"
