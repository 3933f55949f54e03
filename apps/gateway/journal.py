"""The file in which a process of the gateway notes its calls, before they go out and when they are over.

The file is written through memory that it shares with the system: a note takes no call of the system, and is in the file
however the process ends (not when the machine's power does: for that each note would have to wait for the disk). The process
holds a lock on its file, which ends with it; a file that nobody holds was left behind.
"""

from __future__ import annotations

import fcntl
import logging
import mmap
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import msgspec
from django.conf import settings

from apps.common.contract import as_text

log = logging.getLogger(__name__)

ROOM = 1024 * 1024  # when it is full, what is written down already is left out of the next one
_encode = msgspec.json.Encoder(enc_hook=as_text).encode
_decode = msgspec.json.Decoder(dict[str, Any]).decode


def folder() -> Path:
    return Path(settings.ORQ_HOME) / "run" / "gateway"


class Journal:
    """The one of this process. Its file is made with the first call."""

    def __init__(self) -> None:
        self._file = -1
        self._path: Path | None = None
        self._pages: mmap.mmap | None = None
        self._at = 0
        self._room = ROOM
        self._lines: dict[UUID, list[bytes]] = {}  # of calls whose rows are not written yet

    def begin(self, public_id: UUID, about: dict[str, Any]) -> None:
        self._write(public_id, {"id": public_id.hex, **about})

    def end(self, public_id: UUID, usage: list[int], error_code: str, ms: int, first_ms: int | None) -> None:
        self._write(public_id, {"id": public_id.hex, "usage": usage, "error": error_code, "ms": ms, "first": first_ms})

    def forget(self, public_ids: Sequence[UUID]) -> None:
        """Their rows are written."""
        for public_id in public_ids:
            self._lines.pop(public_id, None)
        if not self._lines and self._pages is not None and self._at:
            self._pages[: self._at] = bytes(self._at)
            self._at = 0

    def close(self) -> None:
        """With nothing left to write the file goes, too."""
        if self._pages is None or self._path is None:
            return
        if not self._lines:
            self._path.unlink(missing_ok=True)
        self._pages.close()
        os.close(self._file)
        self._file, self._path, self._pages = -1, None, None

    def _write(self, public_id: UUID, line: dict[str, Any]) -> None:
        data = _encode(line) + b"\n"
        if self._pages is None:
            self._open()
        elif self._at + len(data) > self._room:
            self._begin_anew(len(data))
        assert self._pages is not None
        self._pages[self._at : self._at + len(data)] = data
        self._at += len(data)
        self._lines.setdefault(public_id, []).append(data)

    def _open(self) -> None:
        folder().mkdir(parents=True, exist_ok=True)
        self._path = folder() / f"{os.getpid()}-{uuid4().hex}.journal"
        unseen = self._path.with_suffix(".new")  # until it is locked: a process that starts takes what nobody holds
        self._file = os.open(unseen, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.posix_fallocate(self._file, 0, self._room)  # a full disk is an error here, and not the end of the process later
        unseen.rename(self._path)
        self._pages = mmap.mmap(self._file, self._room)

    def _begin_anew(self, more: int) -> None:
        """Another file with only the calls that are still to be written, and then the old one goes."""
        old_file, old_path, old_pages = self._file, self._path, self._pages
        kept = b"".join(line for lines in self._lines.values() for line in lines)
        while len(kept) + more > self._room // 2:
            self._room *= 2
        self._open()
        assert self._pages is not None
        self._pages[: len(kept)] = kept
        self._at = len(kept)
        if old_pages is not None and old_path is not None:
            old_pages.close()
            old_path.unlink(missing_ok=True)
            os.close(old_file)


class LeftBehind:
    """A journal whose process has ended. Whoever has it holds its lock."""

    def __init__(self, path: Path, file: int) -> None:
        self._path, self._file = path, file

    def calls(self) -> list[dict[str, Any]]:
        """One for each call, with what its end said. A line that was cut by the end of the process is left out."""
        calls: dict[str, dict[str, Any]] = {}
        for line in self._path.read_bytes().rstrip(b"\0").split(b"\n"):
            try:
                said = _decode(line) if line else {}
            except msgspec.DecodeError:
                log.warning("a line of %s was cut off", self._path.name)
                continue
            if said:
                calls.setdefault(said["id"], {}).update(said)
        return [call for call in calls.values() if "team" in call]

    def remove(self) -> None:
        self._path.unlink(missing_ok=True)
        os.close(self._file)


def left_behind() -> Iterator[LeftBehind]:
    for path in sorted(folder().glob("*.journal")) if folder().is_dir() else ():
        try:
            file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            continue  # another process was faster
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)  # its process lives
            continue
        yield LeftBehind(path, file)
