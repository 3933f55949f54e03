"""The socket: who may open it, what it answers, and what it no longer tells."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
from channels.testing import WebsocketCommunicator
from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore
from rest_framework_simplejwt.tokens import AccessToken

from apps.accounts.actor import Actor
from apps.accounts.models import Membership
from apps.common import consumers, live
from apps.common.hub import hub
from tests.tasks import scenes

pytestmark = pytest.mark.django_db(transaction=True)
Connect = Callable[..., Awaitable[WebsocketCommunicator]]
HOST = (b"host", b"localhost")


@pytest.fixture(autouse=True)
def one_hub() -> Any:
    yield
    live.wire().close()
    live._wire.cache_clear()
    hub.cache_clear()


def session_cookie(actor: Actor) -> tuple[bytes, bytes]:
    session = SessionStore()
    session[SESSION_KEY] = str(actor.user.pk)
    session[BACKEND_SESSION_KEY] = "django.contrib.auth.backends.ModelBackend"
    session[HASH_SESSION_KEY] = actor.user.get_session_auth_hash()
    session.save()
    return (b"cookie", f"{settings.SESSION_COOKIE_NAME}={session.session_key}".encode())


@pytest.fixture
async def connect() -> AsyncIterator[Connect]:
    from orquestrador.routing import sockets

    opened: list[WebsocketCommunicator] = []

    async def open_one(*headers: tuple[bytes, bytes], subprotocols: list[str] | None = None) -> WebsocketCommunicator:
        socket = WebsocketCommunicator(sockets, "/ws/", headers=[HOST, *headers], subprotocols=subprotocols)
        opened.append(socket)
        socket.accepted, socket.answered_protocol = await socket.connect(timeout=5)
        return socket

    yield open_one
    for socket in opened:
        await socket.disconnect()


async def ask(socket: WebsocketCommunicator, message: Any) -> dict:
    await socket.send_to(text_data=message if isinstance(message, str) else json.dumps(message))
    return await heard(socket)


async def heard(socket: WebsocketCommunicator) -> dict:
    return json.loads(await socket.receive_from(timeout=5))


async def closed_with(socket: WebsocketCommunicator) -> int:
    return (await socket.receive_output(timeout=5))["code"]


@pytest.fixture
def task(actor: Actor, cast: scenes.Cast) -> Any:
    return scenes.running(actor, cast)


async def test_it_answers_a_ping_with_its_id(connect: Connect, actor: Actor) -> None:
    socket = await connect(await asyncio.to_thread(session_cookie, actor))
    assert await ask(socket, {"type": "ping", "id": "7", "data": {"sent": 1}}) == {"type": "pong", "id": "7", "data": {"sent": 1}}
    assert await ask(socket, {"type": "ping"}) == {"type": "pong", "data": {}}


async def test_strangers_are_told_and_closed_with_4401(connect: Connect) -> None:
    socket = await connect()
    assert (await heard(socket))["data"]["code"] == "signed_out"
    assert await closed_with(socket) == 4401


@pytest.mark.parametrize("way", ["header", "subprotocol"])
async def test_a_token_opens_it_in_the_header_or_as_a_subprotocol(connect: Connect, actor: Actor, way: str) -> None:
    token = str(AccessToken.for_user(actor.user))
    if way == "header":
        socket = await connect((b"authorization", f"Bearer {token}".encode()))
    else:
        socket = await connect(subprotocols=["orq.token", token])
        assert socket.answered_protocol == "orq.token"
    assert (await ask(socket, {"type": "ping"}))["type"] == "pong"


async def test_a_bad_token_or_one_in_the_address_does_not(connect: Connect, actor: Actor) -> None:
    socket = await connect((b"authorization", b"Bearer nonsense"))
    assert (await heard(socket))["data"]["status"] == 401
    assert await closed_with(socket) == 4401


@pytest.mark.parametrize(
    ("origin", "host", "is_let_in"),
    [
        ("http://localhost", "localhost", True),
        ("http://evil.example", "localhost", False),
        ("http://localhost:3000", "localhost", False),
        ("http://evil.example", "evil.example", False),
        ("null", "localhost", False),
    ],
)
async def test_pages_of_other_sites_are_refused(connect: Connect, actor: Actor, origin: str, host: str, is_let_in: bool) -> None:
    from orquestrador.routing import sockets

    cookie = await asyncio.to_thread(session_cookie, actor)
    socket = WebsocketCommunicator(sockets, "/ws/", headers=[(b"host", host.encode()), (b"origin", origin.encode()), cookie])
    accepted, _ = await socket.connect(timeout=5)
    assert accepted is is_let_in
    await socket.disconnect()


async def test_a_subscriber_gets_the_task_as_it_is_and_then_what_happens(connect: Connect, actor: Actor, task: Any) -> None:
    socket = await connect(await asyncio.to_thread(session_cookie, actor))
    snapshot = await ask(socket, {"type": "task:subscribe", "id": 1, "data": {"task_id": str(task.public_id)}})
    assert (snapshot["type"], snapshot["id"], snapshot["data"]["event"]) == ("task:update", 1, "snapshot")
    assert snapshot["data"]["task"]["status"] == "running" and len(snapshot["data"]["detail"]["subtasks"]) == 4
    live.publish(f"task:{task.public_id}", "task:update", {"event": "status", "task": {"status": "completed"}})
    assert await heard(socket) == {"type": "task:update", "data": {"event": "status", "task": {"status": "completed"}}}


async def test_after_unsubscribing_nothing_comes(connect: Connect, actor: Actor, task: Any) -> None:
    socket = await connect(await asyncio.to_thread(session_cookie, actor))
    await ask(socket, {"type": "task:subscribe", "data": {"task_id": str(task.public_id)}})
    assert (await ask(socket, {"type": "task:unsubscribe", "data": {"task_id": str(task.public_id)}}))[
        "type"
    ] == "task:unsubscribed"
    live.publish(f"task:{task.public_id}", "task:update", {"event": "status"})
    live.publish(f"user:{actor.user.public_id}", "notification", {"title": "the next one"})
    assert (await heard(socket))["data"] == {"title": "the next one"}


async def test_a_task_of_another_team_does_not_exist(connect: Connect, stranger: Actor, task: Any) -> None:
    socket = await connect(await asyncio.to_thread(session_cookie, stranger))
    answer = await ask(socket, {"type": "task:subscribe", "id": 1, "data": {"task_id": str(task.public_id)}})
    assert (answer["type"], answer["id"], answer["data"]["status"]) == ("error", 1, 404)
    live.publish(f"task:{task.public_id}", "task:update", {"event": "status"})
    live.publish(f"user:{stranger.user.public_id}", "notification", {"title": "mine"})
    assert (await heard(socket))["data"] == {"title": "mine"}


@pytest.mark.parametrize(
    ("message", "status", "field"),
    [
        ("not json", 400, None),
        ("[1, 2]", 400, "type"),
        ('{"data": {}}', 400, "type"),
        ('{"type": 5}', 400, "type"),
        ('{"type": "task:subscribe", "data": []}', 400, "data"),
        ('{"type": "task:subscribe", "data": {}}', 400, "task_id"),
        ('{"type": "task:subscribe", "data": {"task_id": 5}}', 400, "task_id"),
        ('{"type": "task:subscribe", "data": {"task_id": "zzz"}}', 400, "task_id"),
        ('{"type": "ping", "id": {"a": 1}}', 400, "id"),
        ('{"type": "no such thing"}', 400, "type"),
        ('{"type": "ping", "data": "' + "x" * 70_000 + '"}', 413, None),
        ("[" * 50_000, 400, None),
    ],
)
async def test_what_cannot_be_used_is_a_problem_and_the_socket_stays(
    connect: Connect, actor: Actor, message: str, status: int, field: str | None
) -> None:
    socket = await connect(await asyncio.to_thread(session_cookie, actor))
    answer = await ask(socket, message)
    assert (answer["type"], answer["data"]["status"]) == ("error", status)
    assert {"type", "title", "detail", "request_id", "errors"} <= set(answer["data"])
    assert [error["field"] for error in answer["data"]["errors"]] == ([field] if field else [])
    assert (await ask(socket, {"type": "ping"}))["type"] == "pong"


async def test_bytes_are_a_problem_too(connect: Connect, actor: Actor) -> None:
    socket = await connect(await asyncio.to_thread(session_cookie, actor))
    await socket.send_to(bytes_data=b"\x00\x01")
    assert (await heard(socket))["data"]["status"] == 400


async def test_errors_come_in_the_persons_language(connect: Connect, actor: Actor) -> None:
    actor.user.language = "pt-br"
    await actor.user.asave()
    socket = await connect(await asyncio.to_thread(session_cookie, actor))
    answer = await ask(socket, {"type": "ping", "data": 5})
    from django.utils import translation

    with translation.override("pt-br"):
        assert answer["data"]["detail"] == translation.gettext("The “data” of a message is an object.")


async def test_who_leaves_the_team_hears_no_more_of_its_tasks(
    connect: Connect, actor: Actor, task: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consumers, "RECHECK_S", 0.05)
    socket = await connect(await asyncio.to_thread(session_cookie, actor))
    await ask(socket, {"type": "task:subscribe", "data": {"task_id": str(task.public_id)}})
    await Membership.objects.filter(user=actor.user).adelete()
    answer = await heard(socket)
    assert (answer["type"], answer["data"]["status"], answer["data"]["topic"]) == ("error", 404, f"task:{task.public_id}")
    assert f"task:{task.public_id}" not in hub()._listeners


@pytest.mark.parametrize("end", ["deactivated", "signed out"])
async def test_who_is_shut_out_or_signed_out_is_closed_within_the_recheck(
    connect: Connect, actor: Actor, monkeypatch: pytest.MonkeyPatch, end: str
) -> None:
    monkeypatch.setattr(consumers, "RECHECK_S", 0.05)
    cookie = await asyncio.to_thread(session_cookie, actor)
    socket = await connect(cookie)
    assert (await ask(socket, {"type": "ping"}))["type"] == "pong"
    if end == "deactivated":
        actor.user.is_active = False
        await actor.user.asave()
    else:
        await asyncio.to_thread(SessionStore(cookie[1].partition(b"=")[2].decode()).delete)
    assert (await heard(socket))["data"]["code"] == "signed_out"
    assert await closed_with(socket) == 4401
    assert not hub()._listeners


def test_nobody_is_told_for_longer_than_half_a_minute() -> None:
    assert consumers.RECHECK_S <= 30


async def test_a_closed_socket_leaves_nothing_behind(connect: Connect, actor: Actor, task: Any) -> None:
    socket = await connect(await asyncio.to_thread(session_cookie, actor))
    await ask(socket, {"type": "task:subscribe", "data": {"task_id": str(task.public_id)}})
    await socket.disconnect()
    deadline = time.monotonic() + 5
    while hub()._listeners and time.monotonic() < deadline:
        await asyncio.sleep(0.01)
    assert not hub()._listeners
