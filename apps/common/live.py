"""Live messages: hints that something changed, for the pages that look at it.

The database is the truth. A message may be lost or replaced by a hint to read again, so nobody may act on it alone.
It is serialised once, goes to every web process, and each web process hands the ready text to its own sockets
(`apps.common.hub`). Between processes it travels by Unix datagrams, or by Redis where REDIS_URL is set (`apps.common.wires`).
"""

from __future__ import annotations

import atexit
import functools
import json
import os
import struct
import threading
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder

from apps.common.wires import LayerWire, UnixWire, Wire

MAX_MESSAGE_BYTES = 100_000
_BUNDLE, _LENGTH = b"\0", struct.Struct(">I")  # several messages in one: each behind its length
# What a topic's messages are called.
TYPES = {"task": "task:update", "user": "notification", "team": "team:update", "models": "model:update"}
TYPES |= {"compare": "compare:update", "benchmark": "benchmark:update"}
TYPES |= {"chat": "chat:update", "chatwork": "chat:work"}
TYPES |= {"logs": "logs:lines"}
TYPES |= {"limits": "limits:changed"}


@dataclass(frozen=True, slots=True)
class LiveMessage:
    """`text` is what a socket gets, byte for byte: {"type", "data"}. `topic` says who wants it."""

    topic: str
    type: str
    text: str

    @classmethod
    def of(cls, topic: str, type: str, data: dict[str, Any]) -> LiveMessage:
        text = json.dumps({"type": type, "data": data}, cls=DjangoJSONEncoder, ensure_ascii=False, separators=(",", ":"))
        return cls(topic, type, text)

    @classmethod
    def reload(cls, topic: str, type: str) -> LiveMessage:
        """Instead of a message that was too large or was lost: "read this part again"."""
        return cls.of(topic, type, {"event": "reload", "topic": topic})

    @property
    def data(self) -> dict[str, Any]:
        return json.loads(self.text)["data"]

    def packed(self) -> bytes:
        return f"{self.topic} {self.type}\n{self.text}".encode()

    @classmethod
    def unpacked(cls, packed: bytes) -> LiveMessage:
        head, _, text = packed.decode().partition("\n")
        topic, _, type = head.partition(" ")
        return cls(topic, type, text)


def bundled(packed: Sequence[bytes]) -> bytes:
    """Several packed messages as one, for the wire; a single one stays as it is."""
    if len(packed) == 1:
        return packed[0]
    return _BUNDLE + b"".join(_LENGTH.pack(len(one)) + one for one in packed)


def unbundled(packed: bytes) -> Iterator[bytes]:
    """The packed messages that a wire brought in one."""
    if not packed.startswith(_BUNDLE):
        yield packed
        return
    at = len(_BUNDLE)
    while at < len(packed):
        (length,) = _LENGTH.unpack_from(packed, at)
        at += _LENGTH.size
        yield packed[at : at + length]
        at += length


def type_of(topic: str) -> str:
    return TYPES[topic.partition(":")[0]]


_opening = threading.Lock()


@functools.cache
def _wire() -> Wire:
    made = LayerWire() if settings.REDIS_URL else UnixWire(settings.ORQ_HOME / "run" / "live")
    atexit.register(made.close)
    return made


def wire() -> Wire:
    """How messages leave and reach this process."""
    with _opening:  # several threads may publish first
        return _wire()


os.register_at_fork(after_in_child=_wire.cache_clear)  # sockets and threads stay with the parent


def publish(topic: str, type: str, data: dict[str, Any]) -> None:
    """Tells every page that watches `topic` ("task:<uuid>", "user:<uuid>", "team:<uuid>", "models:<uuid of the team>").

    Callable from sync code, async code and threads. Waits at most 50 ms for a web process that is behind, and only once
    until it has caught up. Without listeners nothing happens. Inside a transaction, call it by `transaction.on_commit`.
    """
    publish_together([LiveMessage.of(topic, type, data)])


def publish_together(messages: Iterable[LiveMessage]) -> None:
    """The same for several messages, in their order and in as few turns as they fit in.

    For whoever says much at once: what a message costs is the turn, on both sides, and hardly its length.
    """
    turn: list[tuple[bytes, bytes]] = []
    size = 0
    for message in messages:
        packed, hint = message.packed(), LiveMessage.reload(message.topic, type_of(message.topic)).packed()
        packed = hint if len(packed) > MAX_MESSAGE_BYTES else packed
        if turn and size + len(packed) > MAX_MESSAGE_BYTES:
            _send(turn)
            turn, size = [], 0
        turn.append((packed, hint))
        size += len(packed)
    if turn:
        _send(turn)


def _send(turn: list[tuple[bytes, bytes]]) -> None:
    hints = tuple(dict.fromkeys(hint for _packed, hint in turn))
    wire().send(bundled([packed for packed, _hint in turn]), hints=hints)
