"""The provider kinds that speak OpenAI's chat protocol, each with its address and what it does differently."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Preset:
    base_url: str = ""  # used when the connection has none
    quirks: Mapping[str, Any] = field(default_factory=dict)


PRESETS: Mapping[str, Preset] = {
    "openai_compatible": Preset(),
    "lmstudio": Preset("http://localhost:1234/v1"),
    # Reasoning models refuse max_tokens (OpenAI's SDK 3.52, read 2026-11-20).
    "openai": Preset("https://api.openai.com/v1", {"max_tokens_param": "max_completion_tokens"}),
    # stream_options is not in Mistral's schema; usage comes by itself, the seed has another name, and that some tool must be
    # called is "any" (SDK 3.7, read 2026-11-20).
    "mistral": Preset("https://api.mistral.ai/v1", {"include_usage": False, "seed_param": "random_seed", "required_tool": "any"}),
    # No published reference; third-party code uses this address. A suspended account gets an ordinary answer that says so.
    "genspark": Preset(
        "https://www.genspark.ai/api/llm_proxy/v1",
        {"ban_text": r"account\b.{0,80}\b(?:not permitted|not allowed|suspended|banned|disabled)"},
    ),
}
