"""OpenAI's responses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.gateway.dialects import openai
from apps.gateway.dialects.base import Asked, Evidence, Told, check_image, check_number, check_tool, left_out_of
from apps.gateway.dialects.chat import parts_of
from apps.gateway.dialects.events import data_of, event_of, words_in
from apps.gateway.dialects.responses_out import ResponseWriter, cut_response, response_object
from apps.gateway.dialects.taps import Hears, ListeningTap
from apps.gateway.errors import BadBody
from apps.providers.contract import ChatRequest, Completion, Message, ToolCall, Usage

_UNDERSTOOD = frozenset(
    "model input instructions stream max_output_tokens temperature tools tool_choice text top_logprobs include store".split()
)
_LAST = re.compile(rb'"type"\s*:\s*"response\.(completed|incomplete|failed)"')
_ERROR = re.compile(rb'"type"\s*:\s*"error"')
_ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}


class Responses:
    api = "responses"
    counts_when_asked = False
    passed_headers: tuple[bytes, ...] = ()

    def check(self, body: dict[str, Any], *, is_stream: bool) -> None:
        given = body.get("input")
        if not isinstance(given, str | list) or not given:
            raise BadBody(_("“input” is a text, or a list of items, with one at least."), param="input")
        for number, item in enumerate(given if isinstance(given, list) else ()):
            if not isinstance(item, dict):
                raise BadBody(_("An item of “input” is an object."), param=f"input.{number}")
            _check_images(item.get("content"), f"input.{number}.content")
        check_number(body, "max_output_tokens")
        for number, tool in enumerate(_tools(body)):
            if tool.get("type") == "function":
                check_tool(tool.get("name"), tool.get("parameters"), f"tools.{number}.parameters")

    def most_output(self, body: Mapping[str, Any]) -> int | None:
        return body.get("max_output_tokens")

    def to_request(self, body: Mapping[str, Any]) -> tuple[ChatRequest, tuple[str, ...]]:
        if body.get("previous_response_id"):
            message = _("This model remembers no earlier answer. Send the whole conversation in “input”.")
            raise BadBody(message, param="previous_response_id")
        messages = [Message("system", body["instructions"])] if body.get("instructions") else []
        given = body["input"]
        items = [{"role": "user", "content": given}] if isinstance(given, str) else given
        for number, item in enumerate(items):
            messages += _messages(item, f"input.{number}")
        form = (body.get("text") or {}).get("format") or {}
        request = ChatRequest(
            model="",
            messages=tuple(_joined(messages)),
            max_output_tokens=body.get("max_output_tokens"),
            temperature=body.get("temperature"),
            json_schema=_schema(form),
            schema_name=str(form.get("name") or "answer"),
            tools=tuple(_tool(tool) for tool in _tools(body)),
            tool_choice=_tool_choice(body.get("tool_choice")),
            logprobs="message.output_text.logprobs" in (body.get("include") or ()),
            top_logprobs=body.get("top_logprobs") or 0,
        )
        return request, left_out_of(body, _UNDERSTOOD)

    def usage_of(self, answer: Mapping[str, Any]) -> Usage | None:
        return openai.usage_in(answer)

    def whole(self, completion: Completion, asked: Asked, evidence: Evidence) -> dict[str, Any]:
        return {**response_object(completion, asked), "orq": evidence.as_json()}

    def writer(self, asked: Asked, name: str) -> ResponseWriter:
        return ResponseWriter(asked)

    def tap(self, asked: Asked, watch: Hears | None) -> _Tap:
        return _Tap(watch)

    def error(self, told: Told, request_id: str) -> bytes:
        return openai.error_body(told)

    def error_event(self, told: Told, request_id: str) -> bytes:
        about = {"type": "error", "code": told.code, "message": told.message, "param": told.param, "sequence_number": 0}
        return event_of(about, "error")


class _Tap(ListeningTap):
    """Lets events pass. The last one has the whole answer with its counts in it."""

    TEXT = re.compile(rb'"delta"\s*:\s*"((?:[^"\\]|\\.)+)"')

    def __init__(self, watch: Hears | None) -> None:
        super().__init__(watch)
        self.usage: Usage | None = None
        self._created = b""
        self._shown: list[bytes] = []  # the words of the message that is being written
        self._last: dict[str, Any] | None = None

    def feed(self, event: bytes) -> bytes:
        if _LAST.search(event) and isinstance(piece := data_of(event), dict) and isinstance(piece.get("response"), dict):
            self._last = piece
            self.usage = openai.usage_in(piece["response"])
            self.has_ended = self.is_over = True
            self.error_code = "provider_error" if piece["type"] == "response.failed" else ""
            return b""
        if _ERROR.search(event) and isinstance(piece := data_of(event), dict) and piece.get("type") == "error":
            self.error_code = "interrupted"
            self.has_ended = self.is_over = True
            return event
        if b'"response.output_text.delta"' in event:
            self._shown += self.TEXT.findall(event)
            self.hear(event)
        elif b".delta" in event:
            self.heard += words_in(event)
        elif b'"response.created"' in event:
            self._created = event
        elif b'"response.output_text.done"' in event:
            self._shown.clear()
        return event

    def end(self, evidence: Evidence, usage: Usage) -> bytes:
        if self.is_cut:
            return cut_response(data_of(self._created), self._latest_piece, b"".join(self._shown), usage, evidence)
        if self._last is None:
            return b""
        self._last["response"]["orq"] = evidence.as_json()
        return event_of(self._last, self._last["type"])


def _check_images(content: Any, param: str) -> None:
    for number, part in enumerate(content if isinstance(content, list) else ()):
        if isinstance(part, dict) and part.get("type") == "input_image" and part.get("image_url"):
            check_image(part["image_url"], f"{param}.{number}")


def _messages(item: Mapping[str, Any], param: str) -> list[Message]:
    kind = item.get("type", "message")
    if kind == "function_call":
        call = ToolCall(str(item.get("call_id") or ""), str(item.get("name") or ""), str(item.get("arguments") or ""))
        return [Message("assistant", "", tool_calls=(call,))]
    if kind == "function_call_output":
        text, images = parts_of(item.get("output"), param)
        return [Message("tool", text, images, tool_call_id=str(item.get("call_id") or ""))]
    if kind == "reasoning":
        return []
    role = _ROLES.get(str(item.get("role")))
    if kind != "message" or role is None:
        raise BadBody(_("This model takes no items of the type %s.") % str(kind)[:40], param=param)
    text, images = parts_of(item.get("content"), param)
    return [Message(role, text, images)]  # type: ignore[arg-type]


def _joined(messages: list[Message]) -> list[Message]:
    """Calls of tools that stand one after the other here are calls of one message in our words."""
    joined: list[Message] = []
    for message in messages:
        before = joined[-1] if joined else None
        if message.tool_calls and before is not None and before.role == "assistant":
            joined[-1] = Message("assistant", before.content, tool_calls=before.tool_calls + message.tool_calls)
        else:
            joined.append(message)
    return joined


def _tools(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    tools = body.get("tools") or []
    if not isinstance(tools, list) or not all(isinstance(tool, dict) for tool in tools):
        raise BadBody(_("“tools” is a list of objects."), param="tools")
    return tools


def _tool(tool: Mapping[str, Any]) -> Mapping[str, Any]:
    if tool.get("type") != "function":
        raise BadBody(_("This model knows tools of the type “function” alone."), param="tools")
    parameters = tool.get("parameters") or {"type": "object", "properties": {}}
    return {"name": tool.get("name"), "description": tool.get("description") or "", "parameters": parameters}


def _tool_choice(choice: Any) -> str:
    return str(choice.get("name") or "") if isinstance(choice, dict) else choice if isinstance(choice, str) else ""


def _schema(form: Mapping[str, Any]) -> Mapping[str, Any] | None:
    if form.get("type") == "json_schema":
        return form.get("schema") or {"type": "object"}
    return {"type": "object"} if form.get("type") == "json_object" else None
