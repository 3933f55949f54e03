"""How answers of Anthropic's messages look: whole, written piece by piece, and passing by."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from apps.gateway.dialects.base import Asked, Evidence
from apps.gateway.dialects.events import data_of, event_of, with_field
from apps.gateway.dialects.taps import Hears, ListeningTap
from apps.providers.adapters.answer import count_in
from apps.providers.contract import Completion, Delta, ToolCall, Usage

_STOPS = {
    "stop": "end_turn",
    "unknown": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_TYPE = re.compile(rb'"type"\s*:\s*"(message_start|message_delta|message_stop|error)"')


def whole_answer(completion: Completion, asked: Asked, evidence: Evidence) -> dict[str, Any]:
    content: list[dict[str, Any]] = []
    if completion.reasoning:
        content.append({"type": "thinking", "thinking": completion.reasoning, "signature": ""})
    if completion.text or not completion.tool_calls:
        content.append({"type": "text", "text": completion.text})
    content += [_call(call) for call in completion.tool_calls]
    return {
        "id": _id(),
        "type": "message",
        "role": "assistant",
        "model": asked.model,
        "content": content,
        "stop_reason": _STOPS[completion.finish_reason],
        "stop_sequence": None,
        "usage": usage_out(completion.usage),
        "orq": evidence.as_json(),
    }


class MessagesTap(ListeningTap):
    """Lets events pass. Their counts are cumulative, so that later ones replace earlier ones."""

    TEXT = re.compile(rb'"text"\s*:\s*"((?:[^"\\]|\\.)+)"')

    def __init__(self, watch: Hears | None) -> None:
        super().__init__(watch)
        self._counts: dict[str, Any] = {}
        self._held = b""

    @property
    def usage(self) -> Usage | None:
        """None for an answer that was cut: what was counted at its beginning says nothing of its end."""
        is_whole = self.has_ended and not self.is_cut
        return usage_in(self._counts) if is_whole and "output_tokens" in self._counts else None

    def feed(self, event: bytes) -> bytes:
        found = _TYPE.search(event)
        if found is None:
            self.hear(event)
            return event
        match found[1]:
            case b"message_stop":
                self.has_ended = self.is_over = True
                self._held = event
                return b""
            case b"error":
                self.error_code = "interrupted"
                self.has_ended = self.is_over = True
            case kind:
                piece = data_of(event)
                if isinstance(piece, dict):
                    message = piece.get("message") if kind == b"message_start" else piece
                    counts = message.get("usage") if isinstance(message, dict) else None
                    self._counts |= {name: value for name, value in (counts or {}).items() if value is not None}
        return event

    def end(self, evidence: Evidence, usage: Usage) -> bytes:
        if self.is_cut:
            return self._cut_end(evidence, usage)
        return with_field(self._held, "orq", evidence.as_json()) if self._held else b""

    def _cut_end(self, evidence: Evidence, usage: Usage) -> bytes:
        """The block that is open is closed, and the message ends as one that had no room for more."""
        closed = _event("content_block_stop", index=self._latest_piece.get("index", 0))
        stop = {"stop_reason": _STOPS["length"], "stop_sequence": None}
        stopped = _event("message_delta", delta=stop, usage={"output_tokens": usage.output_tokens})
        return closed + stopped + _event("message_stop", orq=evidence.as_json())


class MessagesWriter:
    """Blocks one after the other: thoughts, words, and each tool that is called."""

    def __init__(self, asked: Asked) -> None:
        self._model = asked.model
        self._index = -1
        self._open = ""
        self._has_spoken = False

    def begin(self) -> bytes:
        message: dict[str, Any] = {
            "id": _id(),
            "type": "message",
            "role": "assistant",
            "model": self._model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},
        }
        return _event("message_start", message=message)

    def delta(self, delta: Delta) -> bytes:
        said = b""
        if delta.reasoning:
            said += self._block("thinking", {"type": "thinking", "thinking": "", "signature": ""})
            said += self._piece({"type": "thinking_delta", "thinking": delta.reasoning})
        if delta.text:
            self._has_spoken = True
            said += self._block("text", {"type": "text", "text": ""}) + self._piece({"type": "text_delta", "text": delta.text})
        return said

    def end(self, completion: Completion, evidence: Evidence) -> bytes:
        said = b""
        if not self._has_spoken and completion.text:
            said += self.delta(Delta(completion.text))
        for call in completion.tool_calls:
            said += self._close() + self._block(call.id, {**_call(call), "input": {}})
            said += self._piece({"type": "input_json_delta", "partial_json": call.arguments or "{}"})
        said += self._close()
        stop = {"stop_reason": _STOPS[completion.finish_reason], "stop_sequence": None}
        said += _event("message_delta", delta=stop, usage=usage_out(completion.usage))
        return said + _event("message_stop", orq=evidence.as_json())

    def _block(self, kind: str, start: Mapping[str, Any]) -> bytes:
        if self._open == kind:
            return b""
        closed = self._close()
        self._index += 1
        self._open = kind
        return closed + _event("content_block_start", index=self._index, content_block=start)

    def _piece(self, delta: Mapping[str, Any]) -> bytes:
        return _event("content_block_delta", index=self._index, delta=delta)

    def _close(self) -> bytes:
        if not self._open:
            return b""
        self._open = ""
        return _event("content_block_stop", index=self._index)


def usage_in(counts: Any) -> Usage | None:
    """Tokens read from or written to the cache stand beside `input_tokens` here, so they are added."""
    if not isinstance(counts, Mapping):
        return None
    cached, written = count_in(counts, "cache_read_input_tokens"), count_in(counts, "cache_creation_input_tokens")
    outputs = count_in(counts, "output_tokens")
    inputs = count_in(counts, "input_tokens") + cached + written
    if not inputs and not outputs:
        return None
    return Usage(
        inputs,
        outputs,
        cached,
        min(count_in(counts.get("output_tokens_details"), "thinking_tokens"), outputs),
        cache_write_tokens=written,
        cache_write_1h_tokens=min(count_in(counts.get("cache_creation"), "ephemeral_1h_input_tokens"), written),
    )


def usage_out(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens - usage.cached_tokens - usage.cache_write_tokens,
        "output_tokens": usage.output_tokens,
        "cache_read_input_tokens": usage.cached_tokens,
        "cache_creation_input_tokens": usage.cache_write_tokens,
    }


def _event(kind: str, **more: Any) -> bytes:
    return event_of({"type": kind, **more}, kind)


def _call(call: ToolCall) -> dict[str, Any]:
    try:
        given = json.loads(call.arguments) if call.arguments.strip() else {}
    except ValueError:
        given = {"arguments": call.arguments}
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": given if isinstance(given, dict) else {"value": given}}


def _id() -> str:
    return f"msg_{time.time_ns():x}"
