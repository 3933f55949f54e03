"""Downloads: started once, then asked about, since LM Studio pushes nothing and says bytes, never a percentage."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args
from urllib.parse import quote

from apps.common.said import gettext as _
from apps.providers.adapters.base import Call
from apps.providers.adapters.lmstudio.native import NativeClient
from apps.providers.adapters.text import clean
from apps.providers.contract import Connection, Download, DownloadProgress, DownloadState
from apps.providers.errors import BadRequest, MalformedAnswer

START_TIMEOUT_S = 60.0  # it looks the model up in the catalogue first
ASK_TIMEOUT_S = 30.0
HUGGING_FACE = "https://huggingface.co/"
_STATES: tuple[DownloadState, ...] = get_args(DownloadState)


class Downloads:
    def __init__(self, native: NativeClient, connection: Connection) -> None:
        self._native = native
        self._connection = connection

    async def start(self, name: str, *, quantization: str) -> Download:
        if quantization and not name.startswith(HUGGING_FACE):
            raise BadRequest(
                _("Only a model given by its address at Hugging Face (%s…) takes a quantization; leave it out for this one.")
                % HUGGING_FACE
            )
        body = {"model": name, **({"quantization": quantization} if quantization else {})}
        call = Call(self._connection, total_timeout_s=START_TIMEOUT_S, max_attempts=1)
        answer = await self._native.post("/api/v1/models/download", body, call)
        state, job_id = self._state(answer), answer.get("job_id")
        job_id = clean(job_id) if isinstance(job_id, str) else ""
        if not job_id and state in ("downloading", "paused"):
            raise MalformedAnswer(_("%s began a download, but gave no number to ask about it.") % self._native.name)
        return Download(state, job_id, _count(answer, "total_size_bytes"))

    async def progress(self, job_id: str) -> DownloadProgress:
        path = f"/api/v1/models/download/status/{quote(job_id, safe='')}"  # in the path, whatever the overview table shows
        answer = await self._native.get(path, Call(self._connection, total_timeout_s=ASK_TIMEOUT_S))
        return DownloadProgress(
            self._state(answer),
            downloaded_bytes=_count(answer, "downloaded_bytes"),
            total_bytes=_count(answer, "total_size_bytes"),
            bytes_per_second=_number(answer, "bytes_per_second"),
        )

    def _state(self, answer: Any) -> DownloadState:
        said = answer.get("status") if isinstance(answer, Mapping) else None
        for state in _STATES:
            if said == state:
                return state
        raise MalformedAnswer(_("%s answers, but not about a download.") % self._native.name)


def _number(answer: Mapping[str, Any], field: str) -> float | None:
    value = answer.get(field)
    return value if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < float("inf") else None


def _count(answer: Mapping[str, Any], field: str) -> int | None:
    value = _number(answer, field)
    return None if value is None else int(value)
