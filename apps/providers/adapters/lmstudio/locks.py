"""One at a time, among all processes of this machine."""

from __future__ import annotations

import asyncio
import fcntl
import hashlib
import os
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TextIO

import httpx
from django.conf import settings

LOOK_EVERY_S = 0.05
_THIS_MACHINE = ("localhost", "::1", "0.0.0.0")


def usual_folder() -> Path:
    """Shared by all processes of this installation on this machine."""
    return Path(settings.ORQ_HOME) / "run" / "locks"


def lock_file(folder: Path, root: str, model: str) -> Path:
    """The same for every spelling of one host and port, and never made of what a server says alone."""
    url = httpx.URL(root)
    host = "127.0.0.1" if url.host in _THIS_MACHINE else url.host
    place = f"{host}:{url.port or {'https': 443}.get(url.scheme, 80)}{url.path}\n{model.casefold()}"
    return folder / f"lmstudio-{hashlib.sha256(place.encode()).hexdigest()[:24]}.lock"


@asynccontextmanager
async def held(file: Path, *, timeout_s: float) -> AsyncIterator[None]:
    """Holds the lock; TimeoutError when others keep it for longer. It ends with the process that holds it, however that ends."""
    file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    deadline = time.monotonic() + timeout_s
    with open(os.open(file, os.O_RDWR | os.O_CREAT, 0o600), "w") as stream:
        while not _try(stream):
            if time.monotonic() >= deadline:
                raise TimeoutError(file)
            await asyncio.sleep(LOOK_EVERY_S)
        yield


def _try(stream: TextIO) -> bool:
    try:
        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
