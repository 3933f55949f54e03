"""From OpenAI's answer JSON, whole or in pieces, to a Completion.

Servers disagree on nearly every field, so each is read as if it might be missing, null, repeated or of another type.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.providers.adapters.answer import Answer, count_in, text_of
from apps.providers.adapters.text import ThinkSplitter, clean
from apps.providers.contract import Delta, FinishReason, ToolCall, Usage

_FINISH: dict[str, FinishReason] = {
    "stop": "stop", "end_turn": "stop", "eos": "stop", "eos_token": "stop", "stop_sequence": "stop", "eosFound": "stop",
    "length": "length", "max_tokens": "length", "model_length": "length", "max_output_tokens": "length",
    "contextLengthReached": "length", "maxPredictedTokensReached": "length",
    "tool_calls": "tool_calls", "function_call": "tool_calls", "tool_use": "tool_calls",
    "content_filter": "content_filter", "safety": "content_filter", "SAFETY": "content_filter",
}  # fmt: skip


class AnswerReader(Answer):
    """Collects the pieces of one answer."""

    FINISH = _FINISH

    def __init__(self) -> None:
        super().__init__()
        self._thinking = ThinkSplitter()
        self._calls = _ToolCalls()

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return self._calls.as_tuple()

    @property
    def has_begun(self) -> bool:
        return bool(self._texts or self._thoughts or self._calls.calls)

    def feed(self, piece: Mapping[str, Any]) -> Delta | None:
        if text_of(piece.get("model")):
            self.model = clean(piece["model"])
        self.answer_id = self.answer_id or text_of(piece.get("id"))
        choice = _first_choice(piece)
        self._take_usage(piece, choice)
        self.finish = text_of(choice.get("finish_reason")) or self.finish
        likely = choice.get("logprobs")
        self._take_logprobs(likely.get("content") if isinstance(likely, dict) else None)
        return self._take_message(self._message(choice))

    def is_whole(self, body: Any) -> bool:
        return isinstance(body, dict) and isinstance(body.get("choices"), list) and bool(body["choices"])

    def is_content(self, piece: Mapping[str, Any]) -> bool:
        return bool(piece.get("choices"))

    def end(self) -> Delta | None:
        text, reasoning = self._thinking.end()
        return self._add(text + self._text_cleaner.end(), reasoning + self._reasoning_cleaner.end())

    def _message(self, choice: Mapping[str, Any]) -> Mapping[str, Any]:
        """The new words: `delta` in a stream, `message` in a whole answer, `text` from old servers."""
        delta, message = choice.get("delta"), choice.get("message")
        if isinstance(delta, dict) and delta:
            return delta
        if isinstance(message, dict) and not self.has_begun:  # at the end of a stream it would repeat everything
            return message
        return {"content": choice.get("text")}

    def _take_usage(self, piece: Mapping[str, Any], choice: Mapping[str, Any]) -> None:
        """The last one counts: servers repeat it on every chunk with growing figures."""
        groq = piece.get("x_groq")
        counts = piece.get("usage") or choice.get("usage") or (groq.get("usage") if isinstance(groq, dict) else None)
        if counts:
            self.usage = read_usage(counts) or self.usage

    def _take_message(self, message: Mapping[str, Any]) -> Delta | None:
        text, reasoning = _content(message.get("content"))
        self.refusal += text_of(message.get("refusal"))
        reasoning += _reasoning(message)
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            self._calls.feed(call)
        if message.get("function_call"):
            self._calls.feed({"index": 0, "function": message["function_call"]})
        answer, thought = self._thinking.feed(self._text_cleaner.feed(text)) if text else ("", "")
        if reasoning:
            thought += self._reasoning_cleaner.feed(reasoning)
        return self._add(answer, thought)


@dataclass
class _Call:
    id: str = ""
    name: str = ""
    arguments: str = ""


class _ToolCalls:
    """Puts tool calls together. `index` may be missing, begin at 1 or always be 0; `id` and `name` may come once or always."""

    def __init__(self) -> None:
        self.calls: list[_Call] = []
        self._by_index: dict[int, _Call] = {}

    def feed(self, piece: Any) -> None:
        if not isinstance(piece, dict):
            return
        function = piece.get("function")
        function = function if isinstance(function, dict) else {}
        call = self._find(piece.get("index"), text_of(piece.get("id")))
        call.name = call.name or clean(text_of(function.get("name")))
        arguments = function.get("arguments")
        if isinstance(arguments, str):
            call.arguments += arguments
        elif arguments is not None:
            call.arguments = json.dumps(arguments, ensure_ascii=False)

    def as_tuple(self) -> tuple[ToolCall, ...]:
        return tuple(
            ToolCall(call.id or f"call_{number}", call.name, clean(call.arguments)) for number, call in enumerate(self.calls)
        )

    def _find(self, index: Any, call_id: str) -> _Call:
        call_id = "" if call_id == "null" else call_id
        call = next((call for call in self.calls if call_id and call.id == call_id), None)
        if call is None and isinstance(index, int):
            call = self._by_index.get(index)
        elif call is None and not call_id and self.calls:
            call = self.calls[-1]
        if call is None or (call_id and call.id not in ("", call_id)):
            call = _Call()
            self.calls.append(call)
        call.id = call.id or call_id
        if isinstance(index, int):
            self._by_index[index] = call
        return call


def read_usage(usage: Any) -> Usage | None:
    """Token counts under either of OpenAI's two sets of names; None where there are none, also when all are zero."""
    if not isinstance(usage, dict):
        return None
    inputs = count_in(usage, "prompt_tokens") or count_in(usage, "input_tokens")
    outputs = count_in(usage, "completion_tokens") or count_in(usage, "output_tokens")
    if not inputs and not outputs:
        return None
    input_details = usage.get("prompt_tokens_details") or usage.get("input_tokens_details")
    output_details = usage.get("completion_tokens_details") or usage.get("output_tokens_details")
    return Usage(
        inputs,
        outputs,
        cached_tokens=count_in(input_details, "cached_tokens") or count_in(usage, "prompt_cache_hit_tokens"),
        reasoning_tokens=count_in(output_details, "reasoning_tokens"),
        cache_write_tokens=count_in(input_details, "cache_write_tokens"),
    )


def _first_choice(piece: Mapping[str, Any]) -> Mapping[str, Any]:
    choices = piece.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first if isinstance(first, dict) else {}


def _content(content: Any) -> tuple[str, str]:
    """(answer, reasoning) of a content that is a text, or a list of typed pieces."""
    if not isinstance(content, list):
        return text_of(content), ""
    text = reasoning = ""
    for item in content:
        if isinstance(item, str):
            text += item
        elif isinstance(item, dict) and item.get("type") == "thinking":
            thought = item.get("thinking")
            reasoning += _content(thought)[0]
        elif isinstance(item, dict):
            text += text_of(item.get("text"))
    return text, reasoning


def _reasoning(message: Mapping[str, Any]) -> str:
    """The first of the fields that hold it; servers that fill several fill them with the same."""
    for field in ("reasoning_content", "reasoning"):
        if text_of(message.get(field)):
            return text_of(message[field])
    details = message.get("reasoning_details")
    if not isinstance(details, list):
        return ""
    return "".join(text_of(item.get("text")) or text_of(item.get("summary")) for item in details if isinstance(item, dict))
