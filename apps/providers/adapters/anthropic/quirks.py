"""What Anthropic, or a server that speaks its protocol, does not take for one model: given, or learned when it refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from apps.providers.errors import BadRequest, ContextTooLong, ProviderError

_MOST_TOKENS = re.compile(r"max_tokens: \d+ > (\d+)")
_FORMAT = re.compile(r"output_config|output_format|output format|structured output|json_schema", re.IGNORECASE)
_FORCED_TOOL = re.compile(r"tool_choice|forces? tool use", re.IGNORECASE)
_SAMPLING = re.compile(r"temperature|sampling", re.IGNORECASE)


@dataclass(slots=True)
class Quirks:
    """How to ask for this model. The connection's `quirks` have the same names."""

    temperature: bool = False
    stop: bool = True
    stream: bool = True
    response_format: str = "json_schema"  # or "tool" (a tool that must be called), or "none": in words
    most_tokens: int | None = None  # learned: what `max_tokens` may be

    @classmethod
    def of(cls, given: Mapping[str, Any], *, takes_sampling: bool) -> Quirks:
        known = {field.name: given[field.name] for field in fields(cls) if field.name in given}
        return cls(**{**known, "temperature": takes_sampling and bool(known.get("temperature", True))})

    def learn(self, error: ProviderError, sent: Mapping[str, Any], tried: set[str]) -> bool:
        """Whether the refusal named something that can be put another way; then it is, from now on."""
        change = self._change(error, sent)
        if not change or change in tried:
            return False
        tried.add(change)
        return True

    def _change(self, error: ProviderError, sent: Mapping[str, Any]) -> str:
        if not isinstance(error, BadRequest) or isinstance(error, ContextTooLong):
            return ""
        message = error.vendor_message
        if limit := _MOST_TOKENS.search(message):
            self.most_tokens = int(limit[1])
            return "max_tokens"
        if "temperature" in sent and _SAMPLING.search(message):
            self.temperature = False
            return "temperature"
        if "format" in sent.get("output_config", {}) and _FORMAT.search(message):
            self.response_format = "tool"
            return "output_config"
        if "tool_choice" in sent and _FORCED_TOOL.search(message):
            self.response_format = "none"
            return "tool_choice"
        return ""
