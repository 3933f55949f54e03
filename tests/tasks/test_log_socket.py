"""`/ws/logs/` on a real server with real clients: who hears what, pauses, and what is too much."""

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
from apps.accounts.models import Membership, Role
from apps.common import consumers, live
from apps.common.hub import hub
from apps.tasks import log_socket
from apps.tasks.logbook import log_prompt, log_write
from apps.tasks.models import ExecutionLog, Task
from apps.tasks.services import tasks_delete
from orquestrador.routing import sockets
from tests.factories import execution_of
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
    yield f"ws://127.0.0.1:{port}/ws/logs/"
    server.should_exit = server.force_exit = True
    await serving
    live.wire().close()
    live._wire.cache_clear()
    hub.cache_clear()


class Follower:
    def __init__(self, socket: websockets.ClientConnection) -> None:
        self.socket = socket

    async def ask(self, type: str, **data: Any) -> dict[str, Any]:
        """The answer to a question; live messages that come before it are passed over."""
        await self.socket.send(json.dumps({"type": type, "id": "q", "data": data}))
        async with asyncio.timeout(PATIENCE_S):
            while (message := json.loads(await self.socket.recv())).get("id") != "q":
                pass
        return message

    async def hear(self, number: int) -> tuple[list[str], int]:
        """The texts of `number` lines, sent or skipped, and how many were skipped."""
        lines: list[str] = []
        skipped = 0
        async with asyncio.timeout(PATIENCE_S):
            while len(lines) + skipped < number:
                message = json.loads(await self.socket.recv())
                if message["type"] == "logs:lines":
                    lines += [line["text"] for line in message["data"]["lines"]]
                    skipped += message["data"]["skipped"]
        return lines, skipped

    async def refusal(self) -> dict[str, Any]:
        """The problem with which a topic is taken away."""
        async with asyncio.timeout(PATIENCE_S):
            while (message := json.loads(await self.socket.recv()))["type"] != "error":
                pass
        return message["data"]


async def following(address: str, actor: Actor, **filters: str) -> Follower:
    token = await asyncio.to_thread(lambda: str(AccessToken.for_user(actor.user)))
    headers = {"Authorization": f"Bearer {token}"}
    follower = Follower(await websockets.connect(address, additional_headers=headers, compression=None, max_queue=None))
    assert (await follower.ask("logs:subscribe", filters=filters))["type"] == "logs:subscribed"
    return follower


async def write(task: Task, *events: str, **more: Any) -> None:
    for event in events:
        await asyncio.to_thread(log_write, task, event, **more)


async def test_a_line_that_is_written_comes_in_words_and_of_the_own_team_alone(
    address: str, actor: Actor, stranger: Actor
) -> None:
    ours, theirs = await asyncio.to_thread(scenes.make_task, actor), await asyncio.to_thread(scenes.make_task, stranger)
    ana, bruno = await following(address, actor), await following(address, stranger)
    await write(theirs, "cancelled")
    await write(ours, "paused")
    assert await ana.hear(1) == (["Paused"], 0)
    assert await bruno.hear(1) == (["Cancelled"], 0)


async def test_filters_hold_for_lines_to_come(address: str, actor: Actor) -> None:
    task, other = [await asyncio.to_thread(scenes.make_task, actor) for _number in range(2)]
    errors = await following(address, actor, level="error")
    of_task = await following(address, actor, task=str(other.public_id))
    await write(task, "started", "paused")
    await write(other, "failed", level="error", message="x")
    await write(task, "failed", level="error", message="y")
    assert (await errors.hear(2))[0] == ["Failed", "Failed"]
    assert (await of_task.hear(1))[0] == ["Failed"]
    assert (await of_task.ask("logs:subscribe", filters={"level": "loud"}))["data"]["errors"][0]["field"] == "level"


async def test_lines_of_a_chat_reach_its_person_alone(address: str, actor: Actor) -> None:
    member = await asyncio.to_thread(scenes.make_actor, "rui@example.org", team=actor.team, role=Role.MEMBER)
    execution = await asyncio.to_thread(execution_of, member)
    execution.source = "chat"
    admin, own = await following(address, actor), await following(address, member)
    await asyncio.to_thread(log_prompt, execution, "prompt_failed", data={"message": "private"})
    await write(await asyncio.to_thread(scenes.make_task, member), "paused")
    assert (await own.hear(2))[0] == ["A prompt has no answer: private", "Paused"]
    assert (await admin.hear(1))[0] == ["Paused"]


