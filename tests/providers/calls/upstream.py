"""Servers of models for tests of calls: what they send is said byte by byte; what they are in the database is a provider each."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from asgiref.sync import async_to_sync

from apps.accounts.actor import Actor
from apps.providers.calls import Calls, Switched, Waiting
from apps.providers.contract import ChatRequest, Completion, Delta, Message
from apps.providers.models import AIModel, Breaker, Provider
from tests.servers.bytes_server import DONE, HOLD, JSON, RESET, SSE, BytesServer, event, reply, whole, words
from tests.servers.services import free_port

QUESTION = ChatRequest("set by the door", (Message("user", "Hello?"),))


def says(*texts: str) -> tuple:
    """A stream with these words, whole."""
    return reply(SSE, *(event(words(text)) for text in texts), event(words(finish="stop")), DONE)


def breaks_off_after(*texts: str) -> tuple:
    return reply(SSE, *(event(words(text)) for text in texts), RESET)


def goes_on_after(*texts: str) -> tuple:
    """These words, and then nothing until the client goes away."""
    return reply(SSE, *(event(words(text)) for text in texts), HOLD)


def refuses(status: str, message: str = "No.", **headers: str) -> tuple:
    return whole({**JSON, **headers}, {"error": {"message": message}}, status=status)


def server_at(actor: Actor, url: str, key: str = "qwen3-8b", **provider: Any) -> AIModel:
    """A model of a provider at this address, with an adapter that loses no time."""
    number = Provider.objects.count() + 1
    given = {"name": f"server-{number}", "display_name": f"Server {number}", "kind": "openai_compatible", "is_local": False}
    row = Provider.objects.create(
        team=actor.team, owner=actor.user, base_url=url, allows_private_address=True, **{**given, **provider}
    )
    return AIModel.objects.create(provider=row, key=key, display_name=f"{key} at {row}", family=key, capabilities=["chat"])


def nobody() -> str:
    """An address where nobody listens."""
    return f"http://127.0.0.1:{free_port()}/v1"


def run(story: Callable[[Calls], Awaitable[Any]], **options: Any) -> Any:
    """What a coroutine makes of one Calls, which is closed in the end."""

    async def whole_story() -> Any:
        calls = Calls(**options)
        try:
            return await story(calls)
        finally:
            await calls.aclose()

    return async_to_sync(whole_story)()


async def heard(items: Any) -> list:
    return [item async for item in items]


def text_of(items: list) -> str:
    """What a reader has before the eyes in the end."""
    text = ""
    for item in items:
        if isinstance(item, Delta):
            text = item.text if item.restarted else text + item.text
    return text


def answer_of(items: list) -> Completion:
    assert isinstance(items[-1], Completion)
    return items[-1]


def switches(items: list) -> list[Switched]:
    return [item for item in items if isinstance(item, Switched)]


def waits(items: list) -> list[Waiting]:
    return [item for item in items if isinstance(item, Waiting)]


def state_of(row: AIModel | Provider) -> str:
    """The state of its breaker as it is stored now; "" where there is none."""
    whose = {"model": row} if isinstance(row, AIModel) else {"provider": row}
    return Breaker.objects.filter(**whose).values_list("state", flat=True).first() or ""


__all__ = ["BytesServer"]
