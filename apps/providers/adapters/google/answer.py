"""From Google's GenerateContentResponse, whole or in pieces, to a Completion."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from apps.providers.adapters.answer import Answer, count_in, text_of
from apps.providers.adapters.text import clean
from apps.providers.contract import Delta, FinishReason, ToolCall, Usage

_FILTERED = ("SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE", "IMAGE_SAFETY")
_FINISH: dict[str, FinishReason] = {
    "STOP": "stop",
    "FUNCTION_CALL": "tool_calls",
    "MAX_TOKENS": "length",
    **dict.fromkeys(_FILTERED, "content_filter"),
}
_NOT_FINISHED = ("", "FINISH_REASON_UNSPECIFIED")
_NOT_BLOCKED = ("", "BLOCK_REASON_UNSPECIFIED")


class ContentReader(Answer):
    """A stream has no mark at its end: the reason to stop is the mark, or that the question was blocked."""

    FINISH = _FINISH
    MAY_BE_AN_ARRAY = True  # without alt=sse, which some gateways drop

    def __init__(self) -> None:
        super().__init__()
        self._calls: list[ToolCall] = []

    @property
    def tool_calls(self) -> tuple[ToolCall, ...]:
        return tuple(self._calls)

    def feed(self, piece: Mapping[str, Any]) -> Delta | None:
        self.model = clean(text_of(piece.get("modelVersion"))) or self.model
        self.answer_id = text_of(piece.get("responseId")) or self.answer_id
        self.usage = read_usage(piece.get("usageMetadata")) or self.usage
        self._take_feedback(piece.get("promptFeedback"))
        candidate = _first(piece)
        if text_of(candidate.get("finishReason")) not in _NOT_FINISHED:
            self.finish = candidate["finishReason"]
            self.refusal = self.refusal or text_of(candidate.get("finishMessage")) or self._reason()
        self._take_likelihoods(candidate.get("logprobsResult"))
        content = candidate.get("content")
        parts = content.get("parts") if isinstance(content, Mapping) else None
        return self._take_parts(parts if isinstance(parts, list) else [])

    def is_whole(self, body: Any) -> bool:
        return isinstance(body, Mapping) and bool(body.get("candidates") or body.get("promptFeedback"))

    def is_content(self, piece: Mapping[str, Any]) -> bool:
        return bool(piece.get("candidates"))

    def _take_feedback(self, feedback: Any) -> None:
        """A blocked question gets a success without candidates, and this."""
        reason = text_of(feedback.get("blockReason")) if isinstance(feedback, Mapping) else ""
        if reason not in _NOT_BLOCKED:
            self.finish = "PROHIBITED_CONTENT"
            self.refusal = text_of(feedback.get("blockReasonMessage")) or f"blockReason: {reason}"

    def _take_likelihoods(self, result: Any) -> None:
        """`topCandidates` has one entry for each of `chosenCandidates`, with the others that were likely there."""
        chosen = result.get("chosenCandidates") if isinstance(result, Mapping) else None
        if not isinstance(chosen, list):
            return
        others = result.get("topCandidates")
        others = others if isinstance(others, list) else []
        rows = [
            {**one, "top": others[place].get("candidates") if place < len(others) and isinstance(others[place], Mapping) else ()}
            for place, one in enumerate(chosen)
            if isinstance(one, Mapping)
        ]
        self._take_logprobs(rows, logprob="logProbability", top="top")

    def _reason(self) -> str:
        return f"finishReason: {self.finish}" if self.finish in _FILTERED else ""

    def _take_parts(self, parts: list[Any]) -> Delta | None:
        text = reasoning = ""
        for part in parts:
            if not isinstance(part, Mapping):
                continue
            if isinstance(part.get("functionCall"), Mapping):
                self._take_call(part["functionCall"])
            elif part.get("thought") is True:
                reasoning += text_of(part.get("text"))
            else:
                text += text_of(part.get("text"))
        return self._say(text, reasoning)

    def _take_call(self, call: Mapping[str, Any]) -> None:
        """Calls come whole, older models' without an id."""
        number = len(self._calls)
        arguments = json.dumps(call.get("args") or {}, ensure_ascii=False)
        self._calls.append(
            ToolCall(text_of(call.get("id")) or f"call_{number}", clean(text_of(call.get("name"))), clean(arguments))
        )


def read_usage(counts: Any) -> Usage | None:
    """The counts of the whole answer so far; None where there are none.

    Thoughts stand beside the candidates' tokens here, so they are added; cached tokens are inside the prompt's.
    """
    inputs = count_in(counts, "promptTokenCount") + count_in(counts, "toolUsePromptTokenCount")
    thoughts = count_in(counts, "thoughtsTokenCount")
    outputs = count_in(counts, "candidatesTokenCount") + thoughts
    if not inputs and not outputs:
        return None
    return Usage(inputs, outputs, count_in(counts, "cachedContentTokenCount"), thoughts)


def _first(piece: Mapping[str, Any]) -> Mapping[str, Any]:
    candidates = piece.get("candidates")
    first = candidates[0] if isinstance(candidates, list) and candidates else None
    return first if isinstance(first, Mapping) else {}