async def test_a_pause_holds_lines_back_and_resuming_gives_what_came_meanwhile(address: str, actor: Actor) -> None:
    task = await asyncio.to_thread(scenes.make_task, actor)
    first = await asyncio.to_thread(log_write, task, "started")
    paused, steady = await following(address, actor), await following(address, actor)
    assert (await paused.ask("logs:pause"))["type"] == "logs:paused"
    await write(task, "paused", "resumed")
    await steady.hear(2)
    answer = await paused.ask("logs:resume", after=str(first.public_id))
    assert [line["text"] for line in answer["data"]["lines"]] == ["Paused", "Resumed"]
    await write(task, "cancelled")
    assert (await paused.hear(1))[0] == ["Cancelled"]


async def test_nothing_falls_between_the_page_and_the_socket(address: str, actor: Actor, stranger: Actor) -> None:
    task = await asyncio.to_thread(scenes.make_task, actor)
    seen = await asyncio.to_thread(log_write, task, "created")
    await write(task, "started")
    follower = await following(address, actor)
    answer = await follower.ask("logs:subscribe", filters={}, after=str(seen.public_id))
    assert [line["text"] for line in answer["data"]["lines"]] == ["Started"]
    foreign = await asyncio.to_thread(lambda: log_write(scenes.make_task(stranger), "created"))
    assert (await follower.ask("logs:subscribe", filters={}, after=str(foreign.public_id)))["data"]["status"] == 404


async def test_what_is_too_fast_is_skipped_and_counted(address: str, actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(log_socket, "MOST_A_SECOND", 5)
    task = await asyncio.to_thread(scenes.make_task, actor)
    follower = await following(address, actor)
    await write(task, *["started"] * 60)
    lines, skipped = await follower.hear(60)
    assert len(lines) + skipped == 60
    assert lines
    assert skipped >= 60 - 5 * 20
    assert skipped > 0


async def test_one_statement_for_many_rows_tells_of_a_few_and_counts_the_rest(address: str, actor: Actor) -> None:
    tasks = [await asyncio.to_thread(scenes.make_task, actor) for _number in range(40)]
    follower = await following(address, actor, event="deleted")
    await asyncio.to_thread(tasks_delete, actor, [task.public_id for task in tasks])
    lines, skipped = await follower.hear(40)
    assert set(lines) == {"Deleted"}
    assert len(lines) + skipped == 40
    assert skipped >= 20


async def test_a_person_who_leaves_the_team_hears_no_more(address: str, actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(consumers, "RECHECK_S", 0.05)
    member = await asyncio.to_thread(scenes.make_actor, "rui@example.org", team=actor.team, role=Role.MEMBER)
    follower = await following(address, member)
    task = await asyncio.to_thread(scenes.make_task, actor)
    await asyncio.to_thread(lambda: Membership.objects.filter(user=member.user, team=actor.team).delete())
    assert (await follower.refusal())["topic"] == f"logs:{actor.team.pk}"
    await write(task, "paused")
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.5):
            await follower.socket.recv()


async def test_strangers_hear_nothing(address: str, db: None) -> None:
    async with websockets.connect(address) as socket:
        assert json.loads(await socket.recv())["data"]["status"] == 401


def test_a_reading_has_so_many_lines_at_most_and_none_of_another_team(actor: Actor, stranger: Actor) -> None:
    task, foreign = scenes.make_task(actor), log_write(scenes.make_task(stranger), "started")
    keys = [log_write(task, "started", data={"big": "x" * 9_000}).pk for _number in range(3)]
    hints = [{"lines": [*keys, foreign.pk], "skipped": 7}]
    told = [message.data for message in log_socket.read_lines(f"logs:{actor.team.pk}", hints)]
    lines = [line for data in told for line in data["lines"]]
    assert len(lines) == 3
    assert all(line["data"] == {} for line in lines)
    assert sum(data["skipped"] for data in told) == 7
    assert ExecutionLog.objects.count() == 4
