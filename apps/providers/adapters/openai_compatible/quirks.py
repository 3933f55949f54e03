"""What a server, for one model, does not take the usual way: given by the kind or the connection, or learned when it refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from apps.providers.adapters.failures import is_about_a_model
from apps.providers.adapters.flags import NOT_TAKEN, format_flag, is_refusal, refusal, refuses_system, settings_of
from apps.providers.contract import Refusal
from apps.providers.errors import ProviderError

_RESPONSE_FORMATS = ("json_schema", "json_object", "none")
# What may be refused: its flag, the fields by which it is sent, and the words by which servers name it, in the order in which
# they are looked for in a message without `param`.
_NAMED_BY: tuple[tuple[str, tuple[str, ...], tuple[str, ...]], ...] = (
    ("usage_in_stream", ("stream_options",), ("stream_options", "include_usage")),
    ("max_completion_tokens", ("max_completion_tokens",), ("max_completion_tokens",)),
    ("max_tokens", ("max_tokens",), ("max_tokens",)),
    ("json_schema", ("response_format", "text"), ("response_format", "json_schema", "json_object", "text.format")),
    ("temperature", ("temperature",), ("temperature",)),
    ("logprobs", ("logprobs", "include"), ("logprobs", "top_logprobs", "message.output_text.logprobs")),
    ("tool_choice", ("tool_choice",), ("tool_choice",)),
    ("seed", ("seed", "random_seed"), ("seed", "random_seed")),
    ("stop", ("stop",), ("stop",)),
    ("stream", ("stream",), ("stream",)),
)
_RESPONSES_ONLY = re.compile(r"v1/responses\b|responses api", re.IGNORECASE)


@dataclass(slots=True)
class Quirks:
    """How to ask this server for this model. The connection's `quirks` have the same names."""

    api: str = "chat"  # or "responses"
    max_tokens_param: str = "max_tokens"  # or "max_completion_tokens"
    most_tokens: int | None = None
    include_usage: bool = True
    temperature: bool = True
    seed_param: str = "seed"  # "" leaves it out
    stop: bool = True
    system: bool = True
    logprobs: bool = True
    tool_choice: bool = True
    required_tool: str = "required"  # how it is said that some tool must be called
    response_format: str = "json_schema"  # or "json_object", or "none": then the schema is asked for in words
    stream: bool = True

    @classmethod
    def of(cls, given: Mapping[str, Any], accepts: Mapping[str, Any]) -> Self:
        known = {**given, **settings_of(accepts)}
        return cls(**{field.name: known[field.name] for field in fields(cls) if field.name in known})

    def learn(self, error: ProviderError, sent: Mapping[str, Any], tried: set[str]) -> Refusal | None:
        if not is_refusal(error):
            return None
        learned = self._other_api(error, sent) or self._without_system(error, sent) or self._without_parameter(error, sent)
        if learned is None or f"{learned.flag}:{learned.value}" in tried:
            return None
        tried.add(f"{learned.flag}:{learned.value}")
        self._obey(learned)
        return learned

    def _obey(self, learned: Refusal) -> None:
        for name, value in settings_of({learned.flag: learned.value}).items():
            if hasattr(self, name):
                setattr(self, name, value)

    def _other_api(self, error: ProviderError, sent: Mapping[str, Any]) -> Refusal | None:
        """A model that only answers on the other of OpenAI's two APIs, or a server that has only one of them."""
        message = error.vendor_message
        if "messages" in sent and _RESPONSES_ONLY.search(message):
            return refusal("api", "responses", error)
        if "input" in sent and (error.http_status in (405, 501) or (error.http_status == 404 and not is_about_a_model(message))):
            return refusal("api", "chat", error)
        return None

    def _without_system(self, error: ProviderError, sent: Mapping[str, Any]) -> Refusal | None:
        messages = sent.get("messages", ())
        has_system = "instructions" in sent or any(message["role"] == "system" for message in messages)
        return refusal("system", False, error) if refuses_system(error, has_system) else None

    def _without_parameter(self, error: ProviderError, sent: Mapping[str, Any]) -> Refusal | None:
        match refused_parameter(error, sent):
            case None:
                return None
            case "max_tokens":
                return refusal("max_tokens_field", "max_completion_tokens", error)
            case "max_completion_tokens":
                return refusal("max_tokens_field", "max_tokens", error)
            case "json_schema":
                now = self.response_format if self.response_format in _RESPONSE_FORMATS else "json_object"
                following = _RESPONSE_FORMATS[min(_RESPONSE_FORMATS.index(now) + 1, len(_RESPONSE_FORMATS) - 1)]
                return refusal("json_schema", format_flag(following), error)
            case flag:
                return refusal(flag, False, error)


def refused_parameter(error: ProviderError, sent: Mapping[str, Any]) -> str | None:
    """The flag of what, among that which was sent, a refusal says the server does not take."""
    message = error.vendor_message
    if not NOT_TAKEN.search(f"{message} {error.extra.get('vendor_code', '')} {error.extra.get('vendor_type', '')}"):
        return None
    for text in (str(error.extra.get("param", "")), message):
        for flag, by, words in _NAMED_BY:
            is_sent = any(field in sent for field in by)
            if is_sent and any(re.search(rf"(?<![a-z_]){re.escape(word)}(?![a-z_])", text) for word in words):
                return flag
    return None
