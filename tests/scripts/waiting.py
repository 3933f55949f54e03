"""Polling with a deadline, for tests of processes."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from pathlib import Path


def wait_until(what: Callable[[], object], timeout_s: float = 20.0) -> object:
    """What `what` gives as soon as that is true; fails after the time-out."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        with contextlib.suppress(FileNotFoundError, ValueError):
            if found := what():
                return found
        time.sleep(0.02)
    raise AssertionError(f"It did not happen within {timeout_s} s.")


def is_alive(pid: int) -> bool:
    """A zombie is not alive."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    return False


def pid_in(file: Path) -> int:
    return int(file.read_text())


def children_of(pid: int) -> list[int]:
    """All processes below it."""
    below: list[int] = []
    for entry in os.listdir("/proc"):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            if entry.isdigit() and int(Path(f"/proc/{entry}/stat").read_text().rpartition(")")[2].split()[1]) == pid:
                below += [int(entry), *children_of(int(entry))]
    return below
