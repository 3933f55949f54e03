"""What one of Google's models does not take: given by the connection, or learned when it refuses."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any

from apps.providers.errors import BadRequest, ContextTooLong, ProviderError

_SCHEMA = re.compile(
    r"response_?schema|response_?json_?schema|schema produces|json mode|GenerateContentRequest.*schema", re.IGNORECASE
)
_FORMAT = re.compile(r"response_?(?: )?mime_?(?: )?type|application/json|json mode", re.IGNORECASE)
_NAMED_BY = {"temperature": ("temperature", "sampling"), "seed": ("seed",), "stop": ("stop_sequence", "stopSequence")}
_SENT_AS = {"temperature": "temperature", "seed": "seed", "stop": "stopSequences"}


@dataclass(slots=True)
class Quirks:
    """How to ask for this model. The connection's `quirks` have the same names."""

    temperature: bool = True
    seed: bool = True
    stop: bool = True
    response_format: str = "json_schema"  # or "json_object" (JSON, its form in words), or "none": all in words

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> Quirks:
        known = {field.name: given[field.name] for field in fields(cls) if field.name in given}
        if given.get("seed_param") == "":
            known["seed"] = False
        return cls(**known)

    def learn(self, error: ProviderError, sent: Mapping[str, Any], tried: set[str]) -> bool:
        """Whether the refusal named something that can be put another way; then it is, from now on."""
        change = self._change(error, sent.get("generationConfig", {}))
        if not change or change in tried:
            return False
        tried.add(change)
        return True

    def _change(self, error: ProviderError, config: Mapping[str, Any]) -> str:
        if not isinstance(error, BadRequest) or isinstance(error, ContextTooLong):
            return ""
        message = error.vendor_message
        if "responseSchema" in config and _SCHEMA.search(message):
            self.response_format = "json_object"
            return "responseSchema"
        if "responseMimeType" in config and _FORMAT.search(message):
            self.response_format = "none"
            return "responseMimeType"
        for quirk, words in _NAMED_BY.items():
            if _SENT_AS[quirk] in config and any(word.lower() in message.lower() for word in words):
                setattr(self, quirk, False)
                return quirk
        return ""
