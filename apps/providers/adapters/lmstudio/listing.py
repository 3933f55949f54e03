"""LM Studio's two native listings as ModelInfo.

`details["instances"]` has one {"id", "context_length"} for each copy in memory; ids are what unloading takes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from apps.providers.adapters.text import clean
from apps.providers.contract import ModelInfo

MOST_MODELS = 5000


def models_v1(answer: Any) -> list[ModelInfo] | None:
    """Of GET /api/v1/models; None when it is something else."""
    return _models(answer, "models", "key", _model_v1)


def models_v0(answer: Any) -> list[ModelInfo] | None:
    """Of GET /api/v0/models, which alone says `state` in a list shaped like OpenAI's; None when it is something else."""
    models = _models(answer, "data", "id", _model_v0)
    rows = answer["data"] if models else []
    return None if any("state" not in row for row in rows if isinstance(row, Mapping)) else models


def find(models: Iterable[ModelInfo], name: str) -> ModelInfo | None:
    """The model that a name means: its key, one of its copies in memory, or one of its variants."""
    wanted = name.casefold()
    return next((model for model in models if wanted in _names(model)), None)


def instances(model: ModelInfo) -> list[dict[str, Any]]:
    return list(model.details.get("instances", ()))


def _names(model: ModelInfo) -> set[str]:
    names = [model.key, *(one["id"] for one in instances(model)), *model.details.get("variants", ())]
    return {name.casefold() for name in names}


def _models(answer: Any, field: str, name: str, read: Any) -> list[ModelInfo] | None:
    rows = answer.get(field) if isinstance(answer, Mapping) else None
    if not isinstance(rows, list):
        return None
    good = [row for row in rows[:MOST_MODELS] if _text(row, name).strip()]
    return None if rows and not good else [read(row) for row in good]


def _model_v1(row: Mapping[str, Any]) -> ModelInfo:
    quantization = row.get("quantization")
    in_memory = [_instance(one) for one in _list(row, "loaded_instances") if isinstance(one, Mapping) and one.get("id")]
    lengths = [one["context_length"] for one in in_memory if one["context_length"]]
    return ModelInfo(
        key=clean(row["key"]),
        display_name=_text(row, "display_name"),
        capabilities=_capabilities_v1(row),
        context_window=min(lengths) if lengths else _count(row, "max_context_length"),
        size_bytes=_count(row, "size_bytes"),
        quantization=_text(quantization, "name"),
        state="loaded" if in_memory else "available",
        details=_known(
            type=_text(row, "type"),
            publisher=_text(row, "publisher"),
            architecture=_text(row, "architecture"),
            format=_text(row, "format"),
            parameter_size=_text(row, "params_string"),
            description=_text(row, "description"),
            bits_per_weight=_number(quantization, "bits_per_weight"),
            max_context_length=_count(row, "max_context_length"),
            reasoning=_reasoning(row),
            variants=[clean(one) for one in _list(row, "variants") if isinstance(one, str)],
            selected_variant=_text(row, "selected_variant"),
            instances=in_memory,
        ),
    )


def _model_v0(row: Mapping[str, Any]) -> ModelInfo:
    is_loaded = row.get("state") == "loaded"
    length = _count(row, "loaded_context_length")
    kind = _text(row, "type")
    said = (("vision", kind == "vlm"), ("tools", "tool_use" in _list(row, "capabilities")))
    return ModelInfo(
        key=clean(row["id"]),
        capabilities=("embeddings",) if kind == "embeddings" else ("chat", *(one for one, has in said if has), "json"),
        context_window=length if is_loaded and length else _count(row, "max_context_length"),
        quantization=_text(row, "quantization"),
        state="loaded" if is_loaded else "available",
        details=_known(
            type=kind,
            publisher=_text(row, "publisher"),
            architecture=_text(row, "arch"),
            format=_text(row, "compatibility_type"),
            max_context_length=_count(row, "max_context_length"),
            instances=[{"id": clean(row["id"]), "context_length": length}] if is_loaded else [],
        ),
    )


def _capabilities_v1(row: Mapping[str, Any]) -> tuple[str, ...]:
    """JSON schemas are enforced for every chat model (LM Studio's page on structured output, read 2026-11-20)."""
    if row.get("type") == "embedding":
        return ("embeddings",)
    said = row.get("capabilities")
    said = said if isinstance(said, Mapping) else {}
    names = (("vision", "vision"), ("tools", "trained_for_tool_use"))
    return ("chat", *(ours for ours, theirs in names if said.get(theirs) is True), "json")


def _reasoning(row: Mapping[str, Any]) -> list[str]:
    """The settings of thinking that it takes: off, on, low, medium, high."""
    said = row.get("capabilities")
    reasoning = said.get("reasoning") if isinstance(said, Mapping) else None
    return [option for option in _list(reasoning, "allowed_options") if isinstance(option, str)]


def _instance(row: Mapping[str, Any]) -> dict[str, Any]:
    return {"id": clean(str(row["id"])), "context_length": _count(row.get("config"), "context_length")}


def _known(**details: Any) -> dict[str, Any]:
    return {name: value for name, value in details.items() if value}


def _text(row: Any, field: str) -> str:
    value = row.get(field) if isinstance(row, Mapping) else None
    return clean(value) if isinstance(value, str) else ""


def _number(row: Any, field: str) -> float | None:
    value = row.get(field) if isinstance(row, Mapping) else None
    return value if isinstance(value, int | float) and not isinstance(value, bool) and value > 0 else None


def _count(row: Any, field: str) -> int | None:
    value = _number(row, field)
    return int(value) if value and value != float("inf") else None


def _list(row: Any, field: str) -> list[Any]:
    value = row.get(field) if isinstance(row, Mapping) else None
    return value if isinstance(value, list) else []
