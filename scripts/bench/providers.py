"""What our way to a provider costs over bare httpx: CPU of a plain call and of a 50-token stream, and 500 streams at once.

A server in a process of its own answers like an OpenAI-compatible one, each token in a packet of its own. The same process
asks it bare and through the adapter, in turns, so that both meet the same machine. Only the asking process's CPU counts.
The bare client does the least that gives the same text: it reads lines, parses their JSON and joins the pieces.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Awaitable, Callable

import httpx
import psutil

TOKENS = 50
PORT = 18_741
URL = f"http://127.0.0.1:{PORT}/v1"
BODY = {"model": "bench", "messages": [{"role": "user", "content": "Count."}]}
EXPECTED = "word " * TOKENS
SHAPE = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": "bench"}
USAGE = {"prompt_tokens": 10, "completion_tokens": TOKENS, "total_tokens": TOKENS + 10}
WHOLE = {
    **SHAPE,
    "object": "chat.completion",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": EXPECTED}, "finish_reason": "stop"}],
    "usage": USAGE,
}

Ask = Callable[[], Awaitable[str]]


# ── the server ────────────────────────────────────────────────────────────────────────────────────────────────────
def _event(data: object) -> bytes:
    return f"data: {json.dumps(data)}\n\n".encode()


def _pieces() -> list[bytes]:
    def of(delta: dict, finish: str | None = None) -> bytes:
        return _event({**SHAPE, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})

    words = [of({"content": "word "}) for _ in range(TOKENS)]
    return [*words, of({}, "stop"), _event({**SHAPE, "choices": [], "usage": USAGE}), b"data: [DONE]\n\n"]


PIECES = _pieces()


async def _serve_one(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pause_s: float) -> None:
    """Requests of one connection, one after another."""
    head_end = b"\r\n\r\n"
    try:
        while head := await reader.readuntil(head_end):
            length = next(int(line.split(b":")[1]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
            if json.loads(await reader.readexactly(length)).get("stream"):
                await _stream(writer, pause_s)
            else:
                body = json.dumps(WHOLE).encode()
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
                writer.write(b"content-length: %d\r\n\r\n%s" % (len(body), body))
            await writer.drain()
    except (asyncio.IncompleteReadError, ConnectionError):
        writer.close()


async def _stream(writer: asyncio.StreamWriter, pause_s: float) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
    for piece in PIECES:
        writer.write(b"%x\r\n%s\r\n" % (len(piece), piece))
        await writer.drain()
        await asyncio.sleep(pause_s)  # 0 also lets the bytes out before the next piece
    writer.write(b"0\r\n\r\n")


async def serve(pause_s: float) -> None:
    server = await asyncio.start_server(lambda r, w: _serve_one(r, w, pause_s), "127.0.0.1", PORT, backlog=2048)
    await server.serve_forever()


# ── the two ways of asking ────────────────────────────────────────────────────────────────────────────────────────
def bare(client: httpx.AsyncClient, *, is_stream: bool) -> Ask:
    async def plain() -> str:
        answer = await client.post(f"{URL}/chat/completions", json=BODY)
        return answer.json()["choices"][0]["message"]["content"]

    async def stream() -> str:
        text = []
        async with client.stream("POST", f"{URL}/chat/completions", json={**BODY, "stream": True}) as response:
            async for line in response.aiter_lines():
                if line.startswith("data: {"):
                    choices = json.loads(line[6:])["choices"]
                    text.append(choices[0]["delta"].get("content", "") if choices else "")
        return "".join(text)

    return stream if is_stream else plain


def ours(adapter: object, *, is_stream: bool) -> Ask:
    from apps.providers.contract import ChatRequest, Completion, Message

    request = ChatRequest(model="bench", messages=(Message("user", "Count."),))

    async def plain() -> str:
        return (await adapter.complete(request)).text  # type: ignore[attr-defined]

    async def stream() -> str:
        async for item in adapter.stream(request):  # type: ignore[attr-defined]
            if isinstance(item, Completion):
                return item.text
        raise RuntimeError("no completion")

    return stream if is_stream else plain


# ── measuring ─────────────────────────────────────────────────────────────────────────────────────────────────────
async def cpu_ms(ask: Ask, times: int) -> float:
    """Our CPU for one answer, in ms."""
    began = time.process_time()
    for _ in range(times):
        if await ask() != EXPECTED:
            raise RuntimeError("The answer is not the one that was sent.")
    return (time.process_time() - began) * 1000 / times


async def side_by_side(kind: str, *, is_stream: bool, rounds: int, times: int) -> dict[str, object]:
    adapter = _adapter()
    async with httpx.AsyncClient(timeout=60) as client:
        ways = {"bare": bare(client, is_stream=is_stream), "ours": ours(adapter, is_stream=is_stream)}
        seen: dict[str, list[float]] = {name: [] for name in ways}
        for ask in ways.values():
            await cpu_ms(ask, 20)
        for _ in range(rounds):
            for name, ask in ways.items():
                seen[name].append(await cpu_ms(ask, times))
    await adapter.aclose()  # type: ignore[attr-defined]
    bare_ms, ours_ms = (statistics.median(seen[name]) for name in ("bare", "ours"))
    return {
        "bench": "providers",
        "what": kind,
        "bare_httpx_cpu_ms": round(bare_ms, 3),
        "ours_cpu_ms": round(ours_ms, 3),
        "times": round(ours_ms / bare_ms, 2),
    }


async def at_once(way: str, streams: int) -> dict[str, object]:
    """`streams` answers under way at the same time; in a fresh process, for the memory to be theirs."""
    process = psutil.Process()
    adapter = _adapter() if way == "ours" else None
    limits = httpx.Limits(max_connections=None)
    async with httpx.AsyncClient(timeout=120, limits=limits) as client:
        ask = ours(adapter, is_stream=True) if adapter else bare(client, is_stream=True)
        await ask()
        gc.collect()
        memory_before, cpu_before, began = process.memory_info().rss, time.process_time(), time.monotonic()
        running = [asyncio.ensure_future(ask()) for _ in range(streams)]
        peak = memory_before
        while not all(one.done() for one in running):
            await asyncio.sleep(0.1)
            peak = max(peak, process.memory_info().rss)
        answers = await asyncio.gather(*running, return_exceptions=True)
        took_s, cpu_s = time.monotonic() - began, time.process_time() - cpu_before
    if adapter:
        await adapter.aclose()  # type: ignore[attr-defined]
    return {
        "bench": "providers",
        "what": f"{streams} streams at once, {way}",
        "whole": sum(answer == EXPECTED for answer in answers),
        "lost": sum(answer != EXPECTED for answer in answers),
        "took_s": round(took_s, 2),
        "cpu_ms_per_stream": round(cpu_s * 1000 / streams, 2),
        "memory_kib_per_stream": round((peak - memory_before) / 1024 / streams, 1),
    }


def _adapter() -> object:
    from apps.providers.adapters import make_adapter
    from apps.providers.contract import Connection

    return make_adapter(Connection("openai_compatible", URL, name="bench", allow_private=True))


def _server(pause_s: float) -> subprocess.Popen:
    server = subprocess.Popen([sys.executable, "-m", "scripts.bench.providers", "--serve", str(pause_s)])
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline and server.poll() is None:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", PORT)) == 0:
                return server
        time.sleep(0.05)
    raise RuntimeError("The server of the benchmark did not start.")


def _at_once_in_its_own_process(way: str, streams: int) -> dict[str, object]:
    command = [sys.executable, "-m", "scripts.bench.providers", "--at-once", way, "--streams", str(streams)]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=9)
    for name in ("--serve", "--at-once"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.serve is not None:
        asyncio.run(serve(float(asked.serve)))
        return
    _configure()
    if asked.at_once:
        print(json.dumps(asyncio.run(at_once(asked.at_once, asked.streams))))
        return
    rows = []
    server = _server(0.0)
    try:
        rows.append(asyncio.run(side_by_side("plain call", is_stream=False, rounds=asked.rounds, times=100)))
        rows.append(asyncio.run(side_by_side("stream of 50 tokens", is_stream=True, rounds=asked.rounds, times=40)))
    finally:
        server.kill()
        server.wait()
    server = _server(0.05)  # 50 tokens in 2.5 s and more, as a model would
    try:
        rows += [_at_once_in_its_own_process(way, asked.streams) for way in ("bare", "ours")]
    finally:
        server.kill()
        server.wait()
    for row in rows:
        print(json.dumps(row))
    _print_table(rows)


def _print_table(rows: list[dict[str, object]]) -> None:
    print(f"\n{'CPU per answer':28}{'bare httpx':>12}{'ours':>10}{'times':>8}")
    for row in rows[:2]:
        print(f"{row['what']!s:28}{row['bare_httpx_cpu_ms']!s:>9} ms{row['ours_cpu_ms']!s:>7} ms{row['times']!s:>8}")
    print(f"\n{'':28}{'whole':>8}{'lost':>6}{'took':>9}{'CPU each':>12}{'memory each':>14}")
    for row in rows[2:]:
        print(
            f"{row['what']!s:28}{row['whole']!s:>8}{row['lost']!s:>6}{row['took_s']!s:>7} s"
            f"{row['cpu_ms_per_stream']!s:>9} ms{row['memory_kib_per_stream']!s:>10} KiB"
        )


def _configure() -> None:
    import django
    from django.conf import settings

    settings.configure()
    django.setup()


if __name__ == "__main__":
    main()
