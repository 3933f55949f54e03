"""Can this installation serve, and which of its parts cannot."""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from celery import current_app
from django.conf import settings
from django.db import connection

from apps.common import pulse

KEPT_S = 2.0
PART_STATUSES = ("up", "down")
STATUSES = ("up", "degraded", "down")
log = logging.getLogger(__name__)
_last: tuple[float, dict[str, Any]] | None = None


def health() -> dict[str, Any]:
    """{"status": "up" | "degraded" | "down", "parts": {name: {"status", "detail"}}}, at most two seconds old.

    Without its database or broker the product cannot serve; without a worker it answers, and tasks wait.
    """
    global _last
    if _last is None or time.monotonic() - _last[0] > KEPT_S:
        before, now = _last[1]["parts"] if _last else {}, _look()
        _log_changes(before, now["parts"])
        _last = (time.monotonic(), now)
    return _last[1]


def _log_changes(before: dict[str, Any], now: dict[str, Any]) -> None:
    """Once when a part goes down and once when it is back, not each time that somebody asks."""
    for name, part in now.items():
        was = before.get(name, {"status": "up"})["status"]
        is_starting = name == "workers" and not before  # who asks first asks before the worker's first mark
        if was != part["status"]:
            level = logging.INFO if part["status"] == "up" or is_starting else logging.WARNING
            log.log(level, "%s is %s: %s", name, part["status"], part["detail"])


def _look() -> dict[str, Any]:
    parts = {"database": _state(_database), "broker": _state(_broker), "workers": _state(_workers)}
    needed = (parts["database"], parts["broker"])
    if any(part["status"] == "down" for part in needed):
        status = "down"
    else:
        status = "up" if parts["workers"]["status"] == "up" else "degraded"
    return {"status": status, "version": settings.ORQ_VERSION, "parts": parts}


def _state(look: Callable[[], str]) -> dict[str, str]:
    try:
        return {"status": "up", "detail": look()}
    except Exception as error:  # whatever is wrong with a part, this page says that it is down
        return {"status": "down", "detail": str(error).splitlines()[0][:200] if str(error) else type(error).__name__}


def _database() -> str:
    began = time.perf_counter()
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
        cursor.fetchone()
    return f"{connection.vendor}, {(time.perf_counter() - began) * 1000:.1f} ms"


def _broker() -> str:
    if settings.CELERY_BROKER_IS_EMBEDDED:
        folder = Path(str(settings.CELERY_BROKER_TRANSPORT_OPTIONS["data_folder_in"]))
        if not os.access(folder, os.W_OK):
            raise OSError(f"{folder} is not writable")
        return "embedded"
    with current_app.connection_for_read(connect_timeout=1) as link:
        link.ensure_connection(max_retries=1, timeout=1)
    return current_app.connection().transport.driver_name


def _workers() -> str:
    names = pulse.alive()
    if not names:
        raise RuntimeError("no worker is alive; tasks wait until one is")
    return str(len(names))
