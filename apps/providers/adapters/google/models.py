"""From Google's model list to ModelInfo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.providers.adapters.answer import count_in, text_of
from apps.providers.adapters.text import clean
from apps.providers.contract import ModelInfo

_DETAILS = ("version", "description", "outputTokenLimit", "maxTemperature", "thinking")


def models_in(rows: list[Any]) -> list[ModelInfo]:
    """Those that answer or make embeddings, in the order of the listing; what only makes images or speech is left out."""
    named = [row for row in rows if isinstance(row, Mapping) and text_of(row.get("name")).strip()]
    return [_model(row, found) for row in named if (found := _capabilities(row.get("supportedGenerationMethods")))]


def _model(row: Mapping[str, Any], capabilities: tuple[str, ...]) -> ModelInfo:
    return ModelInfo(
        key=clean(row["name"].removeprefix("models/")),
        display_name=clean(text_of(row.get("displayName"))),
        capabilities=capabilities,
        context_window=count_in(row, "inputTokenLimit") or None,
        details={name: row[name] for name in _DETAILS if row.get(name) is not None},
    )


def _capabilities(methods: Any) -> tuple[str, ...]:
    """The list says no more than this; what else a model takes is not claimed."""
    methods = methods if isinstance(methods, list) else []
    named = (("chat", "generateContent"), ("embeddings", "embedContent"))
    return tuple(ours for ours, theirs in named if theirs in methods)
