"""How fast live messages reach N sockets of one web process, beside the least that a server could do.

One publisher process sends a 1 KB message a second; the server holds N sockets that watch its topic; a third process holds
the other ends and notes when each message came. Prints p50 and p99 of the delay and the server's CPU per delivered message.
"floor" is a bare ASGI application that only sends, in the same run; "layer" is Channels' plain layer (`--kinds`). The load
average says how much of the delay is other people's: three processes share the machine with whatever else runs.
"""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import psutil

PORT = 18_731
TOPIC = "task:bench"
MESSAGE_BYTES = 1_000  # each has a little more
TEXT_FRAME = 1


def serve(kind: str) -> None:
    import uvicorn

    _configure()
    uvicorn.run(APPS[kind](), port=PORT, log_level="error", ws_per_message_deflate=False)


def _configure() -> None:
    import django
    from django.conf import settings

    settings.configure(
        ORQ_HOME=Path(os.environ["ORQ_HOME"]),
        REDIS_URL="",
        CHANNEL_LAYERS={"default": {"BACKEND": "channels.layers.InMemoryChannelLayer"}},
    )
    django.setup()


def _hub_app() -> object:
    from apps.common.consumers import LiveSocket

    class Watcher(LiveSocket):
        async def sign_in(self) -> str:
            return "bench"

        def own_topics(self) -> tuple[str, ...]:
            return (TOPIC,)

    return Watcher.as_asgi()


def _floor_app() -> object:
    """No hub, no consumer, no permissions: one loop that sends the text to every socket, one after another."""
    from apps.common import live

    sockets: set = set()
    state = {"listening": False}

    async def send_all(text: str) -> None:
        for send in tuple(sockets):
            await send({"type": "websocket.send", "text": text})

    async def app(scope: dict, receive: Callable, send: Callable) -> None:
        if not state["listening"]:
            state["listening"] = True
            loop = asyncio.get_running_loop()

            def on_message(packed: bytes) -> None:
                asyncio.run_coroutine_threadsafe(send_all(packed.partition(b"\n")[2].decode()), loop)

            live.wire().listen(on_message, lambda: None)
        await receive()
        await send({"type": "websocket.accept"})
        sockets.add(send)
        while (await receive())["type"] != "websocket.disconnect":
            pass
        sockets.discard(send)

    return app


def _layer_app() -> object:
    """The same with a channel of the layer for each socket. It lives in one process and gets its messages by the wire."""
    from channels.generic.websocket import AsyncWebsocketConsumer
    from channels.layers import get_channel_layer

    from apps.common import live

    class Watcher(AsyncWebsocketConsumer):
        groups = [TOPIC.replace(":", ".")]

        async def live(self, message: dict) -> None:
            await self.send(text_data=json.dumps(message["data"]))

    app = Watcher.as_asgi()
    state = {"listening": False}

    async def listening_app(scope: dict, receive: object, send: object) -> None:
        if not state["listening"]:
            state["listening"] = True
            loop, layer = asyncio.get_running_loop(), get_channel_layer()

            def on_message(packed: bytes) -> None:
                data = json.loads(live.LiveMessage.unpacked(packed).text)
                asyncio.run_coroutine_threadsafe(layer.group_send(TOPIC.replace(":", "."), {"type": "live", "data": data}), loop)

            live.wire().listen(on_message, lambda: None)
        await app(scope, receive, send)

    return listening_app


APPS = {"floor": _floor_app, "hub": _hub_app, "layer": _layer_app}


def publish(seconds: int) -> None:
    _configure()
    from apps.common import live

    for _ in range(seconds):
        live.publish(TOPIC, "task:update", {"event": "text", "sent_at": time.time(), "delta": "x" * 900})
        time.sleep(1)


class Watched(asyncio.Protocol):
    """The other end of one socket: it notes when bytes came, and reads them when all is over, so that a thousand of them in one
    process add next to nothing to what is measured."""

    def __init__(self, opened: asyncio.Semaphore) -> None:
        self._opened = opened
        self._came: list[tuple[float, bytes]] = []
        self._is_open = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        head = f"GET /ws/ HTTP/1.1\r\nhost: 127.0.0.1:{PORT}\r\nupgrade: websocket\r\nconnection: Upgrade\r\n"
        key = base64.b64encode(os.urandom(16)).decode()
        cast(asyncio.Transport, transport).write(f"{head}sec-websocket-key: {key}\r\nsec-websocket-version: 13\r\n\r\n".encode())

    def data_received(self, data: bytes) -> None:
        self._came.append((time.time(), data))
        if not self._is_open:
            self._is_open = True
            self._opened.release()

    @property
    def size(self) -> int:
        return sum(len(data) for _, data in self._came)

    def delays_ms(self) -> list[float]:
        """Of each message, from when it was sent until the last of its bytes had come."""
        delays, held = [], b""
        for came_at, data in self._came:
            held += data
            if held.startswith(b"HTTP/"):
                _, is_whole, rest = held.partition(b"\r\n\r\n")
                held = rest if is_whole else held
            while (frame := _frame(held)) is not None:
                kind, body, held = frame
                if kind == TEXT_FRAME:
                    delays.append((came_at - json.loads(body)["data"]["sent_at"]) * 1000)
        return delays


