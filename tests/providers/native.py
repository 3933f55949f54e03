"""Short ways to ask a scripted server in a vendor's own protocol."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from apps.providers.adapters import make_adapter
from apps.providers.contract import Adapter, ChatRequest, Completion, Connection, Delta, Message
from tests.servers.bytes_server import BytesServer

REQUEST = ChatRequest("m", (Message("user", "Hi there, good morning."),))


class Vendor:
    """`ask` one kind of provider at servers that play scripts."""

    def __init__(self, kind: str, key: str) -> None:
        self.kind, self.key = kind, key

    @asynccontextmanager
    async def adapter_at(self, server: BytesServer, **options: Any) -> AsyncIterator[Adapter]:
        settings = {"base_url": server.url, "api_key": self.key, "allow_private": True, "max_attempts": 1}
        adapter = make_adapter(Connection(self.kind, **{**settings, **options}))
        try:
            yield adapter
        finally:
            await adapter.aclose()

    async def stream(self, *scripts: tuple, request: ChatRequest = REQUEST, **options: Any) -> tuple[list[Delta], Completion]:
        """(deltas, completion) of a stream from a server that plays the scripts."""
        async with BytesServer(*scripts) as server, self.adapter_at(server, **options) as adapter:
            *deltas, last = [piece async for piece in adapter.stream(request)]
        assert isinstance(last, Completion)
        return deltas, last

    async def complete(self, *scripts: tuple, request: ChatRequest = REQUEST, **options: Any) -> Completion:
        """A whole answer from a server that plays the scripts."""
        async with BytesServer(*scripts) as server, self.adapter_at(server, **options) as adapter:
            return await adapter.complete(request)
