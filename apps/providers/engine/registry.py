"""Which engine processes run: one small JSON file for each model file, with a lock beside it.

Web and worker processes share it, so whoever asks first starts the model and the others find it. No Django here: the child
process reads it too.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import psutil

LOOK_EVERY_S = 0.05
START_TIME_TOLERANCE_S = 1.0


@dataclass(frozen=True, slots=True)
class ProcessId:
    """A process by number and start time, since numbers are used again."""

    pid: int
    started_at: float

    @property
    def is_alive(self) -> bool:
        try:
            process = psutil.Process(self.pid)
            is_same = abs(process.create_time() - self.started_at) < START_TIME_TOLERANCE_S
            return is_same and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    @classmethod
    def of(cls, pid: int) -> ProcessId:
        return cls(pid, psutil.Process(pid).create_time())


@dataclass(frozen=True, slots=True)
class Entry:
    """A model that is being served, or started. `process` and `port` are None and 0 until it answers."""

    path: str
    api_key: str
    context_length: int
    owners: tuple[ProcessId, ...]
    process: ProcessId | None = None
    port: int = 0
    gpu_layers: int | None = None

    @property
    def is_serving(self) -> bool:
        return self.process is not None and self.process.is_alive


def entry_file(run_dir: Path, path: Path) -> Path:
    return run_dir / f"{hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:24]}.json"


def read(file: Path) -> Entry | None:
    try:
        raw = json.loads(file.read_text())
    except FileNotFoundError:
        return None
    raw["owners"] = tuple(ProcessId(**owner) for owner in raw["owners"])
    raw["process"] = ProcessId(**raw["process"]) if raw["process"] else None
    return Entry(**raw)


def write(file: Path, entry: Entry) -> None:
    write_whole(file, json.dumps(asdict(entry)))


def write_whole(file: Path, text: str) -> None:
    """Readers see the old text or the new one, never half; only this user can read it."""
    draft = file.with_name(f"{file.name}.{os.getpid()}.new")
    with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
        stream.write(text)
    draft.replace(file)


def adopt(file: Path, entry: Entry, owner: ProcessId) -> None:
    """Says that `owner` needs the model now. Call it with the lock held."""
    if owner in entry.owners:
        os.utime(file)
    else:
        write(file, replace(entry, owners=(*(one for one in entry.owners if one.is_alive), owner)))


def is_wanted(file: Path, *, pid: int) -> bool:
    """Whether the process `pid` is (or is about to be) the one of this entry, and somebody who asked for it still lives."""
    entry = read(file)
    if entry is None or (entry.process and entry.process.pid != pid):
        return False
    return any(owner.is_alive for owner in entry.owners)


def disown(file: Path) -> None:
    """Says, without waiting for the lock, that nobody wants a model that is still being started: whoever starts it gives up."""
    entry = read(file)
    if entry and entry.process is None:
        file.unlink(missing_ok=True)


def retire_if_unwanted(file: Path, idle_s: float) -> bool:
    """Removes the entry unless somebody asked for the model within `idle_s` or is asking just now; tells whether it did."""
    with contextlib.suppress(TimeoutError, FileNotFoundError), locked(file, timeout_s=0):
        if time.time() - file.stat().st_mtime > idle_s:
            file.unlink()
            return True
    return False


@contextlib.contextmanager
def locked(file: Path, *, timeout_s: float) -> Iterator[None]:
    """Holds the model's lock across all processes; TimeoutError when another keeps it for longer than `timeout_s`."""
    deadline = time.monotonic() + timeout_s
    with open(os.open(file.with_suffix(".lock"), os.O_RDWR | os.O_CREAT, 0o600), "w") as stream:
        while True:
            try:
                fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if time.monotonic() >= deadline:
                    raise TimeoutError(file) from None
                time.sleep(LOOK_EVERY_S)
        yield
