"""OpenAI's chat completions."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.gateway.dialects import openai
from apps.gateway.dialects.base import (
    MOST_ANSWERS,
    MOST_TOOLS,
    Asked,
    Evidence,
    Told,
    check_image,
    check_list,
    check_number,
    check_tool,
    left_out_of,
)
from apps.gateway.dialects.chat_out import ChatTap, ChatWriter, whole_answer
from apps.gateway.dialects.events import event_of
from apps.gateway.dialects.taps import Hears
from apps.gateway.errors import BadBody
from apps.providers.contract import ChatRequest, Completion, Message, Role, ToolCall, Usage

_UNDERSTOOD = frozenset(
    "model messages stream stream_options max_tokens max_completion_tokens temperature seed stop response_format tools"
    " tool_choice logprobs top_logprobs n".split()
)
_ROLES: Mapping[str, Role] = {
    "system": "system",
    "developer": "system",
    "user": "user",
    "assistant": "assistant",
    "tool": "tool",
}


class Chat:
    api = "chat"
    counts_when_asked = True
    passed_headers: tuple[bytes, ...] = ()

    def check(self, body: dict[str, Any], *, is_stream: bool) -> None:
        for number, message in enumerate(check_list(body, "messages")):
            _check_message(message, f"messages.{number}")
        answers = check_number(body, "n") or 1
        if answers > MOST_ANSWERS:
            raise BadBody(_("“n” is %(most)d at most, not %(n)d.") % {"most": MOST_ANSWERS, "n": answers}, param="n")
        if answers > 1 and is_stream:
            raise BadBody(_("A stream has one answer: leave “n” out, or “stream”."), param="n")
        for name in ("max_tokens", "max_completion_tokens"):
            check_number(body, name, least=0)
        for number, tool in enumerate(_tools(body)):
            function = tool.get("function")
            if tool.get("type", "function") == "function":
                param = f"tools.{number}.function"
                if not isinstance(function, dict):
                    raise BadBody(_("A tool of the type “function” has an object “function”."), param=param)
                check_tool(function.get("name"), function.get("parameters"), param)

    def most_output(self, body: Mapping[str, Any]) -> int | None:
        most = body.get("max_completion_tokens") or body.get("max_tokens")
        return None if most is None else most * (body.get("n") or 1)

    def to_request(self, body: Mapping[str, Any]) -> tuple[ChatRequest, tuple[str, ...]]:
        if (body.get("n") or 1) > 1:
            raise BadBody(_("This model gives one answer at a time: leave “n” out."), param="n")
        schema, schema_name = _schema(body.get("response_format"))
        stop = body.get("stop")
        request = ChatRequest(
            model="",
            messages=tuple(_message(message, f"messages.{number}") for number, message in enumerate(body["messages"])),
            max_output_tokens=body.get("max_completion_tokens") or body.get("max_tokens"),
            temperature=body.get("temperature"),
            seed=body.get("seed"),
            stop=(stop,) if isinstance(stop, str) else tuple(stop or ()),
            json_schema=schema,
            schema_name=schema_name,
            tools=tuple(_tools(body)),
            tool_choice=_tool_choice(body.get("tool_choice")),
            logprobs=bool(body.get("logprobs")),
            top_logprobs=body.get("top_logprobs") or 0,
        )
        return request, left_out_of(body, _UNDERSTOOD)

    def usage_of(self, answer: Mapping[str, Any]) -> Usage | None:
        return openai.usage_in(answer)

    def whole(self, completion: Completion, asked: Asked, evidence: Evidence) -> dict[str, Any]:
        return whole_answer(completion, asked, evidence)

    def writer(self, asked: Asked, name: str) -> ChatWriter:
        return ChatWriter(asked)

    def tap(self, asked: Asked, watch: Hears | None) -> ChatTap:
        return ChatTap(asked, watch)

    def error(self, told: Told, request_id: str) -> bytes:
        return openai.error_body(told)

    def error_event(self, told: Told, request_id: str) -> bytes:
        return event_of({"error": openai.error_object(told)})


def _check_message(message: Mapping[str, Any], param: str) -> None:
    if not isinstance(message.get("role"), str):
        raise BadBody(_("A message has a role."), param=f"{param}.role")
    content = message.get("content")
    if content is None or isinstance(content, str):
        return
    if not isinstance(content, list):
        raise BadBody(_("The content of a message is a text, or a list of parts."), param=f"{param}.content")
    for number, part in enumerate(content):
        if isinstance(part, dict) and part.get("type") == "image_url":
            image = part.get("image_url")
            check_image(image.get("url") if isinstance(image, dict) else image, f"{param}.content.{number}")


def _message(message: Mapping[str, Any], param: str) -> Message:
    role = _ROLES.get(message["role"])
    if role is None:
        raise BadBody(_("This model knows no messages of the role %s.") % str(message["role"])[:40], param=f"{param}.role")
    text, images = parts_of(message.get("content"), param)
    calls = []
    for call in message.get("tool_calls") or ():
        function = call.get("function") if isinstance(call, dict) else None
        if not isinstance(function, dict):
            raise BadBody(_("This model knows tools of the type “function” alone."), param=f"{param}.tool_calls")
        calls.append(ToolCall(str(call.get("id") or ""), str(function.get("name") or ""), str(function.get("arguments") or "")))
    return Message(role, text, images, tuple(calls), str(message.get("tool_call_id") or ""))


def parts_of(content: Any, param: str) -> tuple[str, tuple[str, ...]]:
    """(text, images) of a content that is a text or a list of parts."""
    if content is None or isinstance(content, str):
        return content or "", ()
    texts, images = [], []
    for number, part in enumerate(content):
        kind = part.get("type") if isinstance(part, dict) else None
        if kind in ("text", "input_text", "output_text"):
            texts.append(str(part.get("text") or ""))
        elif kind == "refusal":
            texts.append(str(part.get("refusal") or ""))
        elif kind in ("image_url", "input_image"):
            image = part.get("image_url")
            url = image.get("url") if isinstance(image, dict) else image
            if not isinstance(url, str) or not url.startswith("data:"):
                raise BadBody(_("This model fetches no images: send them as data: URLs."), param=f"{param}.content.{number}")
            images.append(url)
        else:
            raise BadBody(_("This model takes no parts of the type %s.") % str(kind)[:40], param=f"{param}.content.{number}")
    return "\n".join(texts), tuple(images)


def _tools(body: Mapping[str, Any]) -> list[dict[str, Any]]:
    tools = body.get("tools") or []
    if not isinstance(tools, list) or len(tools) > MOST_TOOLS or not all(isinstance(tool, dict) for tool in tools):
        raise BadBody(_("“tools” is a list of objects, %d at most.") % MOST_TOOLS, param="tools")
    return tools


def _tool_choice(choice: Any) -> str:
    if isinstance(choice, dict):
        function = choice.get("function")
        return str(function.get("name") or "") if isinstance(function, dict) else str(choice.get("name") or "")
    return choice if isinstance(choice, str) else ""


def _schema(response_format: Any) -> tuple[Mapping[str, Any] | None, str]:
    if not isinstance(response_format, dict) or response_format.get("type") in (None, "text"):
        return None, "answer"
    if response_format["type"] == "json_object":
        return {"type": "object"}, "answer"
    named = response_format.get("json_schema")
    if response_format["type"] != "json_schema" or not isinstance(named, dict) or not isinstance(named.get("schema"), dict):
        raise BadBody(_("“response_format” is of the type text, json_object or json_schema."), param="response_format")
    return named["schema"], str(named.get("name") or "answer")
