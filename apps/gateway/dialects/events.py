"""Server-sent events cut apart and put together, byte for byte."""

from __future__ import annotations

import re
from typing import Any

import msgspec

from apps.common.contract import as_text
from apps.providers.adapters.sse import LONGEST_LINE
from apps.providers.errors import MalformedAnswer

_END_WITH_CR = re.compile(rb"\r\n\r\n|\n\n|\r\r")
# Words of an answer, under whatever name a vendor sends them; what they are does not matter where only their length counts.
_WORDS = re.compile(
    rb'"(?:content|reasoning_content|reasoning|arguments|text|thinking|partial_json|delta)"\s*:\s*"((?:[^"\\]|\\.)*)"'
)
_encode = msgspec.json.Encoder(enc_hook=as_text).encode
_decode = msgspec.json.Decoder().decode


class Cutter:
    """Takes bytes as they come, and gives whole events with the blank line that ends them."""

    __slots__ = ("_rest",)

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        data = self._rest + data if self._rest else data
        if b"\r" in data:
            return self._feed_with_cr(data)
        events = data.split(b"\n\n")
        self._keep(events.pop())
        return [event + b"\n\n" for event in events if event]

    def end(self) -> list[bytes]:
        """The last event, also without its blank line."""
        rest, self._rest = self._rest, b""
        return [rest.rstrip(b"\r\n") + b"\n\n"] if rest.strip() else []

    def _feed_with_cr(self, data: bytes) -> list[bytes]:
        events, begin = [], 0
        for found in _END_WITH_CR.finditer(data):
            if found.start() > begin:
                events.append(data[begin : found.end()])
            begin = found.end()
        self._keep(data[begin:])
        return events

    def _keep(self, rest: bytes) -> None:
        if len(rest) > LONGEST_LINE:
            raise MalformedAnswer("an event without end")
        self._rest = rest


def words_in(event: bytes) -> int:
    """How many bytes of words an event carries."""
    return sum(len(words) for words in _WORDS.findall(event))


def data_of(event: bytes) -> Any:
    """The JSON of an event; None where it has none."""
    at = event.find(b"data:")
    if at < 0:
        return None
    data = event[at + 5 :].strip()
    if b"\ndata:" in data:
        data = b"\n".join(line[5:].strip() for line in event.splitlines() if line.startswith(b"data:"))
    try:
        return _decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def with_field(text: bytes, name: str, value: Any) -> bytes:
    """An object's text, or an event's with one object, with a field added at its end; every other byte stays."""
    at = text.rfind(b"}")
    is_empty = text[:at].rstrip().endswith(b"{")
    return b"%s%s%s:%s%s" % (text[:at], b"" if is_empty else b",", _encode(name), _encode(value), text[at:])


def event_of(data: Any, name: str = "") -> bytes:
    return b"%sdata: %s\n\n" % (f"event: {name}\n".encode() if name else b"", _encode(data))
