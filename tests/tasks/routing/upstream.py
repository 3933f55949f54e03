"""Models for tests of routed prompts: one server that answers by a script each, over real HTTP."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager
from decimal import Decimal
from typing import Any

from asgiref.sync import async_to_sync

from apps.accounts.actor import Actor
from apps.providers.calls import servers as known_servers
from apps.providers.contract import ChatRequest, Delta, Message
from apps.providers.models import AIModel, Provider
from apps.tasks.runner.routing import Finished, asker_of, prompt_for, stream_route
from tests.providers.calls.upstream import nobody, says
from tests.servers.bytes_server import BytesServer

SURE = "The answer is 4, because 2 + 2 = 4."
LOST = "I'm not sure, I can't really answer this, maybe"
ASKED = "What is 2 + 2?"


def model_at(actor: Actor, key: str, tier: str = "fast", *, price: int | None = 1, **extra: Any) -> AIModel:
    """A model of a provider of its own, with an address where nobody listens yet; `price` is in US$ per million tokens."""
    provider = Provider.objects.create(
        team=actor.team,
        owner=actor.user,
        name=f"place-of-{key}",
        display_name=key.title(),
        kind="openai_compatible",
        base_url=nobody(),
        allows_private_address=True,
        is_local=False,
    )
    priced = None if price is None else Decimal(price)
    about = {"family": key, "capabilities": ["chat", "json"], "price_input": priced, "price_output": priced}
    return AIModel.objects.create(provider=provider, key=key, display_name=key, tier=tier, **{**about, **extra})


@asynccontextmanager
async def serving(scripts: dict[AIModel, Any]) -> AsyncIterator[dict[str, BytesServer]]:
    """Each model at a server with its script, or a tuple of scripts for one request after the other in a list."""
    async with AsyncExitStack() as stack:
        servers = {}
        for model, script in scripts.items():
            given = script if isinstance(script, list) else [script]
            server = await stack.enter_async_context(BytesServer(*given))
            await Provider.objects.filter(pk=model.provider_id).aupdate(base_url=server.url)
            servers[model.key] = server
        known_servers.forget_all()  # they have just moved
        yield servers


def request_of(text: str = ASKED, **more: Any) -> ChatRequest:
    return ChatRequest("", (Message("user", text),), max_output_tokens=100, **more)


def verdict(score: float, own_answer: str | None = None) -> tuple:
    said = {"own_answer": own_answer, "criteria": [], "defects": [], "summary": "Read.", "score": score}
    return says(json.dumps(said))


def ruling(winner: str) -> tuple:
    return says(json.dumps({"reason": "It is so.", "winner": winner}))


def routed(actor: Actor, scripts: dict[AIModel, Any], text: str = ASKED, *, request: Any = None, **options: Any) -> Routing:
    """The whole route of one prompt, read to its end."""

    async def story() -> list:
        async with serving(scripts) as servers:
            prompt = prompt_for(request or request_of(text), **options)
            async with aclosing(stream_route(asker_of(actor), prompt)) as items:
                return [[item async for item in items], servers]

    items, servers = async_to_sync(story)()
    return Routing(items, servers)


class Routing:
    """What a reader had of a route."""

    def __init__(self, items: list, servers: dict[str, BytesServer]) -> None:
        self.items, self.servers = items, servers
        self.end: Finished = items[-1]

    @property
    def text(self) -> str:
        shown = ""
        for item in self.items:
            if isinstance(item, Delta):
                shown = item.text if item.restarted else shown + item.text
        return shown

    def asked(self, key: str) -> int:
        return len(self.servers[key].requests)


Story = Callable[[], Awaitable[Any]]
