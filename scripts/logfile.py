"""A log that does not grow for ever, and which of its lines deserve the terminal."""

from __future__ import annotations

import contextlib
import os
import re
from pathlib import Path

from scripts.words import say

MAX_BYTES = 5 * 2**20
KEPT = 5

_WARNING = re.compile(r"^(\S+ )?(WARNING|ERROR|CRITICAL)\b|^[\w.]+(Error|Exception)\b")
_TIME = re.compile(r"^\d{4}-\d\d-\d\dT[\d:.]+Z? ")


class LogFile:
    """`name.log`, and when it is full `name.log.1` … `name.log.5`. A full disk is said once and stops nothing."""

    def __init__(self, path: Path, *, max_bytes: int = MAX_BYTES, kept: int = KEPT) -> None:
        self.path, self.max_bytes, self.kept = path, max_bytes, kept
        self.size_bytes = path.stat().st_size if path.exists() else 0
        self.said_full = False

    def write(self, line: str) -> None:
        data = (line + "\n").encode(errors="replace")
        try:
            if self.size_bytes and self.size_bytes + len(data) > self.max_bytes:
                self._rotate()
            with open(self.path, "ab", buffering=0) as file:
                file.write(data)
            self.size_bytes += len(data)
            self.said_full = False
        except OSError as error:
            if not self.said_full:
                text = "{file} cannot be written: {cause}. The product goes on without this log."
                say(text, file=self.path, cause=error.strerror)
            self.said_full = True

    def _rotate(self) -> None:
        for number in range(self.kept, 0, -1):
            older = self.path.with_name(f"{self.path.name}.{number}")
            newer = self.path.with_name(f"{self.path.name}.{number - 1}") if number > 1 else self.path
            with contextlib.suppress(FileNotFoundError):
                os.replace(newer, older)
        self.size_bytes = 0


def is_warning(line: str) -> bool:
    """A line with a level, or the line that ends a traceback; the traceback itself stays in the log."""
    return bool(_WARNING.search(line))


def without_time(line: str) -> str:
    return _TIME.sub("", line)


def is_part_of_traceback(line: str) -> bool:
    return line.startswith((" ", "Traceback ", "During handling", "The above exception")) or not line
