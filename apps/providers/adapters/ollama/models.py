"""From Ollama's lists, of what is there and of what is in memory, to ModelInfo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.providers.adapters.answer import count_in, text_of
from apps.providers.adapters.text import clean
from apps.providers.contract import ModelInfo

_OURS = (("completion", "chat"), ("vision", "vision"), ("tools", "tools"), ("embedding", "embeddings"))


@dataclass(frozen=True, slots=True)
class Running:
    """A model in memory. `row` is the server's own line of it."""

    row: Mapping[str, Any]
    context_length: int | None


def full_name(name: str) -> str:
    """With its tag, in lower case, as two spellings of one model are compared."""
    name = name.strip().casefold()
    return name if ":" in name.rpartition("/")[2] else f"{name}:latest"


def running_in(listing: Any) -> dict[str, Running]:
    rows = listing.get("models") if isinstance(listing, Mapping) else None
    named = [row for row in rows if isinstance(row, Mapping) and _name(row)] if isinstance(rows, list) else []
    return {full_name(_name(row)): Running(row, count_in(row, "context_length") or None) for row in named}


def capabilities_in(shown: Mapping[str, Any]) -> tuple[str, ...]:
    """What POST /api/show says; versions that say nothing serve chat models. Schemas are enforced for every chat model."""
    said = shown.get("capabilities")
    if not isinstance(said, list):
        return ("chat", "json")
    found = [ours for theirs, ours in _OURS if theirs in said]
    return (*found, "json") if "chat" in found else tuple(found)


def model_of(row: Mapping[str, Any], shown: Mapping[str, Any], running: Running | None) -> ModelInfo:
    about = row.get("details")
    about = about if isinstance(about, Mapping) else {}
    longest = _longest(shown.get("model_info"))
    said = shown.get("capabilities")
    details = {
        "family": text_of(about.get("family")),
        "format": text_of(about.get("format")),
        "parameter_size": text_of(about.get("parameter_size")),
        "digest": text_of(row.get("digest")),
        "max_context_length": longest,
        "thinks": isinstance(said, list) and "thinking" in said,
    }
    if running:
        details |= {"memory_bytes": count_in(running.row, "size"), "expires_at": text_of(running.row.get("expires_at"))}
        if "size_vram" in running.row:
            details["vram_bytes"] = count_in(running.row, "size_vram")  # 0 says that it is not on the GPU
    return ModelInfo(
        key=clean(_name(row)),
        capabilities=capabilities_in(shown),
        context_window=(running.context_length if running else None) or longest,
        size_bytes=count_in(row, "size") or None,
        quantization=clean(text_of(about.get("quantization_level"))),
        state="loaded" if running else "available",
        details={name: value for name, value in details.items() if value or name == "vram_bytes"},
    )


def _name(row: Mapping[str, Any]) -> str:
    return text_of(row.get("name")) or text_of(row.get("model"))


def _longest(about: Any) -> int | None:
    """`<architecture>.context_length`, whatever the architecture is called."""
    if not isinstance(about, Mapping):
        return None
    lengths = [count_in(about, name) for name in about if isinstance(name, str) and name.endswith(".context_length")]
    return max(lengths, default=0) or None
