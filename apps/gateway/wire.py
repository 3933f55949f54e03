"""A request and its answer as ASGI gives and takes them, and nothing more."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from apps.gateway.ids import new_id

Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
JSON = b"application/json"
EVENTS = b"text/event-stream; charset=utf-8"


class Gone(Exception):
    """The client went away before its request was whole."""


class Overlong(Exception):
    """The body is longer than was allowed."""


class Exchange:
    """One request, and the way back. `request_id` is in the head of every answer."""

    __slots__ = (
        "_headers",
        "_receive",
        "_send",
        "_watch",
        "_watched",
        "client_left",
        "has_begun",
        "method",
        "path",
        "request_id",
    )

    def __init__(self, scope: Mapping[str, Any], receive: Receive, send: Send) -> None:
        self.method: str = scope["method"]
        self.path: str = scope["path"]
        self.request_id = f"req_{new_id().hex}"
        self.has_begun = self.client_left = False
        self._watch: asyncio.Task[None] | None = None
        self._watched: asyncio.Task[Any] | None = None
        self._headers = scope["headers"]
        self._receive, self._send = receive, send

    def header(self, name: bytes) -> str:
        """The first of this name, given in lower case; "" without one."""
        for key, value in self._headers:
            if key == name:
                return value.decode("latin-1")
        return ""

    async def body(self, most: int) -> bytes:
        """The whole body. Raises Overlong and Gone."""
        length = self.header(b"content-length")
        if length.isdigit() and int(length) > most:
            raise Overlong
        message = await self._receive()
        if message["type"] == "http.disconnect":
            raise Gone
        body: bytes = message.get("body", b"")
        if not message.get("more_body"):
            if len(body) > most:
                raise Overlong
            return body
        parts, size = [body], len(body)
        while message.get("more_body"):
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise Gone
            parts.append(message.get("body", b""))
            size += len(parts[-1])
            if size > most:
                raise Overlong
        return b"".join(parts)

    def watch(self) -> None:
        """From now on the task that calls this is cancelled when the client leaves. After the body was read."""
        self._watched = asyncio.current_task()
        _lookout.take(self)

    def look(self) -> None:
        """The lookout's: this has lasted long enough that its client may leave before its end."""
        if self._watched is not None and self._watch is None:
            self._watch = asyncio.get_running_loop().create_task(self._cancel_when_left(self._watched))

    def stop_watching(self) -> None:
        self._watched = None
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None

    async def _cancel_when_left(self, task: asyncio.Task[Any]) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.client_left = True
        task.cancel()

    async def answer(self, status: int, body: bytes, headers: list[tuple[bytes, bytes]], *, content_type: bytes = JSON) -> None:
        """A whole answer."""
        self.has_begun = True
        head = [
            (b"content-type", content_type),
            (b"content-length", str(len(body)).encode()),
            (b"x-request-id", self.request_id.encode()),
            *headers,
        ]
        await self._send({"type": "http.response.start", "status": status, "headers": head})
        self.stop_watching()  # ASGI calls the end of an answer a disconnect, too
        await self._send({"type": "http.response.body", "body": body})

    async def stream(self, produce: Callable[[Outbox], Awaitable[None]], headers: list[tuple[bytes, bytes]]) -> None:
        """Send what `produce` puts into the outbox, beginning with its first piece. Raises what `produce` raises.

        Where that is before the first piece, nothing has been sent. Whoever leaves early cancels `produce`, and it is waited for.
        """
        outbox = Outbox()
        producing = asyncio.ensure_future(_closing(produce, outbox))
        try:
            while (data := await outbox.take()) is not None:
                if not self.has_begun:
                    await self.begin(headers)
                await self.write(data)
            await producing
            await self.end()
        finally:
            if not producing.done():
                producing.cancel()
                await asyncio.gather(producing, return_exceptions=True)

    async def begin(self, headers: list[tuple[bytes, bytes]]) -> None:
        """The head of a stream of events."""
        self.has_begun = True
        head = [
            (b"content-type", EVENTS),
            (b"cache-control", b"no-cache"),
            (b"x-accel-buffering", b"no"),
            (b"x-request-id", self.request_id.encode()),
            *headers,
        ]
        await self._send({"type": "http.response.start", "status": 200, "headers": head})

    async def write(self, data: bytes) -> None:
        """Returns when there is room for more, so a reader that is slow is waited for, by nobody else."""
        await self._send({"type": "http.response.body", "body": data, "more_body": True})

    async def end(self) -> None:
        self.stop_watching()
        await self._send({"type": "http.response.body", "body": b""})


class Lookout:
    """Begins to watch for clients that leave, some milliseconds after their requests were read.

    Most answers are there by then. A task for each of them, begun and cancelled, would cost more than reading the request.
    """

    AFTER_S = 0.05

    def __init__(self) -> None:
        self._waiting: list[Exchange] = []
        self._loop: asyncio.AbstractEventLoop | None = None

    def take(self, exchange: Exchange) -> None:
        loop = asyncio.get_running_loop()
        if not self._waiting or self._loop is not loop:
            self._waiting, self._loop = [], loop
            loop.call_later(self.AFTER_S, self._look, loop)
        self._waiting.append(exchange)

    def _look(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._loop is loop:
            waiting, self._waiting = self._waiting, []
            for exchange in waiting:
                exchange.look()


_lookout = Lookout()


async def _closing(produce: Callable[[Outbox], Awaitable[None]], outbox: Outbox) -> None:
    try:
        await produce(outbox)
    finally:
        outbox.close()


class Outbox:
    """What goes to one reader, at the reader's pace: whoever puts something in does not wait for it to be taken out.

    So an answer is read from its AI as fast as that gives it, and place, connection and accounting are free at its end,
    whatever the reader does.
    """

    __slots__ = ("_is_closed", "_parts", "_wake")

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._wake: asyncio.Future[None] | None = None
        self._is_closed = False

    def put(self, data: bytes) -> None:
        self._parts.append(data)
        self._ring()

    def close(self) -> None:
        self._is_closed = True
        self._ring()

    async def take(self) -> bytes | None:
        """All that is there, in one piece; None at the end."""
        while not self._parts:
            if self._is_closed:
                return None
            self._wake = asyncio.get_running_loop().create_future()
            await self._wake
        data = b"".join(self._parts) if len(self._parts) > 1 else self._parts[0]
        self._parts.clear()
        return data

    def _ring(self) -> None:
        if self._wake is not None and not self._wake.done():
            self._wake.set_result(None)
