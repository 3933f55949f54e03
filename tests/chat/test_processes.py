"""Chats over several processes: one that is killed, a Stop that comes from elsewhere, a reader that comes back, two at once."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import threading
from collections.abc import AsyncIterator, Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import uvicorn
import websockets
from rest_framework_simplejwt.tokens import AccessToken

from apps.chat import selectors, services
from apps.chat.models import Conversation, Message
from apps.common import live
from apps.common.db import in_db
from apps.common.hub import hub
from orquestrador.routing import sockets
from tests.chat.at_work import PATIENCE_S, at_work, ended, until
from tests.chat.outside import Product
from tests.chat.test_worker import pieces
from tests.factories import make_actor
from tests.providers.calls.upstream import says
from tests.servers.bytes_server import BytesServer
from tests.servers.services import free_port
from tests.tasks.routing.upstream import SURE, model_at, serving


@pytest.fixture
def product(tmp_path: Path) -> Iterator[Product]:
    product = Product(tmp_path / "home", ORQ_LEASE_S="8")
    yield product
    product.end()


@pytest.mark.slow_start
async def test_a_worker_that_is_killed_loses_nothing_that_had_come_and_another_goes_on(product: Product) -> None:
    async with BytesServer(pieces("One ", "two ", ending=False), says(SURE)) as upstream:
        await asyncio.to_thread(product.do, "make", url=upstream.url, questions=["Count", "Go on"])
        first = await asyncio.to_thread(product.start_worker)
        await asyncio.to_thread(product.wait_for, lambda rows: rows[0]["content"] == "One two ")
        await asyncio.to_thread(product.start_worker)
        os.killpg(first.pid, signal.SIGKILL)
        rows = await asyncio.to_thread(product.wait_for, lambda rows: rows[1]["status"] == "complete")
    cut, whole = rows
    assert (cut["status"], cut["error_code"], cut["content"]) == ("failed", "interrupted", "One two ")
    assert Decimal(cut["cost_usd"]) > 0 and cut["is_estimated"] and not cut["lease_owner"]
    assert (whole["content"], len(upstream.requests)) == (SURE, 2)


@pytest.mark.slow_start
async def test_stop_from_another_process_reaches_the_provider(product: Product) -> None:
    async with BytesServer(pieces("One ", "two ", ending=False)) as upstream:
        made = await asyncio.to_thread(product.do, "make", url=upstream.url, questions=["Count"])
        await asyncio.to_thread(product.start_worker)
        await asyncio.to_thread(product.wait_for, lambda rows: rows[0]["content"] == "One two ")
        gone = asyncio.create_task(upstream.wait_until_client_is_gone(timeout_s=PATIENCE_S))
        asked_at = (await asyncio.to_thread(product.do, "stop", pk=made["answers"][0]))["asked_at"]
        took_s = await gone - asked_at
        (row,) = await asyncio.to_thread(product.wait_for, lambda rows: rows[0]["status"] == "stopped")
    print(f"stop from another process reached the provider after {took_s * 1000:.0f} ms")
    assert took_s < 5.0  # 0.3 where the machine has nothing else to do
    assert row["content"] == "One two " and Decimal(row["cost_usd"]) > 0


# ── A reader on a real socket ─────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
async def address() -> AsyncIterator[str]:
    port = free_port()
    server = uvicorn.Server(uvicorn.Config(sockets, port=port, lifespan="off", log_level="error", ws_ping_interval=None))
    running = asyncio.create_task(server.serve())
    async with asyncio.timeout(PATIENCE_S):
        while not server.started:
            await asyncio.sleep(0.01)
    yield f"ws://127.0.0.1:{port}/ws/"
    server.should_exit = server.force_exit = True
    await running
    live.wire().close()
    live._wire.cache_clear()
    hub.cache_clear()


class Reader:
    """Puts pieces where they belong. One that lies beyond what it has is left: what is between is said again, with it."""

    def __init__(self) -> None:
        self.units = b""

    @property
    def seq(self) -> int:
        return len(self.units) // 2

    @property
    def text(self) -> str:
        return self.units.decode("utf-16-le")

    def take(self, data: dict[str, Any]) -> None:
        if data["at"] > self.seq:
            return
        piece = data["delta"].encode("utf-16-le")
        known = self.units[data["at"] * 2 :]
        assert known.startswith(piece) or piece.startswith(known)  # what is said twice is the same both times
        self.units = self.units[: data["at"] * 2] + max(known, piece, key=len)


async def connected(address: str, actor: Any) -> websockets.ClientConnection:
    headers = {"Authorization": f"Bearer {AccessToken.for_user(actor.user)}"}
    return await websockets.connect(address, additional_headers=headers, compression=None)


async def say(line: websockets.ClientConnection, type: str, **data: Any) -> None:
    await line.send(json.dumps({"type": type, "data": data}))


async def heard(line: websockets.ClientConnection, type: str, reader: Reader) -> dict[str, Any]:
    """All up to a message of this type; pieces go to the reader."""
    async with asyncio.timeout(PATIENCE_S):
        while True:
            said = json.loads(await line.recv())
            if said["type"] == "chat:streaming":
                reader.take(said["data"])
            if said["type"] == type:
                return said["data"]


@pytest.mark.django_db(transaction=True)
async def test_a_reader_whose_line_broke_goes_on_where_it_was(address: str) -> None:
    actor = await asyncio.to_thread(make_actor)
    model = await asyncio.to_thread(model_at, actor, "small")
    words = [f"wörd{number}😀 " for number in range(80)]
    is_back = asyncio.Event()
    steps = [part for word in words for part in (word, 0.02)]
    unheard = "".join(words[:40])
    reader = Reader()
    async with serving({model: pieces(*steps[:80], is_back, *steps[80:])}), at_work():
        line = await connected(address, actor)
        await say(line, "chat:send", content="Count")
        sent = await heard(line, "chat:sent", reader)
        while reader.seq < 30:
            await heard(line, "chat:streaming", reader)
        line.transport.abort()
        seq = reader.seq
        row = await in_db(lambda: Message.objects.get(public_id=sent["answer"]["id"]))
        await until(lambda: Message.objects.filter(pk=row.pk, content=unheard).exists())  # words that nobody hears
        line = await connected(address, actor)
        await say(line, "chat:resume", message_id=sent["answer"]["id"], seq=seq)
        resumed = await heard(line, "chat:resumed", reader)
        assert resumed["at"] <= seq and resumed["status"] == "streaming"
        reader.take(resumed)
        is_back.set()
        done = await heard(line, "chat:done", reader)
        await line.close()
        row = await ended(row.pk)
    assert reader.text == row.content == done["content"] == "".join(words)


# ── Two windows ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.django_db(transaction=True)
def test_what_two_windows_send_at_once_is_all_kept_in_one_line() -> None:
    actor = make_actor()
    conversation = services.conversation_create(actor)
    windows, errors = 4, []
    at_once = threading.Barrier(windows)

    def send(number: int) -> None:
        from django.db import connection

        try:
            mine = Conversation.objects.get(pk=conversation.pk)
            at_once.wait(PATIENCE_S)
            services.message_send(actor, mine, content=f"Window {number}")
        except Exception as error:
            errors.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=send, args=[number]) for number in range(windows)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE_S)
    assert not errors
    conversation.refresh_from_db()
    shown = [turn.message for turn in selectors.thread_of(conversation).turns]
    assert len(shown) == 2 * windows == conversation.messages.count()
    assert [row.role for row in shown] == ["user", "assistant"] * windows
    assert {row.content for row in shown if not row.is_answer} == {f"Window {number}" for number in range(windows)}
    assert Message.objects.waiting().count() == 1  # each waits for the one before
