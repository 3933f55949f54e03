"""The pieces of one answer put together, whichever vendor it comes from.

Whole answers and streams are read by the same reader: a whole answer is a stream of one piece.
"""

from __future__ import annotations

import json
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Any, ClassVar

from apps.providers.adapters.base import Call
from apps.providers.adapters.text import TextCleaner, clean
from apps.providers.contract import ChatRequest, Completion, Delta, FinishReason, Message, TokenLogprob, ToolCall, Usage

CHARACTERS_PER_TOKEN = 4
HARDLY_LIKELY = -9999.0  # how OpenAI writes it; others write minus infinity or null, which no JSON column takes


class Answer(ABC):
    """Collects words, thoughts and counts. What a vendor's pieces mean, its own reader says."""

    FINISH: ClassVar[Mapping[str, FinishReason]] = {}
    MAY_BE_AN_ARRAY: ClassVar[bool] = False  # a stream may come as one JSON array, object by object
    COMES_IN_LINES: ClassVar[bool] = False  # or as one JSON object a line, which a whole answer is, too

    def __init__(self) -> None:
        self._texts: list[str] = []
        self._thoughts: list[str] = []
        self.refusal = ""
        self.model = ""
        self.answer_id = ""
        self.finish = ""  # as the vendor writes it; "" until it does
        self.has_ended = False  # a mark came behind which nothing of the answer follows
        self.usage: Usage | None = None
        self._logprobs: list[TokenLogprob] = []
        self._text_cleaner, self._reasoning_cleaner = TextCleaner(), TextCleaner()

    @property
    def has_begun(self) -> bool:
        return bool(self._texts or self._thoughts or self.tool_calls)

    @property
    def is_complete(self) -> bool:
        """Whether the vendor has said that this is all; a stream that stops before is interrupted."""
        return self.has_ended or bool(self.finish)

    @property
    def text(self) -> str:
        return "".join(self._texts)

    @property
    @abstractmethod
    def tool_calls(self) -> tuple[ToolCall, ...]:
        """Those that came so far."""

    @abstractmethod
    def feed(self, piece: Mapping[str, Any]) -> Delta | None:
        """Takes one piece, or one whole answer. Gives the new words, if there are any."""

    @abstractmethod
    def is_whole(self, body: Any) -> bool:
        """Whether a JSON document is an answer at all."""

    @abstractmethod
    def is_content(self, piece: Mapping[str, Any]) -> bool:
        """Whether a piece belongs to the answer, and does not only keep the connection open."""

    def failure_in(self, piece: Mapping[str, Any]) -> Any:
        """The error that a piece carries where only this vendor puts one; None for none."""
        return None

    def end(self) -> Delta | None:
        """What was held back because more could have changed its meaning."""
        return self._add(self._text_cleaner.end(), self._reasoning_cleaner.end())

    def completion(self, request: ChatRequest, call: Call, *, request_id: str = "") -> Completion:
        """The answer as far as it came."""
        tool_calls = self.tool_calls
        return Completion(
            text=self.text,
            finish_reason=self._finish_reason(bool(tool_calls)),
            usage=self._usage(request),
            model=self.model or request.model,
            reasoning="".join(self._thoughts),
            tool_calls=tool_calls,
            request_id=request_id or self.answer_id,
            latency_ms=call.latency_ms,
            first_token_ms=call.first_token_ms,
            attempts=call.requests,
            logprobs=tuple(self._logprobs) or None,
            refusals=tuple(call.refusals),
        )

    def _usage(self, request: ChatRequest) -> Usage:
        return self.usage or self._estimated_usage(request)

    def _estimated_usage(self, request: ChatRequest) -> Usage:
        arguments = "".join(call.arguments for call in self.tool_calls)
        return estimated_usage(request, self.text + "".join(self._thoughts) + arguments)

    def _finish_reason(self, has_tool_calls: bool) -> FinishReason:
        reason = self.FINISH.get(self.finish, "unknown")
        return "tool_calls" if has_tool_calls and reason in ("stop", "unknown") else reason

    def _take_logprobs(self, tokens: Any, *, token: str = "token", logprob: str = "logprob", top: str = "top_logprobs") -> None:
        """A list of objects with a token, its logarithm, and others that were likely; under the names that the vendor uses."""
        for one in tokens if isinstance(tokens, list) else ():
            if isinstance(one, Mapping) and isinstance(one.get(token), str):
                others = [other for other in one.get(top) or () if isinstance(other, Mapping)]
                likely = tuple((clean(text_of(other.get(token))), likelihood(other.get(logprob))) for other in others)
                self._logprobs.append(TokenLogprob(clean(one[token]), likelihood(one.get(logprob)), likely))

    def _say(self, text: str, reasoning: str = "") -> Delta | None:
        """New words as they came, made fit to be stored."""
        return self._add(
            self._text_cleaner.feed(text) if text else "", self._reasoning_cleaner.feed(reasoning) if reasoning else ""
        )

    def _add(self, text: str, reasoning: str) -> Delta | None:
        if not text and not reasoning:
            return None
        if text:
            self._texts.append(text)
        if reasoning:
            self._thoughts.append(reasoning)
        return Delta(text=text, reasoning=reasoning)


def estimated_usage(request: ChatRequest, answer: str) -> Usage:
    """About four characters a token; marked, so that nobody takes it for a count."""
    asked = sum(_size(message) for message in request.messages)
    if request.json_schema or request.tools:
        asked += len(json.dumps([request.json_schema and dict(request.json_schema), *map(dict, request.tools)], default=str))
    return Usage(-(-asked // CHARACTERS_PER_TOKEN), -(-len(answer) // CHARACTERS_PER_TOKEN), is_estimated=True)


def count_in(counts: Any, field: str) -> int:
    """A count of tokens; 0 for what is no such thing."""
    value = counts.get(field) if isinstance(counts, dict) or isinstance(counts, Mapping) else None  # noqa: SIM101 — the first is cheap
    return int(value) if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value < 1e12 else 0


def likelihood(value: Any) -> float:
    """A natural logarithm of a probability."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    return min(0.0, max(HARDLY_LIKELY, float(value))) if is_number else HARDLY_LIKELY


def text_of(value: Any) -> str:
    """A text, or "" for anything else."""
    return value if isinstance(value, str) else ""


def _size(message: Message) -> int:
    return len(message.content) + sum(len(call.name) + len(call.arguments) for call in message.tool_calls)
