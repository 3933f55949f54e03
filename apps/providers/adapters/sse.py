"""Server-sent events, cut out of raw bytes.

Lines end at CR, LF or CRLF and nowhere else. Text decoders that also end lines at U+2028, U+0085 or a form feed
(httpx's `aiter_lines` is one) break JSON that holds these characters, so the bytes are cut first and decoded after.
"""

from __future__ import annotations

import re
from typing import NamedTuple

LONGEST_LINE = 16 * 1024 * 1024  # an image of several megabytes arrives as one line
_LINE_END = re.compile(rb"\r\n|\n|\r")
_BOM = b"\xef\xbb\xbf"
_STRUCTURE = re.compile(rb"[\"\\{}\[\]]")


class LineTooLong(ValueError):
    """A line that does not end within what an answer may take."""


class SseEvent(NamedTuple):
    name: str  # "" when the server gives none
    data: str


class SseParser:
    """Takes bytes as they come and gives the events that are complete."""

    def __init__(self, *, longest_line: int = LONGEST_LINE) -> None:
        self.has_ended = False
        self._longest_line = longest_line
        self._unfinished: list[bytes] = []
        self._unfinished_size = 0
        self._ended_with_cr = False
        self._is_first_line = True
        self._name = ""
        self._data: list[bytes] = []
        self._data_size = 0
        self._bare = JsonObjects(longest=longest_line)

    def feed(self, data: bytes) -> list[SseEvent]:
        if self._ended_with_cr and data.startswith(b"\n"):
            data = data[1:]  # the second half of a CRLF whose first half ended a line already
        self._ended_with_cr = data.endswith(b"\r")
        *ended, rest = _LINE_END.split(data)
        events = [event for line in ended if (event := self._line(self._finish(line)))]
        self._keep(rest)
        return events

    def end(self) -> list[SseEvent]:
        """The last event, also when the server left out the blank line behind it."""
        self.has_ended = True
        events = [self._line(self._finish(b"")), self._dispatch()]
        return [event for event in events if event]

    def _keep(self, piece: bytes) -> None:
        if piece:
            self._unfinished.append(piece)
            self._count(len(piece))

    def _finish(self, last_piece: bytes) -> bytes:
        if not self._unfinished:
            line = last_piece
        else:
            line = b"".join((*self._unfinished, last_piece))
            self._unfinished.clear()
            self._unfinished_size = 0
        if self._is_first_line:
            self._is_first_line = False
            line = line.removeprefix(_BOM)
        return line

    def _count(self, size: int) -> None:
        self._unfinished_size += size
        if self._unfinished_size + self._data_size > self._longest_line:
            raise LineTooLong(f"an event is longer than {self._longest_line} bytes")

    def _line(self, line: bytes) -> SseEvent | None:
        if not line:
            return self._dispatch()
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            if self._bare.is_inside:
                self._bare.forget()
            self._data.append(value)
            self._data_size += len(value)
            self._count(0)
        elif field == b"event":
            self._name = value.decode("utf-8", "replace")
        elif self._bare.is_inside or line.lstrip().startswith(b"{"):
            return next(iter(self._bare.feed(line)), None)  # Google puts errors between events as JSON without a field
        return None  # comments, id, retry and unknown fields say nothing here

    def _dispatch(self) -> SseEvent | None:
        name, data = self._name, self._data
        self._name, self._data, self._data_size = "", [], 0
        if not data:
            return None
        return SseEvent(name, b"\n".join(data).decode("utf-8", "replace"))


class JsonObjects:
    """Cuts whole objects out of JSON that comes in pieces: those of an array, or one that stands alone."""

    def __init__(self, *, longest: int = LONGEST_LINE) -> None:
        self.has_ended = False
        self._longest = longest
        self.forget()

    @property
    def is_inside(self) -> bool:
        """Whether an object has begun and not ended."""
        return self._depth > 0

    def forget(self) -> None:
        """Drops what has begun."""
        self._unfinished: list[bytes] = []
        self._size = self._depth = 0
        self._is_in_string = self._is_escaped = False

    def feed(self, data: bytes) -> list[SseEvent]:
        events = []
        begins, escaped_at = 0, 0 if self._is_escaped else -1
        for found in _STRUCTURE.finditer(data):
            at, mark = found.start(), found[0]
            if at == escaped_at:
                continue
            if self._is_in_string:
                self._is_in_string = mark != b'"'
                escaped_at = at + 1 if mark == b"\\" else -1
            elif mark == b'"':
                self._is_in_string = self.is_inside
            elif mark == b"{" or (mark == b"[" and self.is_inside):
                begins = begins if self.is_inside else at
                self._depth += 1
            elif mark in b"}]" and self.is_inside:
                self._depth -= 1
                if not self._depth:
                    events.append(self._object(data[begins : at + 1]))
        self._is_escaped = escaped_at == len(data)
        if self.is_inside:
            self._keep(data[begins:])
        return events

    def end(self) -> list[SseEvent]:
        """Nothing: an object that has not ended is none."""
        self.has_ended = True
        return []

    def _keep(self, piece: bytes) -> None:
        self._unfinished.append(piece)
        self._size += len(piece)
        if self._size > self._longest:
            raise LineTooLong(f"an object is longer than {self._longest} bytes")

    def _object(self, last_piece: bytes) -> SseEvent:
        whole = b"".join((*self._unfinished, last_piece))
        self._unfinished, self._size = [], 0
        return SseEvent("", whole.decode("utf-8", "replace"))
