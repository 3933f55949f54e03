"""Each protocol that an adapter speaks, small: how its server sends a text, in pieces and whole."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from apps.providers.contract import Adapter
from tests.providers.native import Vendor
from tests.servers.bytes_server import DONE, JSON, SSE, BytesServer, words
from tests.servers.bytes_server import answer as chat_answer
from tests.servers.bytes_server import event as data

KEY = "sk-any-vendor-0123456789abcdef"
NOTHING_IN_MEMORY = (b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: close\r\ncontent-length: 13\r\n\r\n"
                     b'{"models":[]}')  # fmt: skip


@dataclass(frozen=True)
class Wire:
    """`pieces` of a stream for some texts; `last` ends it; `body` is the whole answer."""

    name: str
    kind: str
    pieces: Callable[[str], bytes]
    last: bytes
    body: Callable[[str], Any]
    quirks: dict[str, Any] = field(default_factory=dict)
    headers: dict[str, str] = field(default_factory=lambda: SSE)
    asks_first: bool = False  # what is in memory, before a question

    def stream(self, *texts: str) -> bytes:
        return b"".join(map(self.pieces, texts)) + self.last

    @property
    def before(self) -> tuple:
        return ((NOTHING_IN_MEMORY,),) if self.asks_first else ()

    @asynccontextmanager
    async def at(self, *scripts: tuple, **options: Any) -> AsyncIterator[tuple[BytesServer, Adapter]]:
        """A server that plays the scripts for questions, and an adapter at its address."""
        vendor = Vendor(self.kind, KEY)
        options["quirks"] = {**self.quirks, **options.get("quirks", {})}
        async with BytesServer(*self.before, *scripts) as server, vendor.adapter_at(server, **options) as adapter:
            yield server, adapter


def _named(kind: str, **more: Any) -> bytes:
    return f"event: {kind}\n".encode() + data({"type": kind, **more})


def _line(**more: Any) -> bytes:
    return json.dumps({"model": "m", "done": False, **more}, ensure_ascii=False).encode() + b"\n"


def _response(text: str) -> dict:
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    return {"id": "resp_1", "model": "m", "status": "completed", "output": [message],
            "usage": {"input_tokens": 3, "output_tokens": 2}}  # fmt: skip


def _gemini(text: str, **more: Any) -> dict:
    return {"candidates": [{"content": {"parts": [{"text": text}]}, **more}]}


CHAT_LAST = data(words(finish="stop")) + DONE
CLAUDE_STOP = _named("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 2}) + _named("message_stop")

CHAT = Wire("chat", "openai_compatible", lambda text: data(words(text)), CHAT_LAST, chat_answer)
WIRES = (
    CHAT,
    Wire("openai-chat", "openai", lambda text: data(words(text)), CHAT_LAST, chat_answer, {"api": "chat"}),
    Wire(
        "openai-responses",
        "openai",
        lambda text: _named("response.output_text.delta", delta=text),
        _named("response.completed", response=_response("") | {"output": []}),
        _response,
        {"api": "responses"},
    ),
    Wire("mistral", "mistral", lambda text: data(words(text)), CHAT_LAST, chat_answer),
    Wire("genspark", "genspark", lambda text: data(words(text)), CHAT_LAST, chat_answer),
    Wire("llamacpp", "llamacpp", lambda text: data(words(text)), CHAT_LAST, chat_answer),
    Wire(
        "anthropic",
        "anthropic",
        lambda text: _named("content_block_delta", index=0, delta={"type": "text_delta", "text": text}),
        CLAUDE_STOP,
        lambda text: {"type": "message", "content": [{"type": "text", "text": text}], "stop_reason": "end_turn",
                      "usage": {"input_tokens": 3, "output_tokens": 2}},
    ),
    Wire(
        "google",
        "google",
        lambda text: data(_gemini(text)),
        data(_gemini("", finishReason="STOP")),
        lambda text: _gemini(text, finishReason="STOP"),
    ),
    Wire(
        "ollama",
        "ollama",
        lambda text: _line(message={"role": "assistant", "content": text}),
        _line(done=True, done_reason="stop"),
        lambda text: {"model": "m", "message": {"content": text}, "done": True, "done_reason": "stop"},
        headers={**JSON, "content-type": "application/x-ndjson"},
        asks_first=True,
    ),
)  # fmt: skip
