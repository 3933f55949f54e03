"""Which workers are alive: each leaves a mark every two seconds, which anybody can look at cheaply.

The marks are in Redis where REDIS_URL is set, because workers may be on other machines, and else small files in ORQ_HOME.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from pathlib import Path
from typing import Any

from celery import signals
from django.conf import settings
from django.core.cache import cache

EVERY_S, ALIVE_S = 2.0, 10.0
_KEY = "orq:pulse"
_stop = threading.Event()


def beat(name: str) -> None:
    """Leave a mark: this worker is alive now."""
    if settings.REDIS_URL:
        cache.set(_KEY, {**_fresh(cache.get(_KEY) or {}), name: time.time()}, timeout=60)
        return
    folder = _folder()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).touch()


def alive() -> list[str]:
    """The names of the workers that left a mark in the last ten seconds."""
    if settings.REDIS_URL:
        return sorted(_fresh(cache.get(_KEY) or {}))
    marks = {path.name: path.stat().st_mtime for path in _folder().glob("*")} if _folder().is_dir() else {}
    return sorted(_fresh(marks))


def forget(name: str) -> None:
    """The worker ends in good order."""
    if settings.REDIS_URL:
        cache.set(_KEY, {key: at for key, at in (cache.get(_KEY) or {}).items() if key != name}, timeout=60)
    else:
        (_folder() / name).unlink(missing_ok=True)


def _fresh(marks: dict[str, float]) -> dict[str, float]:
    oldest = time.time() - ALIVE_S
    return {name: at for name, at in marks.items() if at >= oldest}


def _folder() -> Path:
    return Path(settings.ORQ_HOME) / "run" / "workers"


def _name() -> str:
    return f"{socket.gethostname()}-{os.getpid()}"


@signals.worker_ready.connect
def _start(**_: Any) -> None:
    name = _name()

    def keep_beating() -> None:
        beat(name)
        while not _stop.wait(EVERY_S):
            beat(name)

    threading.Thread(target=keep_beating, name="pulse", daemon=True).start()


@signals.worker_shutdown.connect
def _end(**_: Any) -> None:
    _stop.set()
    forget(_name())
