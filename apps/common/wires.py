"""How live messages go from one process to the others: by Unix datagrams on one machine, by Redis between machines.

A wire carries opaque bytes. `send` is called by whoever publishes; `listen` by the hub of a web process, once.
"""

from __future__ import annotations

import asyncio
import errno
import hashlib
import logging
import os
import secrets
import socket
import stat
import struct
import tempfile
import threading
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any, Protocol

from channels.layers import get_channel_layer
from redis.exceptions import RedisError

log = logging.getLogger(__name__)
LONGEST_SOCKET_PATH = 100  # the kernel allows 107 bytes on Linux, 103 on macOS
BUFFER_BYTES = 256 * 1024
PATIENCE_S = 0.05
CATCH_UP_S = 0.1
GROUP = "orq.live"
HEARTBEAT_S = 5.0
RETRY_S = 1.0
FAREWELL_S = 0.5
WAITING_AT_MOST = 10_000

Receive = Callable[[bytes], None]
Gap = Callable[[], None]
Hints = tuple[bytes, ...]


class Wire(Protocol):
    def send(self, packed: bytes, *, hints: Hints) -> None:
        """Takes `packed` to every listening process; where that fails, each of `hints` arrives as soon as it can."""

    def listen(self, on_message: Receive, on_gap: Gap) -> None:
        """Calls `on_message` from a thread of its own; `on_gap` when messages may have been lost."""

    def close(self) -> None: ...


class UnixWire:
    """Every listening process binds a datagram socket in one folder; a sender writes to all that it finds there."""

    def __init__(self, folder: Path) -> None:
        self.folder = _private_folder(folder)
        self._inbox: socket.socket | None = None
        self._inbox_path: Path | None = None
        self._outbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._outbox.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, BUFFER_BYTES)
        self._outbox.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _timeval(PATIENCE_S))
        self._behind: dict[str, set[bytes]] = {}  # path of a process that does not keep up → hints that it is still owed
        self._lock = threading.Lock()

    def send(self, packed: bytes, *, hints: Hints) -> None:
        with os.scandir(self.folder) as entries:
            paths = [entry.path for entry in entries]
        for path in paths:
            if path in self._behind or not self._sent(path, packed, hints):
                self._owe(path, hints)

    def _sent(self, path: str, packed: bytes, hints: Hints = (), *, flags: int = 0) -> bool:
        """False when the other side's queue is full. A socket whose process is gone is removed and counts as sent."""
        try:
            self._outbox.sendto(packed, flags, path)
        except BlockingIOError:
            return False
        except (ConnectionRefusedError, FileNotFoundError):
            Path(path).unlink(missing_ok=True)  # names are never used twice, so this cannot be somebody new
        except OSError as error:
            if error.errno == errno.ENOBUFS:
                return False
            if error.errno == errno.EMSGSIZE and hints:
                return all(self._sent(path, hint, flags=flags) for hint in hints)  # what does not get through is owed, all of it
            log.warning("A live message could not be sent to %s: %s", path, error)
        return True

    def _owe(self, path: str, hints: Hints) -> None:
        with self._lock:
            is_first = not self._behind
            self._behind.setdefault(path, set()).update(hints)
        if is_first:
            threading.Thread(target=self._catch_up, name="live-catch-up", daemon=True).start()

    def _catch_up(self) -> None:
        """Sends the hints that are owed until none is left."""
        while True:
            time.sleep(CATCH_UP_S)
            with self._lock:
                for path, hints in list(self._behind.items()):
                    while hints and self._sent(path, hint := next(iter(hints)), flags=socket.MSG_DONTWAIT):
                        hints.discard(hint)
                    if not hints:
                        del self._behind[path]
                if not self._behind:
                    return

    def listen(self, on_message: Receive, on_gap: Gap) -> None:
        path = self.folder / f"{os.getpid()}.{secrets.token_hex(3)}.sock"
        inbox = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        inbox.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, BUFFER_BYTES)
        inbox.bind(str(path))
        path.chmod(0o600)
        self._inbox, self._inbox_path = inbox, path
        threading.Thread(target=self._read, args=(inbox, on_message), name="live-inbox", daemon=True).start()

    @staticmethod
    def _read(inbox: socket.socket, on_message: Receive) -> None:
        """A thread of its own, because the kernel queues ten datagrams only and the event loop may be busy for longer."""
        while packed := inbox.recv(BUFFER_BYTES):
            try:
                on_message(packed)
            except Exception:
                log.exception("A live message could not be handed on")
        inbox.close()

    def close(self) -> None:
        if self._inbox_path is not None:
            self._outbox.sendto(b"", str(self._inbox_path))  # wakes the reader, who then closes the inbox
            self._inbox_path.unlink(missing_ok=True)
            self._inbox = self._inbox_path = None
        self._outbox.close()


