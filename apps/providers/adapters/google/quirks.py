"""What one of Google's models does not take: given by the connection, or learned when it refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from apps.providers.adapters.flags import is_refusal, refusal, refuses_system, settings_of
from apps.providers.contract import Refusal
from apps.providers.errors import ProviderError

_SCHEMA = re.compile(
    r"response_?schema|response_?json_?schema|schema produces|json mode|GenerateContentRequest.*schema", re.IGNORECASE
)
_FORMAT = re.compile(r"response_?(?: )?mime_?(?: )?type|application/json|json mode", re.IGNORECASE)
_NAMED_BY = {
    "temperature": ("temperature", "sampling"),
    "seed": ("seed",),
    "stop": ("stop_sequence", "stopSequence"),
    "logprobs": ("logprobs",),
}
_SENT_AS = {"temperature": "temperature", "seed": "seed", "stop": "stopSequences", "logprobs": "responseLogprobs"}


@dataclass(slots=True)
class Quirks:
    """How to ask for this model. The connection's `quirks` have the same names."""

    temperature: bool = True
    seed: bool = True
    stop: bool = True
    system: bool = True
    logprobs: bool = True
    tool_choice: bool = True
    most_tokens: int | None = None
    response_format: str = "json_schema"  # or "json_object" (JSON, its form in words), or "none": all in words

    @classmethod
    def of(cls, given: Mapping[str, Any], accepts: Mapping[str, Any]) -> Quirks:
        said = {**({"seed": False} if given.get("seed_param") == "" else {}), **given, **settings_of(accepts)}
        return cls(**{field.name: said[field.name] for field in fields(cls) if field.name in said})

    def learn(self, error: ProviderError, sent: Mapping[str, Any], tried: set[str]) -> Refusal | None:
        learned = self._change(error, sent) if is_refusal(error) else None
        if learned is None or f"{learned.flag}:{learned.value}" in tried:
            return None
        tried.add(f"{learned.flag}:{learned.value}")
        for name, value in settings_of({learned.flag: learned.value}).items():
            if hasattr(self, name):
                setattr(self, name, value)
        return learned

    def _change(self, error: ProviderError, sent: Mapping[str, Any]) -> Refusal | None:
        config, message = sent.get("generationConfig", {}), error.vendor_message
        if "responseSchema" in config and _SCHEMA.search(message):
            return refusal("json_schema", "object", error)
        if "responseMimeType" in config and _FORMAT.search(message):
            return refusal("json_schema", "prompt", error)
        if refuses_system(error, "systemInstruction" in sent):
            return refusal("system", False, error)
        for flag, words in _NAMED_BY.items():
            if _SENT_AS[flag] in config and any(word.lower() in message.lower() for word in words):
                return refusal(flag, False, error)
        return None
