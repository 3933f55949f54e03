"""Short ways to ask a scripted server through the adapter."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from apps.providers.adapters.openai_compatible.adapter import OpenAICompatibleAdapter
from apps.providers.contract import ChatRequest, Completion, Connection, Delta, Message
from tests.servers.bytes_server import BytesServer

KEY = "sk-test-0123456789abcdef"
REQUEST = ChatRequest("m", (Message("user", "Hi there, good morning."),))


@asynccontextmanager
async def adapter_at(server: BytesServer, **options: Any) -> AsyncIterator[OpenAICompatibleAdapter]:
    settings = {"kind": "openai_compatible", "base_url": server.url, "api_key": KEY, "allow_private": True, "max_attempts": 1}
    adapter = OpenAICompatibleAdapter(Connection(**{**settings, **options}))
    try:
        yield adapter
    finally:
        await adapter.aclose()


async def stream(*scripts: tuple, request: ChatRequest = REQUEST, **options: Any) -> tuple[list[Delta], Completion]:
    """(deltas, completion) of a stream from a server that plays the scripts."""
    async with BytesServer(*scripts) as server, adapter_at(server, **options) as adapter:
        *deltas, last = [piece async for piece in adapter.stream(request)]
    assert isinstance(last, Completion)
    return deltas, last


async def complete(*scripts: tuple, request: ChatRequest = REQUEST, **options: Any) -> Completion:
    """A whole answer from a server that plays the scripts."""
    async with BytesServer(*scripts) as server, adapter_at(server, **options) as adapter:
        return await adapter.complete(request)
