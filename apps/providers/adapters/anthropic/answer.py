"""From Anthropic's messages and events to a Completion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from apps.providers.adapters.answer import Answer, count_in, text_of
from apps.providers.adapters.text import clean
from apps.providers.contract import ChatRequest, Delta, FinishReason, ToolCall, Usage


@dataclass
class _Call:
    id: str
    name: str
    arguments: str = ""
    whole: Any = None  # arguments that came as an object

    @property
    def text(self) -> str:
        return self.arguments or json.dumps(self.whole or {}, ensure_ascii=False)


class MessageReader(Answer):
    """`schema_tool`: the input of the tool of this name is the answer itself."""

    FINISH = {
        "end_turn": "stop",
        "stop_sequence": "stop",
        "max_tokens": "length",
        "model_context_window_exceeded": "length",
        "tool_use": "tool_calls",
        "refusal": "content_filter",
    }

    def __init__(self, schema_tool: str = "") -> None:
        super().__init__()
        self._schema_tool = schema_tool
        self._calls: list[_Call] = []
        self._by_index: dict[int, _Call | None] = {}
        self._counts: dict[str, Any] = {}
        self._is_counted = False  # message_start counts the question alone

    @property
    def is_complete(self) -> bool:
        """Only message_stop says so: an error may still follow the reason to stop."""
        return self.has_ended

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple(
            ToolCall(call.id or f"call_{number}", call.name, clean(call.text)) for number, call in enumerate(self._calls)
        )

    def feed(self, piece: Mapping[str, Any]) -> Delta | None:
        match piece.get("type"):
            case "message_start":
                self._take_head(_part(piece, "message"))
            case "content_block_start":
                return self._begin(_index(piece), _part(piece, "content_block"))
            case "content_block_delta":
                return self._continue(_index(piece), _part(piece, "delta"))
            case "message_delta":
                self._take_stop(_part(piece, "delta"))
                self._take_counts(piece.get("usage"), is_final=True)
            case "message_stop":
                self.has_ended = True
            case "message":
                return self._take_whole(piece)
        return None  # pings, the ends of blocks, and events that are yet to be invented

    def is_whole(self, body: Any) -> bool:
        return isinstance(body, Mapping) and body.get("type") == "message" and isinstance(body.get("content"), list)

    def is_content(self, piece: Mapping[str, Any]) -> bool:
        return text_of(piece.get("type")).startswith(("content_block", "message"))

    def _take_head(self, message: Mapping[str, Any]) -> None:
        self.model = clean(text_of(message.get("model"))) or self.model
        self.answer_id = text_of(message.get("id")) or self.answer_id
        self._take_counts(message.get("usage"), is_final=False)

    def _take_whole(self, message: Mapping[str, Any]) -> Delta | None:
        self._take_head(message)
        deltas = [self._begin(index, block) for index, block in enumerate(message["content"]) if isinstance(block, Mapping)]
        self._take_stop(message)
        self._is_counted = self.has_ended = True
        said = [delta for delta in deltas if delta]
        text, reasoning = "".join(delta.text for delta in said), "".join(delta.reasoning for delta in said)
        return Delta(text, reasoning) if said else None

    def _begin(self, index: int, block: Mapping[str, Any]) -> Delta | None:
        """A new block; one of a whole answer has its content already."""
        self._by_index[index] = None
        match block.get("type"):
            case "text":
                return self._say(text_of(block.get("text")))
            case "thinking":
                return self._say("", text_of(block.get("thinking")))
            case "tool_use":
                return self._begin_call(index, block)
        return None  # redacted thinking and the vendor's own tools have no words for us

    def _begin_call(self, index: int, block: Mapping[str, Any]) -> Delta | None:
        name = clean(text_of(block.get("name")))
        if name and name == self._schema_tool:
            return self._say(json.dumps(block["input"], ensure_ascii=False)) if block.get("input") else None
        call = _Call(text_of(block.get("id")), name, whole=block.get("input"))
        self._calls.append(call)
        self._by_index[index] = call
        return None

    def _continue(self, index: int, delta: Mapping[str, Any]) -> Delta | None:
        match delta.get("type"):
            case "text_delta":
                return self._say(text_of(delta.get("text")))
            case "thinking_delta":
                return self._say("", text_of(delta.get("thinking")))
            case "input_json_delta":
                return self._continue_call(index, text_of(delta.get("partial_json")))
        return None  # signatures and citations

    def _continue_call(self, index: int, arguments: str) -> Delta | None:
        call = self._by_index.get(index)
        if call is not None:
            call.arguments += arguments
            return None
        return self._say(arguments) if self._schema_tool else None

    def _take_stop(self, delta: Mapping[str, Any]) -> None:
        self.finish = text_of(delta.get("stop_reason")) or self.finish
        details = _part(delta, "stop_details")
        self.refusal = text_of(details.get("explanation")) or text_of(details.get("category")) or self.refusal

    def _take_counts(self, counts: Any, *, is_final: bool) -> None:
        """Later counts replace earlier ones, since they are cumulative; what they leave out stays."""
        if isinstance(counts, Mapping):
            self._counts |= {name: value for name, value in counts.items() if value is not None}
            self._is_counted = self._is_counted or is_final

    def _usage(self, request: ChatRequest) -> Usage:
        """Tokens read from or written to the cache stand beside `input_tokens` here, so they are added."""
        counts = self._counts
        cached, written = count_in(counts, "cache_read_input_tokens"), count_in(counts, "cache_creation_input_tokens")
        outputs = count_in(counts, "output_tokens")
        usage = Usage(
            count_in(counts, "input_tokens") + written + cached,
            outputs,
            cached,
            min(count_in(counts.get("output_tokens_details"), "thinking_tokens"), outputs),
            cache_write_tokens=written,
            cache_write_1h_tokens=min(count_in(counts.get("cache_creation"), "ephemeral_1h_input_tokens"), written),
        )
        if not usage.input_tokens and not outputs:
            return self._estimated_usage(request)
        if not self._is_counted:
            estimated = self._estimated_usage(request)
            return replace(usage, output_tokens=estimated.output_tokens, reasoning_tokens=0, is_estimated=True)
        return usage

    def _finish_reason(self, has_tool_calls: bool) -> FinishReason:
        if self.finish == "tool_use" and not has_tool_calls and self._schema_tool:
            return "stop"
        return super()._finish_reason(has_tool_calls)


def _index(piece: Mapping[str, Any]) -> int:
    index = piece.get("index")
    return index if isinstance(index, int) else -1


def _part(piece: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = piece.get(name)
    return part if isinstance(part, Mapping) else {}
