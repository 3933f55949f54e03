"""From a model list, as many kinds of servers write it, to ModelInfo."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from apps.providers.adapters.text import clean
from apps.providers.contract import ModelInfo

MOST_MODELS = 5000
_EMBEDS = re.compile(r"embed|\bbge-|\be5-|\bgte-", re.IGNORECASE)
_NO_CHAT = re.compile(
    r"whisper|\btts\b|-tts|dall-e|gpt-image|moderation|transcribe|realtime|\bsora\b|rerank|davinci|babbage|-audio-|-ocr",
    re.IGNORECASE,
)
# Where servers say how much fits: vLLM, Mistral, OpenRouter, LM Studio, Groq.
_CONTEXT_FIELDS = ("max_model_len", "max_context_length", "context_length", "context_window")


def models_in(listing: Any) -> list[ModelInfo] | None:
    """The models of a listing in its order, each once; None when it is no listing."""
    rows = listing
    if isinstance(listing, Mapping):
        rows = listing.get("data") if isinstance(listing.get("data"), list) else listing.get("models")
    if not isinstance(rows, list):
        return None
    models: dict[str, ModelInfo] = {}
    for row in rows[:MOST_MODELS]:
        model = _model(row)
        if model:
            models.setdefault(model.key, model)
    return None if rows and not models else list(models.values())


def _model(row: Any) -> ModelInfo | None:
    if isinstance(row, str):
        row = {"id": row}
    key = row.get("id") or row.get("name") if isinstance(row, Mapping) else None
    if not isinstance(key, str) or not key.strip():
        return None
    meta = row.get("meta") if isinstance(row.get("meta"), Mapping) else {}
    display_name = row.get("display_name") or row.get("name")
    return ModelInfo(
        key=clean(key),
        display_name=clean(display_name) if isinstance(display_name, str) else "",
        capabilities=_capabilities(key, row),
        context_window=_first_count(row, _CONTEXT_FIELDS) or _first_count(meta, ("n_ctx", "n_ctx_train")),
        size_bytes=_first_count(meta, ("size",)),
        details={name: row[name] for name in ("owned_by", "aliases", "deprecation", "shutdown_date") if row.get(name)},
    )


def _capabilities(key: str, row: Mapping[str, Any]) -> tuple[str, ...]:
    """What the listing says, and where it says nothing, what the name says. None of ours is an empty tuple."""
    said = row.get("capabilities")
    if isinstance(said, Mapping) and "completion_chat" in said:  # Mistral
        names = (("chat", "completion_chat"), ("vision", "vision"), ("tools", "function_calling"))
        return tuple(ours for ours, theirs in names if said.get(theirs)) or (("embeddings",) if _EMBEDS.search(key) else ())
    if _EMBEDS.search(key):
        return ("embeddings",)
    if _NO_CHAT.search(key):
        return ()
    architecture = row.get("architecture")  # OpenRouter
    inputs = architecture.get("input_modalities") if isinstance(architecture, Mapping) else None
    parameters = row.get("supported_parameters")
    found = ["chat"]
    if isinstance(inputs, list) and "image" in inputs:
        found.append("vision")
    if isinstance(parameters, list):
        found += [ours for ours, theirs in (("tools", "tools"), ("json", "structured_outputs")) if theirs in parameters]
    return tuple(found)


def _first_count(values: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    for name in names:
        count = values.get(name)
        if isinstance(count, int | float) and not isinstance(count, bool) and count > 0:
            return int(count)
    return None
