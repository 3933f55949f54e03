"""From Anthropic's model list to ModelInfo."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from apps.providers.adapters.answer import count_in, text_of
from apps.providers.adapters.text import clean
from apps.providers.contract import ModelInfo

_DETAILS = ("line", "lifecycle", "max_tokens", "created_at", "deprecated_at", "retires_at")
_NAMES = (("vision", "image_input"), ("json", "structured_outputs"))


def models_in(rows: list[Any]) -> list[ModelInfo]:
    """The models of a listing in its order. The size of a model is in `details["line"]`, never in its name."""
    return [_model(row) for row in rows if isinstance(row, Mapping) and text_of(row.get("id")).strip()]


def _model(row: Mapping[str, Any]) -> ModelInfo:
    return ModelInfo(
        key=clean(row["id"]),
        display_name=clean(text_of(row.get("display_name"))),
        capabilities=_capabilities(row.get("capabilities")),
        context_window=count_in(row, "max_input_tokens") or None,
        details={name: row[name] for name in _DETAILS if row.get(name) is not None},
    )


def _capabilities(said: Any) -> tuple[str, ...]:
    """Every model of the vendor takes tools; servers that only speak its protocol say nothing, and no more is claimed."""
    if not isinstance(said, Mapping):
        return ("chat",)
    return ("chat", "tools", *(ours for ours, theirs in _NAMES if _is_said(said.get(theirs))))


def _is_said(value: Any) -> bool:
    return bool(value.get("supported")) if isinstance(value, Mapping) else value is True