def _private_folder(wanted: Path) -> Path:
    """`wanted`, or where its path is too long for a socket, a short one that only we may enter."""
    folder = wanted
    if len(os.fsencode(wanted)) > LONGEST_SOCKET_PATH - 26:  # leaves room for "/<pid>.<6 hex>.sock"
        digest = hashlib.sha256(os.fsencode(wanted)).hexdigest()[:12]
        folder = Path(tempfile.gettempdir()) / f"orq-{os.getuid()}-{digest}"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
        raise PermissionError(f"{folder} belongs to somebody else; live messages will not go there. Remove it and start again.")
    folder.chmod(0o700)
    return folder


def _timeval(seconds: float) -> bytes:
    """A C `struct timeval`, as SO_SNDTIMEO takes it."""
    return struct.pack("@ll", int(seconds), int(seconds % 1 * 1_000_000))


class LayerWire:
    """Over Channels' layer (Redis): one group with one member a process. An event loop in a thread keeps the order."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._waiting: asyncio.Queue[tuple[bytes, Hints]] = asyncio.Queue()
        self._is_down = False
        self._unsent = 0
        self._lock = threading.Lock()
        self._running: set[asyncio.Task] = set()
        self._layer: Any = get_channel_layer()
        self._thread = threading.Thread(target=self._run, name="live-layer", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._start(self._send_in_order())
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        for task in self._running:
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)
        await self._layer.flush()

    def _start(self, work: Coroutine[Any, Any, None]) -> None:
        task = self._loop.create_task(work)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def send(self, packed: bytes, *, hints: Hints) -> None:
        is_full = self._waiting.qsize() >= WAITING_AT_MOST
        items: list[tuple[bytes, Hints]] = [(hint, (hint,)) for hint in hints] if is_full else [(packed, hints)]
        for item in items:
            with self._lock:
                self._unsent += 1
            self._loop.call_soon_threadsafe(self._waiting.put_nowait, item)

    async def _send_in_order(self) -> None:
        """While Redis is away, only what is owed is kept: a hint for each topic."""
        owed: set[bytes] = set()
        while True:
            packed, hints = await self._waiting.get()
            if owed or not await self._sent(packed):
                owed.update(hints)
            with self._lock:
                self._unsent -= 1
            while owed and self._waiting.empty():
                if await self._sent(first := next(iter(owed))):
                    owed.discard(first)
                else:
                    await asyncio.sleep(RETRY_S)

    async def _sent(self, packed: bytes) -> bool:
        try:
            await self._layer.group_send(GROUP, {"type": "live", "packed": packed})
        except (OSError, RedisError) as error:
            if not self._is_down:
                log.warning("Redis takes no live messages (%s). Pages read again when it is back.", error)
            self._is_down = True
            return False
        self._is_down = False
        return True

    def listen(self, on_message: Receive, on_gap: Gap) -> None:
        self._loop.call_soon_threadsafe(lambda: self._start(self._receive(on_message, on_gap)))

    async def _receive(self, on_message: Receive, on_gap: Gap) -> None:
        channel = await self._join()
        self._start(self._beat(channel))
        beats_heard = 0
        while True:
            message = await self._layer.receive(channel)
            if message["type"] == "beat":
                beats_heard += 1
                if message["number"] != beats_heard:
                    beats_heard = message["number"]
                    on_gap()
                continue
            try:
                on_message(message["packed"])
            except Exception:
                log.exception("A live message could not be handed on")

    async def _join(self) -> str:
        while True:
            try:
                channel: str = await self._layer.new_channel("live.")
                await self._layer.group_add(GROUP, channel)
            except (OSError, RedisError) as error:
                log.warning("Live messages wait for Redis: %s", error)
                await asyncio.sleep(RETRY_S)
            else:
                return channel

    async def _beat(self, channel: str) -> None:
        """Sends numbers to ourselves over the connection that carries the messages: one that is missing tells of a gap."""
        number = 0
        while True:
            await asyncio.sleep(HEARTBEAT_S)
            number += 1
            try:
                await self._layer.send(channel, {"type": "beat", "number": number})
            except (OSError, RedisError):
                continue  # the next number tells

    def close(self) -> None:
        """Gives what was just sent a moment to leave: the process may be about to end."""
        deadline = time.monotonic() + FAREWELL_S
        while self._unsent and not self._is_down and time.monotonic() < deadline:
            time.sleep(0.005)
        if not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._loop.stop)
            self._thread.join(FAREWELL_S)
