"""The one place of a web process where live messages arrive, and from where they go to its own sockets by topic."""

from __future__ import annotations

import asyncio
import functools
import logging
import os
import queue
import threading
import time
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any

from django.db import DatabaseError

from apps.common import live
from apps.common.db import close_idle_connections
from apps.common.errors import OrquestradorError
from apps.common.live import LiveMessage

log = logging.getLogger(__name__)

READ_EVERY_S = 0.08  # hints of this while are read together
WAITING_AT_MOST = 256  # texts for one slow socket; after that it is told to read again


Send = Callable[[str], Coroutine[Any, Any, None]]
Reader = Callable[[str, list[dict[str, Any]]], list[LiveMessage]]
_readers: dict[str, Reader] = {}


def read_on(type: str, reader: Reader) -> None:
    """Messages of `type` are hints that something changed: `reader(topic, hints)` gives what listeners are told instead."""
    _readers[type] = reader


def _read(topic: str, type: str, hints: list[dict[str, Any]]) -> list[LiveMessage]:
    try:
        return _readers[type](topic, hints)
    except (DatabaseError, OrquestradorError) as error:
        log.warning("reading for the listeners of %s failed: %s", topic, error)
    except Exception:  # a bug in one reader must not end the thread that reads for everybody
        log.exception("reading for the listeners of %s failed", topic)
    finally:
        close_idle_connections()
    return [LiveMessage.reload(topic, live.type_of(topic))]


class Listener:
    """What waits for one socket. All but `Hub` use it in the event loop it was made in.

    With `send` it hands each text over itself, at once and without a task of its own: waking one for each message costs more
    than the sending. What a slow socket cannot take waits. Without it somebody asks for the `next` text.
    """

    __slots__ = ("_is_sending", "_lost", "_send", "_texts", "_waiting_at_most", "_wake", "loop", "topics")

    def __init__(self, *, send: Send | None = None, waiting_at_most: int = WAITING_AT_MOST) -> None:
        self.loop = asyncio.get_running_loop()
        self.topics: set[str] = set()
        self._texts: deque[str] = deque()
        self._lost: dict[str, str] = {}  # topic → type, of messages that found the queue full
        self._waiting_at_most = waiting_at_most
        self._wake: asyncio.Future[None] | None = None
        self._send = send
        self._is_sending = False

    def put(self, message: LiveMessage) -> None:
        if self._send is not None and not self._is_sending and not self._lost and not self._texts:
            self._go_on(self._send(message.text))
            return
        if self._lost or len(self._texts) >= self._waiting_at_most:
            self._lost[message.topic] = message.type
        else:
            self._texts.append(message.text)
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)

    async def next(self) -> str:
        """The next text; once a queue that overflowed is empty, a hint for each topic that lost something."""
        while not self._texts and not self._lost:
            self._wake = self.loop.create_future()
            await self._wake
        return self._first()

    def close(self) -> None:
        """Nothing more is sent."""
        self._send = None
        self._texts.clear()
        self._lost.clear()

    def _first(self) -> str:
        if self._texts:
            return self._texts.popleft()
        topic, type = self._lost.popitem()
        return LiveMessage.reload(topic, type).text

    def _go_on(self, sending: Coroutine[Any, Any, None]) -> None:
        """Send, and then what has come meanwhile. A socket that takes no more for now is gone on with when it does."""
        self._is_sending = True
        while True:
            try:
                waits_for = sending.send(None)
            except StopIteration:
                pass
            except OSError:  # the other side has left; its own end of the socket says goodbye
                self.close()
            except Exception:
                log.exception("a live message could not be handed on")
            else:
                self._go_on_after(waits_for, sending)
                return
            if self._send is None or not (self._texts or self._lost):
                self._is_sending = False
                return
            sending = self._send(self._first())

    def _go_on_after(self, waits_for: Any, sending: Coroutine[Any, Any, None]) -> None:
        """As a task would: what it waits for is a future, or nothing where it only lets others go first."""
        if waits_for is None:
            self.loop.call_soon(self._go_on, sending)
            return
        waits_for._asyncio_future_blocking = False
        waits_for.add_done_callback(lambda _done: self._go_on(sending))


