"""A server that sends exactly the bytes of a script, cut and delayed as the script says: for what no decent server sends.

    async with BytesServer(reply(SSE, event(...), 0.1, event(...), RESET)) as server:
        ...
Each request gets the next script; the last one serves all that follow. A script is made of bytes, of seconds or asyncio
events to wait for, and of the endings below; without one the connection is closed after the last bytes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import Any

from tests.servers.services import free_port

RESET = object()  # the connection is reset, as by a proxy that dies
HOLD = object()  # nothing more is sent until the client goes away; the moment is kept in `client_gone_at`
KEEP = object()  # the same connection waits for the next request

SSE = {"content-type": "text/event-stream"}
JSON = {"content-type": "application/json"}
HTML = {"content-type": "text/html; charset=utf-8"}


@dataclass
class Request:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)


@dataclass
class BytesServer:
    scripts: tuple[tuple, ...]
    requests: list[Request] = field(default_factory=list)
    connections: int = 0
    client_gone_at: float | None = None

    def __init__(self, *scripts: tuple) -> None:
        self.scripts = scripts
        self.requests = []
        self.connections = 0
        self.client_gone_at = None
        self._gone = asyncio.Event()

    async def __aenter__(self) -> BytesServer:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self._tasks: set[asyncio.Task] = set()
        return self

    async def __aexit__(self, *error: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def wait_until_client_is_gone(self, *, timeout_s: float = 5) -> float:
        """The moment on the clock of time.monotonic."""
        async with asyncio.timeout(timeout_s):
            await self._gone.wait()
        assert self.client_gone_at is not None
        return self.client_gone_at

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        self.connections += 1
        writer.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            # Cancelled only when the test is over; asyncio logs a server task that ends as cancelled.
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
                while await self._one_request(reader, writer):
                    pass
        finally:
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _one_request(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        request = await _read_request(reader)
        script = self.scripts[min(len(self.requests), len(self.scripts) - 1)]
        self.requests.append(request)
        for step in script:
            if isinstance(step, bytes):
                writer.write(step)
                await writer.drain()
            elif isinstance(step, int | float):
                await asyncio.sleep(step)
            elif isinstance(step, asyncio.Event):
                await step.wait()
            elif step is RESET:
                linger = struct.pack("ii", 1, 0)
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
                writer.transport.abort()
                return False
            elif step is HOLD:
                with contextlib.suppress(ConnectionError):
                    await reader.read()
                self.client_gone_at = time.monotonic()
                self._gone.set()
                return False
        return script[-1] is KEEP


def reply(headers: dict[str, str], *steps: Any, status: str = "200 OK") -> tuple:
    """A script whose body ends with the connection, as HTTP/1.0 does: a cut is not to be seen from the framing."""
    return (_head(status, {**headers, "connection": "close"}), *steps)


def whole(headers: dict[str, str], body: Any, *, status: str = "200 OK", keep: bool = False) -> tuple:
    """A script that sends one body with its length. A dict or list is sent as JSON."""
    data = body if isinstance(body, bytes) else body.encode() if isinstance(body, str) else json.dumps(body).encode()
    ending = (KEEP,) if keep else ()
    return (_head(status, {**headers, "content-length": str(len(data))}) + data, *ending)


def chunked(headers: dict[str, str], *steps: Any, ending: object = KEEP) -> tuple:
    """A script whose body is in HTTP chunks, one per bytes step; it is complete unless the ending says otherwise."""
    framed = [b"%x\r\n%s\r\n" % (len(step), step) if isinstance(step, bytes) else step for step in steps]
    last = (b"0\r\n\r\n", KEEP) if ending is KEEP else (ending,)
    return (_head("200 OK", {**headers, "transfer-encoding": "chunked"}), *framed, *last)


def event(data: Any) -> bytes:
    """One server-sent event."""
    return b"data: " + (data if isinstance(data, bytes) else json.dumps(data, ensure_ascii=False).encode()) + b"\n\n"


def words(text: str | None = None, *, finish: str | None = None, **delta: Any) -> dict:
    """One chunk of a chat answer."""
    content = {} if text is None else {"content": text}
    return {"id": "chatcmpl-1", "model": "m", "choices": [{"index": 0, "delta": {**content, **delta}, "finish_reason": finish}]}


def answer(text: str | None, *, finish: str = "stop", **message: Any) -> dict:
    """One whole chat answer."""
    usage = {"prompt_tokens": 3, "completion_tokens": 2}
    choice = {"index": 0, "message": {"role": "assistant", "content": text, **message}, "finish_reason": finish}
    return {"id": "chatcmpl-1", "model": "m", "choices": [choice], "usage": usage}


DONE = b"data: [DONE]\n\n"


def _head(status: str, headers: dict[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode()


async def _read_request(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    first, *lines = head.strip().split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    method, path, _version = first.split(" ")
    return Request(method, path, headers, await reader.readexactly(int(headers.get("content-length", 0))))
