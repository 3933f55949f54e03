"""How answers of OpenAI's chat completions look: whole, written piece by piece, and passing by."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from typing import Any

from apps.gateway.dialects import openai
from apps.gateway.dialects.base import Asked, Evidence
from apps.gateway.dialects.events import data_of, event_of, with_field, words_in
from apps.gateway.dialects.taps import Hears, ListeningTap
from apps.providers.contract import Completion, Delta, ToolCall, Usage

DONE = b"data: [DONE]\n\n"
_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_FINISH = re.compile(rb'"finish_reason"\s*:\s*"')
_ERROR = re.compile(rb'^(?:event:\s*error|data:\s*\{\s*"error"\s*:\s*[{"])', re.MULTILINE)


def whole_answer(completion: Completion, asked: Asked, evidence: Evidence) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": completion.text or None, "refusal": None}
    if completion.reasoning:
        message["reasoning_content"] = completion.reasoning
    if completion.tool_calls:
        message["tool_calls"] = [_call(call) for call in completion.tool_calls]
    else:
        message["content"] = completion.text
    choice = {"index": 0, "message": message, "logprobs": _logprobs(completion), "finish_reason": _finish(completion)}
    return {
        "id": _id(completion),
        "object": "chat.completion",
        "created": int(time.time()),
        "model": asked.model,
        "choices": [choice],
        "usage": usage_out(completion.usage),
        "orq": evidence.as_json(),
    }


class ChatTap(ListeningTap):
    """Lets chunks pass. The last one is held until the counts are there, which stand behind it."""

    TEXT = re.compile(rb'"content"\s*:\s*"((?:[^"\\]|\\.)+)"')

    def __init__(self, asked: Asked, watch: Hears | None) -> None:
        super().__init__(watch)
        self.usage: Usage | None = None
        self._wants_usage = wants_usage(asked)
        self._held = b""
        self._has_finished = False

    def feed(self, event: bytes) -> bytes:
        if event.startswith(b"data: [DONE]") or event.startswith(b"data:[DONE]"):
            self.has_ended = self.is_over = True
            return b""
        if b'"usage"' in event and _USAGE.search(event) and not self._take_usage(event):
            return b""
        if _FINISH.search(event) or (self._has_finished and self._held):
            self._has_finished = self.has_ended = True
            before, self._held = self._held, event
            self.heard += words_in(event)
            return before
        if b"error" in event and _ERROR.search(event):
            self.error_code = "interrupted"
        self.hear(event)
        return event

    def end(self, evidence: Evidence, usage: Usage) -> bytes:
        first, last = self._cut_end(usage) if self.is_cut else (b"", self._held)
        return first + (with_field(last, "orq", evidence.as_json()) if last else b"") + DONE

    def _cut_end(self, usage: Usage) -> tuple[bytes, bytes]:
        """The chunk that says "length", and the counts for who asked for them."""
        shape = {name: value for name, value in self._latest_piece.items() if name not in ("choices", "usage")}
        last = event_of({**shape, "choices": [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}]})
        if not self._wants_usage:
            return b"", last
        return last, event_of({**shape, "choices": [], "usage": usage_out(usage)})

    def _take_usage(self, event: bytes) -> bool:
        """Whether the client is to see this event: the one that is there for the counts alone is only for who asked for it."""
        piece = data_of(event)
        if not isinstance(piece, dict):
            return True
        self.usage = openai.usage_in(piece) or self.usage
        return bool(piece.get("choices")) or self._wants_usage


class ChatWriter:
    def __init__(self, asked: Asked) -> None:
        self._wants_usage = wants_usage(asked)
        self._shape = {"id": f"chatcmpl-{time.time_ns():x}", "object": "chat.completion.chunk", "created": int(time.time())}
        self._shape["model"] = asked.model
        self._has_spoken = False

    def begin(self) -> bytes:
        return self._chunk({"role": "assistant", "content": ""})

    def delta(self, delta: Delta) -> bytes:
        said: dict[str, Any] = {}
        if delta.reasoning:
            said["reasoning_content"] = delta.reasoning
        if delta.text:
            said["content"] = delta.text
            self._has_spoken = True
        return self._chunk(said) if said else b""

    def end(self, completion: Completion, evidence: Evidence) -> bytes:
        parts = []
        if not self._has_spoken and completion.text:
            parts.append(self._chunk({"content": completion.text}))
        if completion.tool_calls:
            calls = [{"index": number, **_call(call)} for number, call in enumerate(completion.tool_calls)]
            parts.append(self._chunk({"tool_calls": calls}))
        last = self._chunk({}, _finish(completion))
        if self._wants_usage:
            parts.append(last)
            last = event_of({**self._shape, "choices": [], "usage": usage_out(completion.usage)})
        parts.append(with_field(last, "orq", evidence.as_json()))
        return b"".join(parts) + DONE

    def _chunk(self, delta: Mapping[str, Any], finish: str | None = None) -> bytes:
        return event_of({**self._shape, "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}]})


def wants_usage(asked: Asked) -> bool:
    options = asked.body.get("stream_options")
    return isinstance(options, dict) and options.get("include_usage") is True


def usage_out(usage: Usage) -> dict[str, Any]:
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.input_tokens + usage.output_tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
    }


def _call(call: ToolCall) -> dict[str, Any]:
    return {"id": call.id, "type": "function", "function": {"name": call.name, "arguments": call.arguments}}


def _finish(completion: Completion) -> str:
    return "stop" if completion.finish_reason == "unknown" else completion.finish_reason


def _logprobs(completion: Completion) -> dict[str, Any] | None:
    if completion.logprobs is None:
        return None
    rows = [
        {
            "token": one.token,
            "logprob": one.logprob,
            "bytes": None,
            "top_logprobs": [{"token": token, "logprob": logprob, "bytes": None} for token, logprob in one.top],
        }
        for one in completion.logprobs
    ]
    return {"content": rows, "refusal": None}


def _id(completion: Completion) -> str:
    return completion.request_id if completion.request_id.startswith("chatcmpl") else f"chatcmpl-{time.time_ns():x}"
