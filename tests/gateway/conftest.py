"""The gateway as programs meet it: served on a port, with a key, in front of servers of our own choice."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.servers.services import free_port

if TYPE_CHECKING:
    from apps.accounts.actor import Actor
    from apps.gateway.app import GatewayApp
    from apps.providers.models import AIModel


@dataclass
class Served:
    """A gateway on a port of this machine, in the event loop of the test."""

    app: GatewayApp
    url: str
    http: httpx.AsyncClient

    async def written(self) -> None:
        """Everything that is over has its row."""
        await self.app.desk.ledger.flush()


@pytest.fixture
def actor(transactional_db: None) -> Actor:
    from tests.factories import make_actor

    return make_actor()


@pytest.fixture(autouse=True)
def nothing_is_remembered() -> None:
    from apps.gateway import admission, names
    from apps.providers.calls import servers

    for module in (admission, names):
        module.forget()
    servers.forget_all()


@pytest.fixture
async def gateway(transactional_db: None) -> AsyncIterator[Served]:
    import uvicorn

    from apps.gateway.app import GatewayApp

    async def nothing_else(scope: Any, receive: Any, send: Any) -> None:
        raise AssertionError(f"{scope['path']} is not the gateway's")

    app = GatewayApp(nothing_else)
    port = free_port()
    config = uvicorn.Config(app, port=port, log_level="warning", lifespan="off", timeout_graceful_shutdown=1)
    server = uvicorn.Server(config)
    server.install_signal_handlers = lambda: None  # type: ignore[method-assign]
    listening = socket.socket()
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listening.bind(("127.0.0.1", port))
    running = asyncio.create_task(server.serve(sockets=[listening]))
    async with asyncio.timeout(10):
        while not server.started:
            await asyncio.sleep(0.01)
    url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=url, timeout=30, trust_env=False) as http:
        yield Served(app, url, http)
    server.should_exit = True
    await running
    await app.aclose()
    listening.close()


@pytest.fixture
def model_at(actor: Actor) -> Callable[..., AIModel]:
    """A model of the actor's team at a server; priced, so that a budget counts it. Call it in a thread."""
    from tests.providers.rows import make_model, make_provider

    def make(url: str, **more: Any) -> AIModel:
        about = {name: more.pop(name) for name in ("kind", "name", "quirks", "api_key") if name in more}
        provider = make_provider(actor, base_url=url, is_local=False, **about)
        given = {"key": "gpt-test", "price_input": Decimal(1), "price_output": Decimal(2), "price_source": "test"}
        return make_model(actor, provider, **{**given, **more})

    return make


@pytest.fixture
def key_of(actor: Actor) -> Callable[..., str]:
    """The text of a new key. Call it in a thread."""
    from apps.gateway.services import virtual_key_create

    return lambda **limits: virtual_key_create(actor, **{"name": "Program", **limits})[1]
