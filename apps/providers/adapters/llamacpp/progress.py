"""How far a load is, as the router pushes it: stage by stage, each from 0 to 1."""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import aclosing
from typing import Any

import httpx

from apps.common.http import TRANSPORT_ERRORS
from apps.providers.adapters.base import Call, TimedBytes
from apps.providers.adapters.sse import SseParser
from apps.providers.contract import OnProgress


async def watch_load(response: httpx.Response, call: Call, model: str, on_progress: OnProgress) -> None:
    """Until the stream ends, which the caller sees to; one that breaks is no harm."""
    parser = SseParser()
    try:
        async with aclosing(TimedBytes(response, call, no_content_timeout_s=call.total_timeout_s).chunks()) as chunks:
            async for chunk in chunks:
                for event in parser.feed(chunk):
                    if (share := share_loaded(event.data, model)) is not None:
                        on_progress(share)
    except TRANSPORT_ERRORS:
        return


def share_loaded(text: str, model: str) -> float | None:
    """0 to 1 over all stages of this model's load; None for whatever else it pushes."""
    try:
        event = json.loads(text)
    except ValueError:
        return None
    data = event.get("data") if isinstance(event, Mapping) and event.get("model") == model else None
    progress = data.get("progress") if isinstance(data, Mapping) and data.get("status") == "loading" else None
    if not isinstance(progress, Mapping):
        return None
    stages, value = progress.get("stages"), _number(progress.get("value"))
    if not isinstance(stages, list) or not stages:
        return value
    before = stages.index(progress.get("current")) if progress.get("current") in stages else 0
    return (before + value) / len(stages)


def _number(value: Any) -> float:
    return min(1.0, max(0.0, float(value))) if isinstance(value, int | float) and not isinstance(value, bool) else 0.0
