"""From OpenAI's responses, whole or as events, to a Completion.

Events: OpenAI's SDK 3.52 (read 2026-11-20). A bare `error` event is flat there and was seen nested; both are read.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.providers.adapters.answer import Answer, text_of
from apps.providers.adapters.openai_compatible.answer import read_usage
from apps.providers.adapters.text import clean
from apps.providers.contract import Delta, ToolCall

_FINAL = ("response.completed", "response.incomplete")


@dataclass
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""


class ResponseReader(Answer):
    """Items are known by their place in the output; the last event repeats the whole answer, which only fills gaps."""

    FINISH = {
        "completed": "stop",
        "incomplete": "length",
        "max_output_tokens": "length",
        "content_filter": "content_filter",
    }

    def __init__(self) -> None:
        super().__init__()
        self._calls: dict[int, _Call] = {}

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        calls = (self._calls[place] for place in sorted(self._calls))
        return tuple(ToolCall(call.id or f"call_{number}", call.name, clean(call.arguments)) for number, call in enumerate(calls))

    def feed(self, piece: Mapping[str, Any]) -> Delta | None:
        kind = text_of(piece.get("type"))
        match kind:
            case "response.output_text.delta":
                self._take_logprobs(piece.get("logprobs"))
                return self._say(text_of(piece.get("delta")))
            case "response.reasoning_summary_text.delta" | "response.reasoning_text.delta":
                return self._say("", text_of(piece.get("delta")))
            case "response.refusal.delta":
                self.refusal += text_of(piece.get("delta"))
            case "response.output_item.added" | "response.output_item.done":
                self._take_item(_place(piece), _part(piece, "item"))
            case "response.function_call_arguments.delta":
                self._call_at(_place(piece)).arguments += text_of(piece.get("delta"))
            case "response.function_call_arguments.done":
                call = self._call_at(_place(piece))
                call.arguments = text_of(piece.get("arguments")) or call.arguments
            case "response.created" | "response.in_progress":
                self._take_head(_part(piece, "response"))
            case _ if kind in _FINAL:
                return self._take_whole(_part(piece, "response"), kind.removeprefix("response."))
            case "" if self.is_whole(piece):
                return self._take_whole(piece, text_of(piece.get("status")))
        return None  # the beginnings and ends of parts, the vendor's own tools, and events that are yet to be invented

    def failure_in(self, piece: Mapping[str, Any]) -> Any:
        """`response.failed` holds the error in its response; without one, that it failed must do."""
        response = _part(piece, "response") if piece.get("type") == "response.failed" else piece
        if response.get("status") == "failed" or piece.get("type") == "response.failed":
            return {"error": response.get("error") or {"code": "server_error", "message": ""}}
        return None

    def is_whole(self, body: Any) -> bool:
        return isinstance(body, Mapping) and isinstance(body.get("output"), list) and bool(text_of(body.get("status")))

    def is_content(self, piece: Mapping[str, Any]) -> bool:
        return text_of(piece.get("type")).endswith((".delta", ".done", ".added"))

    def _take_head(self, response: Mapping[str, Any]) -> None:
        self.model = clean(text_of(response.get("model"))) or self.model
        self.answer_id = text_of(response.get("id")) or self.answer_id
        self.usage = read_usage(response.get("usage")) or self.usage

    def _take_whole(self, response: Mapping[str, Any], status: str) -> Delta | None:
        self._take_head(response)
        had_text, had_thoughts = bool(self._texts), bool(self._thoughts)
        text = reasoning = ""
        output = response.get("output")
        for place, item in enumerate(output if isinstance(output, list) else ()):
            if not isinstance(item, Mapping):
                continue
            match item.get("type"):
                case "message":
                    text += self._words_of(item, is_new=not had_text)
                case "reasoning":
                    reasoning += _thoughts_of(item)
                case "function_call":
                    self._take_item(place, item)
        self.finish = text_of(_part(response, "incomplete_details").get("reason")) or text_of(response.get("status")) or status
        self.has_ended = True
        return self._say("" if had_text else text, "" if had_thoughts else reasoning)

    def _words_of(self, item: Mapping[str, Any], *, is_new: bool) -> str:
        text = ""
        content = item.get("content")
        for part in content if isinstance(content, list) else ():
            if not isinstance(part, Mapping):
                continue
            if part.get("type") == "refusal":
                self.refusal = self.refusal or text_of(part.get("refusal"))
            elif is_new:
                text += text_of(part.get("text"))
                self._take_logprobs(part.get("logprobs"))
        return text

    def _take_item(self, place: int, item: Mapping[str, Any]) -> None:
        if item.get("type") != "function_call":
            return
        call = self._call_at(place)
        call.id = text_of(item.get("call_id")) or call.id or text_of(item.get("id"))
        call.name = clean(text_of(item.get("name"))) or call.name
        call.arguments = text_of(item.get("arguments")) or call.arguments

    def _call_at(self, place: int) -> _Call:
        return self._calls.setdefault(place, _Call())


def _thoughts_of(item: Mapping[str, Any]) -> str:
    """The thoughts themselves where a server gives them, else their summary."""
    for field in ("content", "summary"):
        parts = item.get(field)
        text = (
            "".join(text_of(part.get("text")) for part in parts if isinstance(part, Mapping)) if isinstance(parts, list) else ""
        )
        if text:
            return text
    return ""


def _place(piece: Mapping[str, Any]) -> int:
    place = piece.get("output_index")
    return place if isinstance(place, int) else 0


def _part(piece: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = piece.get(name)
    return part if isinstance(part, Mapping) else {}