def _frame(held: bytes) -> tuple[int, bytes, bytes] | None:
    """Kind and body of the first frame, and what follows it; None while it is not whole. A server's frames have no mask."""
    if len(held) < 4:
        return None
    start, length = (4, int.from_bytes(held[2:4])) if held[1] == 126 else (2, held[1])
    if len(held) < start + length:
        return None
    return held[0] & 0x0F, held[start : start + length], held[start + length :]


async def watch(sockets: int, seconds: int, ready: Path) -> list[float]:
    """The delay in ms of every message at every socket."""
    loop, opened = asyncio.get_running_loop(), asyncio.Semaphore(0)
    watched: list[Watched] = []
    for start in range(0, sockets, 50):
        for _ in range(min(50, sockets - start)):
            watched.append((await loop.create_connection(lambda: Watched(opened), "127.0.0.1", PORT))[1])
        for _ in range(min(50, sockets - start)):
            await opened.acquire()
    await asyncio.sleep(1)  # the last ones are being subscribed
    ready.touch()
    deadline = time.monotonic() + seconds + 30
    while time.monotonic() < deadline and min(one.size for one in watched) < seconds * MESSAGE_BYTES:
        await asyncio.sleep(0.5)
    ready.with_name("arrived").touch()
    while not ready.with_name("close").exists():  # what closing costs is not the messages'
        await asyncio.sleep(0.05)
    return [delay for one in watched for delay in one.delays_ms()]


def measure(kind: str, sockets: int, seconds: int) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "ORQ_HOME": home}
        me = [sys.executable, "-m", "scripts.bench.sockets"]
        server = subprocess.Popen([*me, "--serve", kind], env=environment)
        try:
            _wait_for_port(server)
            ready = Path(home) / "ready"
            watcher = subprocess.Popen(
                [*me, "--watch", str(sockets), "--seconds", str(seconds), "--ready", str(ready)],
                stdout=subprocess.PIPE,
                text=True,
            )
            _wait_for(ready, watcher)
            process = psutil.Process(server.pid)
            before = sum(process.cpu_times()[:2])
            subprocess.run([*me, "--publish", str(seconds)], env=environment, check=True)
            _wait_for(ready.with_name("arrived"), watcher)
            cpu_s = sum(process.cpu_times()[:2]) - before
            ready.with_name("close").touch()
            out, _ = watcher.communicate(timeout=60)
        finally:
            server.terminate()
            server.wait()
    delays = json.loads(out)
    delivered = len(delays)
    return {
        "bench": "sockets",
        "kind": kind,
        "sockets": sockets,
        "delivered": delivered,
        "expected": sockets * seconds,
        "p50_ms": round(statistics.median(delays), 1),
        "p99_ms": round(statistics.quantiles(delays, n=100)[98], 1),
        "cpu_us_per_message": round(cpu_s * 1e6 / delivered, 1),
        "load_average": round(os.getloadavg()[0], 1),
    }


def _wait_for(file: Path, watcher: subprocess.Popen) -> None:
    while not file.exists():
        if watcher.poll() is not None:
            raise RuntimeError("The watching process ended before its time.")
        time.sleep(0.05)


def _wait_for_port(server: subprocess.Popen) -> None:
    import socket

    deadline = time.monotonic() + 30
    while server.poll() is None and time.monotonic() < deadline:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", PORT)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError("The server of the benchmark did not start.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sockets", type=int, nargs="+", default=[1000])
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--kinds", nargs="+", default=["floor", "hub"], choices=sorted(APPS))
    parser.add_argument("--rounds", type=int, default=1, help="the kinds take turns, so that a busy minute hits all of them")
    for name in ("--serve", "--watch", "--publish", "--ready"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve:
        serve(asked.serve)
    elif asked.watch:
        print(json.dumps(asyncio.run(watch(int(asked.watch), asked.seconds, Path(asked.ready)))))
    elif asked.publish:
        publish(int(asked.publish))
    else:
        report([row for _round in range(asked.rounds) for row in measured(asked.kinds, asked.sockets, asked.seconds)])


def measured(kinds: list[str], numbers: list[int], seconds: int) -> Iterator[dict[str, object]]:
    for sockets in numbers:
        for kind in kinds:
            row = measure(kind, sockets, seconds)
            print(json.dumps(row), flush=True)
            yield row


def report(rows: list[dict[str, object]]) -> None:
    print(f"\n{'':10}{'sockets':>8}{'delivered':>11}{'p50 ms':>9}{'p99 ms':>9}{'CPU µs/message':>16}{'load':>7}")
    for row in rows:
        figures = f"{row['p50_ms']:>9}{row['p99_ms']:>9}{row['cpu_us_per_message']:>16}{row['load_average']:>7}"
        print(f"{row['kind']:10}{row['sockets']:>8}{row['delivered']:>11}{figures}")


if __name__ == "__main__":
    main()
