"""What Ollama, for one model, does not take: the same as of OpenAI-style servers, sent under other names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.providers.adapters.openai_compatible.quirks import Quirks
from apps.providers.contract import Refusal
from apps.providers.errors import ProviderError


class OllamaQuirks(Quirks):
    __slots__ = ()

    def learn(self, error: ProviderError, sent: Mapping[str, Any], tried: set[str]) -> Refusal | None:
        formats = {"response_format": sent["format"]} if "format" in sent else {}
        return Quirks.learn(self, error, {**sent, **sent.get("options", {}), **formats}, tried)
