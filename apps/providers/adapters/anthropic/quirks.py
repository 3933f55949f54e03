"""What Anthropic, or a server that speaks its protocol, does not take for one model: given, or learned when it refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from apps.providers.adapters.flags import is_refusal, refusal, refuses_system, settings_of
from apps.providers.contract import Refusal
from apps.providers.errors import ProviderError

_MOST_TOKENS = re.compile(r"max_tokens: \d+ > (\d+)")
_FORMAT = re.compile(r"output_config|output_format|output format|structured output|json_schema", re.IGNORECASE)
_FORCED_TOOL = re.compile(r"tool_choice|forces? tool use", re.IGNORECASE)
_SAMPLING = re.compile(r"temperature|sampling", re.IGNORECASE)


@dataclass(slots=True)
class Quirks:
    """How to ask for this model. The connection's `quirks` have the same names."""

    temperature: bool = False
    stop: bool = True
    system: bool = True
    tool_choice: bool = True
    stream: bool = True
    response_format: str = "json_schema"  # or "tool" (a tool that must be called), or "none": in words
    most_tokens: int | None = None  # learned: what `max_tokens` may be

    @classmethod
    def of(cls, given: Mapping[str, Any], accepts: Mapping[str, Any], *, takes_sampling: bool) -> Quirks:
        said = {**given, **settings_of(accepts)}
        known = {field.name: said[field.name] for field in fields(cls) if field.name in said}
        return cls(**{**known, "temperature": takes_sampling and bool(known.get("temperature", True))})

    def learn(self, error: ProviderError, sent: Mapping[str, Any], tried: set[str]) -> Refusal | None:
        learned = self._change(error, sent) if is_refusal(error) else None
        if learned is None or f"{learned.flag}:{learned.value}" in tried:
            return None
        tried.add(f"{learned.flag}:{learned.value}")
        for name, value in settings_of({learned.flag: learned.value}).items():
            setattr(self, name, value)
        return learned

    def _change(self, error: ProviderError, sent: Mapping[str, Any]) -> Refusal | None:
        message = error.vendor_message
        if limit := _MOST_TOKENS.search(message):
            return refusal("max_output_tokens", int(limit[1]), error)
        if "temperature" in sent and _SAMPLING.search(message):
            return refusal("temperature", False, error)
        if "format" in sent.get("output_config", {}) and _FORMAT.search(message):
            return refusal("json_schema", "tool", error)
        if "tool_choice" in sent and _FORCED_TOOL.search(message):
            asks_for_json = self.response_format != "none" and len(sent.get("tools", ())) == 1
            return refusal("json_schema", "prompt", error) if asks_for_json else refusal("tool_choice", False, error)
        return refusal("system", False, error) if refuses_system(error, "system" in sent) else None
