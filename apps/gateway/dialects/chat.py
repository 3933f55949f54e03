"""OpenAI's chat completions."""

from __future__ import annotations

import re
import time
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
    encode,
    left_out_of,
)
from apps.gateway.dialects.events import data_of, event_of, with_field, words_in
from apps.gateway.dialects.taps import Hears, ListeningTap
from apps.gateway.errors import BadBody
from apps.providers.contract import ChatRequest, Completion, Delta, Message, Role, ToolCall, Usage

DONE = b"data: [DONE]\n\n"
_USAGE = re.compile(rb'"usage"\s*:\s*\{')
_FINISH = re.compile(rb'"finish_reason"\s*:\s*"')
_ERROR = re.compile(rb'^(?:event:\s*error|data:\s*\{\s*"error"\s*:\s*[{"])', re.MULTILINE)
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

    def writer(self, asked: Asked, name: str) -> _Writer:
        return _Writer(asked)

    def tap(self, asked: Asked, watch: Hears | None) -> _Tap:
        return _Tap(asked, watch)

    def error(self, told: Told, request_id: str) -> bytes:
        return openai.error_body(told)

    def error_event(self, told: Told, request_id: str) -> bytes:
        return event_of({"error": openai.error_object(told)})


class _Tap(ListeningTap):
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


class _Writer:
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


__all__ = ["Chat", "encode", "parts_of", "usage_out", "wants_usage"]
