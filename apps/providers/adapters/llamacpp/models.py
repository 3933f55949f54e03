"""From llama-server's list of models, in router mode or not, to ModelInfo."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from apps.providers.adapters.answer import count_in, text_of
from apps.providers.adapters.text import clean
from apps.providers.contract import DownloadProgress, ModelInfo

_EMBEDDING_OPTIONS = ("--embedding", "--embeddings")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the list. `status`: "unloaded", "loading", "loaded", "sleeping" or "downloading"; without a router "loaded"."""

    id: str
    row: Mapping[str, Any]
    status: str
    is_routed: bool

    @property
    def is_loaded(self) -> bool:
        return self.status == "loaded"

    @property
    def context_length(self) -> int | None:
        """Of one conversation, once it is in memory."""
        return count_in(self.row.get("meta"), "n_ctx") or None

    @property
    def exit_code(self) -> int | None:
        code = self.said.get("exit_code")
        return code if isinstance(code, int) else None

    @property
    def said(self) -> Mapping[str, Any]:
        status = self.row.get("status")
        return status if isinstance(status, Mapping) else {}

    def is_called(self, name: str) -> bool:
        """By its id, an alias, or its id without the quantization."""
        aliases = self.row.get("aliases")
        names = [self.id, self.id.partition(":")[0], *(aliases if isinstance(aliases, list) else [])]
        return name.casefold() in [one.casefold() for one in names if isinstance(one, str)]


def rows_in(listing: Any) -> list[Row] | None:
    """None when it is no list of models."""
    rows = listing.get("data") if isinstance(listing, Mapping) else None
    if not isinstance(rows, list):
        return None
    named = [row for row in rows if isinstance(row, Mapping) and text_of(row.get("id")).strip()]
    return [_row(row) for row in named]


def model_of(row: Row, props: Mapping[str, Any], slots: list[Any]) -> ModelInfo:
    """`props` and `slots` are what a model in memory tells of itself; empty for others."""
    meta = row.row.get("meta")
    settings = props.get("default_generation_settings")
    busy = [slot for slot in slots if isinstance(slot, Mapping) and slot.get("is_processing") is True]
    details = {
        "max_context_length": count_in(meta, "n_ctx_train"),
        "parameters": count_in(meta, "n_params"),
        "source": text_of(row.row.get("source")),
        "last_exit_code": row.exit_code,
        "slots": len(slots) or count_in(props, "total_slots"),
        "slots_busy": len(busy) if slots else None,
    }
    return ModelInfo(
        key=clean(row.id),
        capabilities=_capabilities(row, props),
        context_window=row.context_length or count_in(settings, "n_ctx") or None,
        size_bytes=count_in(meta, "size") or None,
        quantization=clean(text_of(meta.get("ftype")) if isinstance(meta, Mapping) else ""),
        state={"loaded": "loaded", "loading": "loading"}.get(row.status, "available"),
        details={name: value for name, value in details.items() if value or (value == 0 and name == "slots_busy")},
    )


def download_of(row: Row) -> DownloadProgress:
    """Files come side by side, each with its own count; what is listed otherwise is there."""
    if row.status != "downloading":
        return DownloadProgress("completed")
    progress = row.said.get("progress")
    files = [file for file in progress.values() if isinstance(file, Mapping)] if isinstance(progress, Mapping) else []
    total = sum(count_in(file, "total") for file in files)
    return DownloadProgress("downloading", sum(count_in(file, "done") for file in files) if files else None, total or None)


def _row(row: Mapping[str, Any]) -> Row:
    status = row.get("status")
    is_routed = isinstance(status, Mapping) and bool(text_of(status.get("value")))
    return Row(row["id"], row, text_of(status["value"]) if is_routed else "loaded", is_routed)  # type: ignore[index]


def _capabilities(row: Row, props: Mapping[str, Any]) -> tuple[str, ...]:
    """A schema is enforced while any model writes. Whether its template knows tools is told once it is in memory."""
    args = row.said.get("args")
    if isinstance(args, list) and any(option in args for option in _EMBEDDING_OPTIONS):
        return ("embeddings",)
    architecture = row.row.get("architecture")
    inputs = architecture.get("input_modalities") if isinstance(architecture, Mapping) else None
    modalities, template = props.get("modalities"), props.get("chat_template_caps")
    sees = (isinstance(inputs, list) and "image" in inputs) or (
        isinstance(modalities, Mapping) and modalities.get("vision") is True
    )
    calls = isinstance(template, Mapping) and template.get("supports_tools") is True
    return ("chat", *(["vision"] if sees else []), *(["tools"] if calls else []), "json")
