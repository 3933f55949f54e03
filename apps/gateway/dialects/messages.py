"""Anthropic's messages."""

from __future__ import annotations

import json
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
from apps.gateway.dialects.events import event_of
from apps.gateway.dialects.messages_out import MessagesTap, MessagesWriter, usage_in, whole_answer
from apps.gateway.dialects.taps import Hears
from apps.gateway.errors import BadBody, Kind
from apps.providers.contract import ChatRequest, Completion, Message, ToolCall, Usage

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
        return whole_answer(completion, asked, evidence)

    def writer(self, asked: Asked, name: str) -> MessagesWriter:
        return MessagesWriter(asked)

    def tap(self, asked: Asked, watch: Hears | None) -> MessagesTap:
        return MessagesTap(watch)

    def error(self, told: Told, request_id: str) -> bytes:
        if told.said:
            return told.said[1]
        return encode({"type": "error", "error": {"type": TYPES[told.kind], "message": told.message}, "request_id": request_id})

    def error_event(self, told: Told, request_id: str) -> bytes:
        error = {"type": TYPES[told.kind], "message": told.message}
        return event_of({"type": "error", "error": error, "request_id": request_id}, "error")


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
