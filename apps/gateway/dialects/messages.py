"""Anthropic's messages."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.gateway.dialects.base import (
    Asked,
    Evidence,
    Told,
    check_list,
    check_number,
    check_picture,
    check_tool,
    encode,
    left_out_of,
)
from apps.gateway.dialects.events import data_of, event_of, with_field
from apps.gateway.dialects.taps import Hears, ListeningTap
from apps.gateway.errors import BadBody, Kind
from apps.providers.adapters.answer import count_in
from apps.providers.contract import ChatRequest, Completion, Delta, Message, ToolCall, Usage

# Types of errors and their statuses as https://docs.claude.com/en/api/errors has them (2026-11).
TYPES: Mapping[Kind, str] = {
    "authentication": "authentication_error",
    "permission": "permission_error",
    "not_found": "not_found_error",
    "invalid": "invalid_request_error",
    "too_large": "request_too_large",
    "rate_limit": "rate_limit_error",
    "quota": "rate_limit_error",
    "overloaded": "overloaded_error",
    "timeout": "timeout_error",
    "upstream": "api_error",
    "internal": "api_error",
}
_UNDERSTOOD = frozenset(
    "model messages system stream max_tokens temperature stop_sequences tools tool_choice output_config".split()
)
_STOPS = {
    "stop": "end_turn",
    "unknown": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
}
_TYPE = re.compile(rb'"type"\s*:\s*"(message_start|message_delta|message_stop|error)"')


class Messages:
    api = "messages"
    counts_when_asked = False
    passed_headers: tuple[bytes, ...] = (b"anthropic-version", b"anthropic-beta")

    def check(self, body: dict[str, Any], *, is_stream: bool) -> None:
        for number, message in enumerate(check_list(body, "messages")):
            if not isinstance(message.get("role"), str):
                raise BadBody(_("A message has a role."), param=f"messages.{number}.role")
            _check_content(message.get("content"), f"messages.{number}.content")
        if check_number(body, "max_tokens", least=0) is None:
            raise BadBody(_("“max_tokens” is required."), param="max_tokens")
        for number, tool in enumerate(_tools(body)):
            if tool.get("type", "custom") == "custom":
                check_tool(tool.get("name"), tool.get("input_schema"), f"tools.{number}.input_schema")

    def most_output(self, body: Mapping[str, Any]) -> int | None:
        return body.get("max_tokens")

    def to_request(self, body: Mapping[str, Any]) -> tuple[ChatRequest, tuple[str, ...]]:
        messages: list[Message] = []
        if system := _text_of(body.get("system")):
            messages.append(Message("system", system))
        for number, message in enumerate(body["messages"]):
            messages += _messages(message, f"messages.{number}")
        choice = body.get("tool_choice") or {}
        chosen = {"any": "required", "auto": "auto", "none": "none", "tool": str(choice.get("name") or "")}
        form = (body.get("output_config") or {}).get("format") or {}
        request = ChatRequest(
            model="",
            messages=tuple(messages),
            max_output_tokens=body["max_tokens"] or None,
            temperature=body.get("temperature"),
            stop=tuple(body.get("stop_sequences") or ()),
            json_schema=form.get("schema") if form.get("type") == "json_schema" else None,
            tools=tuple(_tool(tool) for tool in _tools(body)),
            tool_choice=chosen.get(str(choice.get("type")), ""),
        )
        return request, left_out_of(body, _UNDERSTOOD)

    def usage_of(self, answer: Mapping[str, Any]) -> Usage | None:
        return usage_in(answer.get("usage"))

    def whole(self, completion: Completion, asked: Asked, evidence: Evidence) -> dict[str, Any]:
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

    def writer(self, asked: Asked, name: str) -> _Writer:
        return _Writer(asked)

    def tap(self, asked: Asked, watch: Hears | None) -> _Tap:
        return _Tap(watch)

    def error(self, told: Told, request_id: str) -> bytes:
        if told.said:
            return told.said[1]
        return encode({"type": "error", "error": {"type": TYPES[told.kind], "message": told.message}, "request_id": request_id})

    def error_event(self, told: Told, request_id: str) -> bytes:
        error = {"type": TYPES[told.kind], "message": told.message}
        return event_of({"type": "error", "error": error, "request_id": request_id}, "error")


class _Tap(ListeningTap):
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


class _Writer:
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


def _check_content(content: Any, param: str) -> None:
    if content is None or isinstance(content, str):
        return
    if not isinstance(content, list):
        raise BadBody(_("The content of a message is a text, or a list of parts."), param=param)
    for number, block in enumerate(content):
        source = block.get("source") if isinstance(block, dict) and block.get("type") == "image" else None
        if isinstance(source, dict) and source.get("type") == "base64":
            check_picture(source.get("data"), f"{param}.{number}.source")


def _messages(message: Mapping[str, Any], param: str) -> list[Message]:
    """Results of tools are messages of their own in our words."""
    role, content = message["role"], message.get("content")
    if role not in ("user", "assistant", "system"):
        raise BadBody(_("This model knows no messages of the role %s.") % role[:40], param=f"{param}.role")
    if content is None or isinstance(content, str):
        return [Message(role, content or "")]
    results: list[Message] = []
    texts: list[str] = []
    images: list[str] = []
    calls: list[ToolCall] = []
    for number, block in enumerate(content):
        kind = block.get("type") if isinstance(block, dict) else None
        if kind == "text":
            texts.append(str(block.get("text") or ""))
        elif kind == "image":
            images.append(_image(block, f"{param}.content.{number}"))
        elif kind == "tool_use":
            calls.append(ToolCall(str(block.get("id")), str(block.get("name")), json.dumps(block.get("input") or {})))
        elif kind == "tool_result":
            result, shown = _result(block.get("content"), f"{param}.content.{number}")
            results.append(Message("tool", result, shown, tool_call_id=str(block.get("tool_use_id") or "")))
        elif kind not in ("thinking", "redacted_thinking"):
            raise BadBody(_("This model takes no parts of the type %s.") % str(kind)[:40], param=f"{param}.content.{number}")
    if texts or images or calls or not results:
        return [*results, Message(role, "\n".join(texts), tuple(images), tuple(calls))]
    return results


def _result(content: Any, param: str) -> tuple[str, tuple[str, ...]]:
    if not isinstance(content, list):
        return str(content or ""), ()
    images = [_image(block, param) for block in content if isinstance(block, dict) and block.get("type") == "image"]
    return _text_of(content), tuple(images)


def _image(block: Mapping[str, Any], param: str) -> str:
    source = block.get("source")
    if not isinstance(source, dict) or source.get("type") != "base64":
        raise BadBody(_("This model fetches no images: send them as base64."), param=param)
    return f"data:{source.get('media_type', 'image/png')};base64,{source.get('data', '')}"


def _text_of(content: Any) -> str:
    if isinstance(content, list):
        texts = [str(block.get("text") or "") for block in content if isinstance(block, dict) and block.get("type") == "text"]
        return "\n\n".join(texts)
    return content if isinstance(content, str) else ""


def _tools(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    tools = body.get("tools") or []
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise BadBody(_("“tools” is a list of objects."), param="tools")
    return tools


def _tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    """In the words of the contract, which every adapter understands; the vendor's own tools stay as they are."""
    if "input_schema" not in tool:
        return tool
    return {"name": tool.get("name"), "description": tool.get("description") or "", "parameters": tool["input_schema"]}


def _call(call: ToolCall) -> dict[str, Any]:
    try:
        given = json.loads(call.arguments) if call.arguments.strip() else {}
    except ValueError:
        given = {"arguments": call.arguments}
    return {"type": "tool_use", "id": call.id, "name": call.name, "input": given if isinstance(given, dict) else {"value": given}}


def _id() -> str:
    return f"msg_{time.time_ns():x}"
