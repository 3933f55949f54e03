"""From Ollama's chat, whole or as lines, to a Completion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from apps.providers.adapters.answer import Answer, count_in, text_of
from apps.providers.adapters.text import ThinkSplitter, clean
from apps.providers.contract import ChatRequest, Delta, ToolCall, Usage


class ChatReader(Answer):
    """One JSON object a line; the last one has `done`, the reason and the counts. A whole answer is such a last line."""

    FINISH = {"stop": "stop", "length": "length"}
    COMES_IN_LINES = True

    def __init__(self) -> None:
        super().__init__()
        self._calls: list[ToolCall] = []
        self._thinking = ThinkSplitter()  # before thoughts had a field of their own they stood in the text
        self._counts: Mapping[str, Any] = {}

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple(self._calls)

    def feed(self, piece: Mapping[str, Any]) -> Delta | None:
        self.model = clean(text_of(piece.get("model"))) or self.model
        self._take_logprobs(piece.get("logprobs"))
        if piece.get("done") is True:
            self.finish = text_of(piece.get("done_reason")) or "stop"  # older versions give no reason
            self.has_ended = True
            self._counts = piece
        message = piece.get("message")
        return self._take_message(message) if isinstance(message, Mapping) else None

    def is_whole(self, body: Any) -> bool:
        return isinstance(body, Mapping) and isinstance(body.get("done"), bool)

    def is_content(self, piece: Mapping[str, Any]) -> bool:
        return isinstance(piece.get("message"), Mapping)

    def end(self) -> Delta | None:
        text, reasoning = self._thinking.end()
        return self._add(text + self._text_cleaner.end(), reasoning + self._reasoning_cleaner.end())

    def _take_message(self, message: Mapping[str, Any]) -> Delta | None:
        calls = message.get("tool_calls")
        for call in calls if isinstance(calls, list) else ():
            self._take_call(call)
        text, thought = text_of(message.get("content")), text_of(message.get("thinking"))
        answer, inside = self._thinking.feed(self._text_cleaner.feed(text)) if text else ("", "")
        return self._add(answer, inside + (self._reasoning_cleaner.feed(thought) if thought else ""))

    def _take_call(self, call: Any) -> None:
        """Calls come whole, with an object of arguments; older versions give them no id."""
        function = call.get("function") if isinstance(call, Mapping) else None
        if not isinstance(function, Mapping):
            return
        arguments = function.get("arguments")
        text = arguments if isinstance(arguments, str) else json.dumps(arguments or {}, ensure_ascii=False)
        call_id = text_of(call.get("id")) or f"call_{len(self._calls)}"
        self._calls.append(ToolCall(call_id, clean(text_of(function.get("name"))), clean(text)))

    def _usage(self, request: ChatRequest) -> Usage:
        """What was read is not always counted; then it is estimated, and marked."""
        estimated = self._estimated_usage(request)
        inputs, outputs = count_in(self._counts, "prompt_eval_count"), count_in(self._counts, "eval_count")
        if not outputs:
            return estimated
        return Usage(inputs, outputs) if inputs else replace(estimated, output_tokens=outputs)