class Hub:
    """Listeners by topic. `deliver` runs in the wire's thread, the rest in event loops."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._listeners: dict[str, set[Listener]] = {}
        self._to_read: queue.SimpleQueue[LiveMessage] = queue.SimpleQueue()
        threading.Thread(target=self._read_for_listeners, name="orq-live-reader", daemon=True).start()
        live.wire().listen(self.deliver, self.reload_all)

    def subscribe(self, listener: Listener, topic: str) -> None:
        with self._lock:
            self._listeners.setdefault(topic, set()).add(listener)
        listener.topics.add(topic)

    def unsubscribe(self, listener: Listener, topic: str) -> None:
        with self._lock:
            of_topic = self._listeners.get(topic, set())
            of_topic.discard(listener)
            if not of_topic:
                self._listeners.pop(topic, None)
        listener.topics.discard(topic)

    def leave(self, listener: Listener) -> None:
        for topic in tuple(listener.topics):
            self.unsubscribe(listener, topic)

    def deliver(self, packed: bytes) -> None:
        """What the wire brought: one message, or several, which then go to each event loop together."""
        wanted: list[tuple[Listener, LiveMessage]] = []
        for one in live.unbundled(packed):
            topic = one[: one.index(b" ")].decode()
            if not (listeners := self._listening(topic)):
                continue
            message = LiveMessage.unpacked(one)
            if message.type in _readers:
                self._to_read.put(message)
            else:
                wanted += [(listener, message) for listener in listeners]
        self._hand_over(wanted)

    def _listening(self, topic: str) -> tuple[Listener, ...]:
        with self._lock:
            return tuple(self._listeners.get(topic, ()))

    def _read_for_listeners(self) -> None:
        """In a thread of its own: reads what is said to have changed, once for all who listen, and hands it over."""
        while True:
            for (topic, type), data in self._gathered().items():
                if listeners := self._listening(topic):
                    messages = _read(topic, type, data)
                    self._hand_over([(listener, message) for message in messages for listener in listeners])

    def _gathered(self) -> dict[tuple[str, str], list[dict[str, Any]]]:
        """The hints of a short while, by topic: ten changes within it are read once."""
        gathered: dict[tuple[str, str], list[dict[str, Any]]] = {}
        message: LiveMessage | None = self._to_read.get()
        time.sleep(READ_EVERY_S)
        while message is not None:
            gathered.setdefault((message.topic, message.type), []).append(message.data)
            message = None if self._to_read.empty() else self._to_read.get()
        return gathered

    def reload_all(self) -> None:
        """Messages may have been lost on the way: everybody reads again."""
        with self._lock:
            topics = {topic: tuple(listeners) for topic, listeners in self._listeners.items()}
        for topic, listeners in topics.items():
            message = LiveMessage.reload(topic, live.type_of(topic))
            self._hand_over([(listener, message) for listener in listeners])

    @staticmethod
    def _hand_over(wanted: list[tuple[Listener, LiveMessage]]) -> None:
        by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Listener, LiveMessage]]] = {}
        for listener, message in wanted:
            by_loop.setdefault(listener.loop, []).append((listener, message))
        for loop, here in by_loop.items():
            if not loop.is_closed():
                loop.call_soon_threadsafe(_put_all, here)


def _put_all(here: list[tuple[Listener, LiveMessage]]) -> None:
    """All in one turn of the loop: in several, a later message could come first."""
    for listener, message in here:
        listener.put(message)


@functools.cache
def hub() -> Hub:
    """The hub of this process, opened by its first socket: a worker that only publishes has none."""
    return Hub()


os.register_at_fork(after_in_child=hub.cache_clear)
