"""Our words as one of OpenAI's responses, whole or event by event."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from apps.gateway.dialects.base import Asked, Evidence, decode
from apps.gateway.dialects.events import event_of
from apps.providers.contract import Completion, Delta, ToolCall, Usage

_INCOMPLETE = {"length": "max_output_tokens", "content_filter": "content_filter"}


def response_object(completion: Completion, asked: Asked, *, id: str = "", output: list[dict[str, Any]] | None = None) -> dict:
    """The whole answer. `output` are its items where they were told before."""
    reason = _INCOMPLETE.get(completion.finish_reason)
    return {
        **_head(asked, id or _id("resp")),
        "status": "incomplete" if reason else "completed",
        "incomplete_details": {"reason": reason} if reason else None,
        "output": _items(completion) if output is None else output,
        "usage": usage_out(completion.usage),
    }


def usage_out(usage: Usage) -> dict[str, Any]:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": usage.cache_write_tokens},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
        "total_tokens": usage.input_tokens + usage.output_tokens,
    }


def cut_response(created: Any, latest: Mapping[str, Any], escaped: bytes, usage: Usage, evidence: Evidence) -> bytes:
    """The events that end a response which was cut in its message. `latest` is the last event of it, `escaped` all its words."""
    text = decode(b'"%s"' % escaped)
    place = {name: latest.get(name) for name in ("item_id", "output_index", "content_index")}
    item = {**_item("message", latest.get("item_id", ""), text), "status": "incomplete"}
    head = created["response"] if isinstance(created, dict) else {}
    cut = {"status": "incomplete", "incomplete_details": {"reason": _INCOMPLETE["length"]}, "output": [item]}
    told: list[tuple[str, dict[str, Any]]] = [
        ("response.output_text.done", {**place, "text": text, "logprobs": []}),
        ("response.content_part.done", {**place, "part": _part("message", text)}),
        ("response.output_item.done", {"output_index": latest.get("output_index"), "item": item}),
        ("response.incomplete", {"response": {**head, **cut, "usage": usage_out(usage), "orq": evidence.as_json()}}),
    ]
    number = latest.get("sequence_number", 0)
    events = (event_of({"type": kind, "sequence_number": number + at, **about}, kind) for at, (kind, about) in enumerate(told, 1))
    return b"".join(events)


class ResponseWriter:
    """Items one after the other: thoughts, the message, and each tool that is called."""

    def __init__(self, asked: Asked) -> None:
        self._asked = asked
        self._id = _id("resp")
        self._number = -1
        self._output: list[dict[str, Any]] = []
        self._kind = ""
        self._item_id = ""
        self._texts: list[str] = []
        self._has_spoken = False

    def begin(self) -> bytes:
        head = {**_head(self._asked, self._id), "status": "in_progress", "output": [], "usage": None}
        return self._event("response.created", response=head) + self._event("response.in_progress", response=head)

    def delta(self, delta: Delta) -> bytes:
        said = b""
        if delta.reasoning:
            said += self._open("reasoning") + self._piece("response.reasoning_text.delta", delta.reasoning)
        if delta.text:
            self._has_spoken = True
            said += self._open("message") + self._piece("response.output_text.delta", delta.text, logprobs=[])
        return said

    def end(self, completion: Completion, evidence: Evidence) -> bytes:
        said = b""
        if not self._has_spoken and (completion.text or not completion.tool_calls):
            said += self.delta(Delta(completion.text)) if completion.text else self._open("message")
        said += self._close()
        for call in completion.tool_calls:
            said += self._call(call)
        response = response_object(completion, self._asked, id=self._id, output=self._output)
        kind = "response.completed" if response["status"] == "completed" else "response.incomplete"
        return said + self._event(kind, response={**response, "orq": evidence.as_json()})

    def _open(self, kind: str) -> bytes:
        if self._kind == kind:
            return b""
        closed = self._close()
        self._kind, self._texts = kind, []
        self._item_id = _id("msg" if kind == "message" else "rs")
        item = {**_item(kind, self._item_id, ""), "status": "in_progress", "content": []}
        begun = self._event("response.output_item.added", output_index=len(self._output), item=item)
        part = _part(kind, "")
        return closed + begun + self._event("response.content_part.added", **self._place, part=part)

    def _piece(self, event: str, text: str, **more: Any) -> bytes:
        self._texts.append(text)
        return self._event(event, **self._place, delta=text, **more)

    def _close(self) -> bytes:
        if not self._kind:
            return b""
        kind, text = self._kind, "".join(self._texts)
        done = "response.output_text.done" if kind == "message" else "response.reasoning_text.done"
        more: dict[str, Any] = {"logprobs": []} if kind == "message" else {}
        said = self._event(done, **self._place, text=text, **more)
        said += self._event("response.content_part.done", **self._place, part=_part(kind, text))
        self._kind = ""
        return said + self._item_done(_item(kind, self._item_id, text))

    def _call(self, call: ToolCall) -> bytes:
        item = _call_item(call)
        place = {"item_id": item["id"], "output_index": len(self._output)}
        begun = {**item, "arguments": "", "status": "in_progress"}
        said = self._event("response.output_item.added", output_index=len(self._output), item=begun)
        said += self._event("response.function_call_arguments.delta", **place, delta=call.arguments)
        said += self._event("response.function_call_arguments.done", **place, name=call.name, arguments=call.arguments)
        return said + self._item_done(item)

    def _item_done(self, item: dict[str, Any]) -> bytes:
        said = self._event("response.output_item.done", output_index=len(self._output), item=item)
        self._output.append(item)
        return said

    @property
    def _place(self) -> Mapping[str, Any]:
        return {"item_id": self._item_id, "output_index": len(self._output), "content_index": 0}

    def _event(self, kind: str, **about: Any) -> bytes:
        self._number += 1
        return event_of({"type": kind, "sequence_number": self._number, **about}, kind)


def _head(asked: Asked, id: str) -> dict[str, Any]:
    body = asked.body
    return {
        "id": id,
        "object": "response",
        "created_at": int(time.time()),
        "model": asked.model,
        "error": None,
        "incomplete_details": None,
        "instructions": body.get("instructions"),
        "metadata": body.get("metadata") or {},
        "parallel_tool_calls": body.get("parallel_tool_calls", True),
        "temperature": body.get("temperature"),
        "top_p": body.get("top_p"),
        "max_output_tokens": body.get("max_output_tokens"),
        "tool_choice": body.get("tool_choice") or "auto",
        "tools": body.get("tools") or [],
        "text": body.get("text") or {"format": {"type": "text"}},
        "store": False,
    }


def _items(completion: Completion) -> list[dict[str, Any]]:
    items = [_item("reasoning", _id("rs"), completion.reasoning)] if completion.reasoning else []
    if completion.text or not completion.tool_calls:
        items.append(_item("message", _id("msg"), completion.text))
    return [*items, *map(_call_item, completion.tool_calls)]


def _item(kind: str, id: str, text: str) -> dict[str, Any]:
    item: dict[str, Any] = {"id": id, "type": kind, "status": "completed", "content": [_part(kind, text)]}
    return {**item, "role": "assistant"} if kind == "message" else {**item, "summary": []}


def _part(kind: str, text: str) -> dict[str, Any]:
    if kind == "message":
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    return {"type": "reasoning_text", "text": text}


def _call_item(call: ToolCall) -> dict[str, Any]:
    about = {"id": _id("fc"), "type": "function_call", "status": "completed"}
    return {**about, "call_id": call.id, "name": call.name, "arguments": call.arguments}


def _id(prefix: str) -> str:
    return f"{prefix}_{time.time_ns():x}"
