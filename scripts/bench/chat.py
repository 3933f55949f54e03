"""How much later a word is before a reader than its provider sent it: N chats at once through worker, live wire and socket.

The provider's words are times. A reader that asks the provider itself, without the product, is the floor; what the product
adds is the difference. Each part is a process of its own, as in the product: provider, worker, web server, readers.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from scripts.bench._pacer import WIDTH
from scripts.environment import ROOT

PROVIDER_PORT, WEB_PORT = 18_741, 18_742
PATIENCE_S = 120.0
ENDS = ("complete", "stopped", "failed")


# ── What is measured ──────────────────────────────────────────────────────────────────────────────────────────────────
Word = tuple[float, float]  # when it was sent, and after how many ms it came


async def direct(streams: int) -> list[Word]:
    """Every word at readers of the provider itself."""
    import aiohttp

    async def one(session: aiohttp.ClientSession) -> list[Word]:
        words: list[Word] = []
        body = {"model": "pacer", "stream": True, "messages": [{"role": "user", "content": "Go."}]}
        async with session.post(f"http://127.0.0.1:{PROVIDER_PORT}/v1/chat/completions", json=body) as answer:
            async for line in answer.content:
                came_at = time.time()
                if line.startswith(b"data: {"):
                    choices = json.loads(line[6:])["choices"]
                    words += _words(choices[0]["delta"].get("content", "") if choices else "", came_at)
        return words

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        return [word for found in await asyncio.gather(*(one(session) for _ in range(streams))) for word in found]


async def through(people: list[tuple[str, str]]) -> dict[str, Any]:
    """The same at sockets of the product, one for each person, given by their token and their conversation."""
    import websockets

    async def one(token: str, conversation: str) -> tuple[list[Word], float, int, int]:
        words: list[Word] = []
        headers = {"Authorization": f"Bearer {token}"}
        address = f"ws://127.0.0.1:{WEB_PORT}/ws/"
        async with websockets.connect(address, additional_headers=headers, compression=None, open_timeout=60) as line:
            await line.send(json.dumps({"type": "chat:history", "data": {"conversation_id": conversation}}))
            opened.release()
            await begin.wait()
            asked_at, first_ms, messages, gaps, seen, message_id = time.time(), 0.0, 0, 0, 0, ""
            is_resuming = has_lost = False
            await line.send(json.dumps({"type": "chat:send", "data": {"conversation_id": conversation, "content": "Go."}}))
            while True:
                said = json.loads(await line.recv())
                came_at = time.time()
                data = said.get("data", {})
                if said["type"] == "chat:sent":
                    message_id = data["answer"]["id"]
                is_gap = said["type"] == "chat:streaming" and data["at"] > seen and not is_resuming
                has_lost = has_lost or is_gap or data.get("event") == "reload"
                if has_lost and message_id:  # as a page does: what was lost is asked for
                    has_lost, is_resuming, gaps = False, True, gaps + 1
                    await line.send(json.dumps({"type": "chat:resume", "data": {"message_id": message_id, "seq": seen}}))
                elif said["type"] in ("chat:streaming", "chat:resumed") and data["at"] <= seen < data["at"] + len(data["delta"]):
                    first_ms = first_ms or (came_at - asked_at) * 1000
                    messages += 1
                    words += _words(data["delta"][seen - data["at"] :], came_at)
                    seen = data["at"] + len(data["delta"])
                is_resuming = is_resuming and said["type"] != "chat:resumed"
                if said["type"] == "chat:done" or (said["type"] == "chat:resumed" and data["status"] in ENDS):
                    return words, first_ms, messages, gaps

    opened, begin = asyncio.Semaphore(0), asyncio.Event()
    tasks = [asyncio.create_task(one(*person)) for person in people]
    for _ in tasks:
        await opened.acquire()
    begin.set()
    async with asyncio.timeout(PATIENCE_S):
        found = await asyncio.gather(*tasks)
    return {
        "words": [word for words, *_ in found for word in words],
        "all_run_from": max(sent_at + delay / 1000 for words, *_ in found for sent_at, delay in words[:1]),
        "first_ms": [first for _words, first, *_ in found],
        "messages": sum(messages for _words, _first, messages, _gaps in found),
        "gaps": sum(gaps for *_, gaps in found),
    }


def _words(text: str, came_at: float) -> list[Word]:
    sent = [float(text[at : at + WIDTH]) for at in range(0, len(text) - WIDTH + 1, WIDTH)]
    return [(sent_at, (came_at - sent_at) * 1000) for sent_at in sent]


# ── The product around it ─────────────────────────────────────────────────────────────────────────────────────────────
def furnish(streams: int) -> dict[str, Any]:
    """A team with a model at the provider, and a person with a conversation for each stream."""
    import django

    django.setup()
    from django.core.management import call_command
    from rest_framework_simplejwt.tokens import AccessToken

    from apps.accounts.actor import Actor
    from apps.accounts.models import Membership, Team, User
    from apps.chat import services
    from apps.providers.models import AIModel, Provider

    call_command("migrate", verbosity=0)
    team = Team.objects.create(name="Bench")
    users = [User.objects.create_user(f"bench{number}@example.org", "correct-horse-9") for number in range(streams)]
    Membership.objects.bulk_create(Membership(user=user, team=team, role="owner") for user in users)
    url = f"http://127.0.0.1:{PROVIDER_PORT}/v1"
    about = {"name": "pacer", "display_name": "Pacer", "kind": "openai_compatible", "base_url": url}
    provider = Provider.objects.create(team=team, owner=users[0], allows_private_address=True, **about)
    prices = {"price_input": 0, "price_output": 0}
    model = AIModel.objects.create(provider=provider, key="pacer", family="pacer", capabilities=["chat"], **prices)
    made = [services.conversation_create(Actor(user, team, "owner"), model=model) for user in users]
    tokens = [str(AccessToken.for_user(user)) for user in users]
    return {"people": [(token, str(row.public_id)) for token, row in zip(tokens, made, strict=True)]}


def measure(streams: int, pieces: int, per_second: float) -> dict[str, Any]:
    me = [sys.executable, "-m", "scripts.bench.chat"]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as home:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORQ_", "DJANGO_", "DATABASE"))}
        environment = {**kept, "ORQ_HOME": home, "DJANGO_SETTINGS_MODULE": "orquestrador.settings", "ORQ_LOG_LEVEL": "ERROR"}
        pacer = [sys.executable, "-m", "scripts.bench._pacer", str(PROVIDER_PORT), str(pieces), str(per_second)]
        celery = "-m celery -A orquestrador worker -P threads -c 8 --without-gossip --without-mingle -l error"
        web = f"-m uvicorn orquestrador.asgi:application --port {WEB_PORT} --log-level error"
        running = [subprocess.Popen(pacer, cwd=ROOT)]
        try:
            made = _said([*me, "--furnish", str(streams)], environment)
            log = open(Path(home) / "log", "ab")  # noqa: SIM115 - ends with the processes that write it
            for command in (celery, web):
                command_line = [sys.executable, *command.split()]
                running.append(subprocess.Popen(command_line, cwd=ROOT, env=environment, stdout=log, stderr=log))
            for port in (PROVIDER_PORT, WEB_PORT):
                _wait_for_port(port, running)
            floor = _said([*me, "--direct", str(streams)], environment)
            (Path(home) / "made.json").write_text(json.dumps(made))
            _said([*me, "--through", str(Path(home) / "made.json"), "--only", "1"], environment)  # the first is never typical
            before = [_cpu_s(process) for process in running[1:]]
            seen = _said([*me, "--through", str(Path(home) / "made.json")], environment)
            spent = [_cpu_s(process) - was for process, was in zip(running[1:], before, strict=True)]
        finally:
            for process in reversed(running):
                process.terminate()
            for process in running:
                process.wait()
    return _row(streams, per_second, floor, seen, spent)


def _row(streams: int, per_second: float, floor: list[Word], seen: dict[str, Any], spent: list[float]) -> dict[str, Any]:
    """`running_…`: of words that were sent when every stream ran; the others also waited while chats were being begun."""
    delays, floor_ms = [delay for _, delay in seen["words"]], [delay for _, delay in floor]
    running = [delay for sent_at, delay in seen["words"] if sent_at > seen["all_run_from"]]
    return {
        "bench": "chat",
        "streams": streams,
        "words_per_second": per_second,
        "words": len(delays),
        "messages": seen["messages"],
        "gaps": seen["gaps"],
        "floor_p50_ms": _quantile(floor_ms, 50),
        "floor_p99_ms": _quantile(floor_ms, 99),
        "p50_ms": _quantile(delays, 50),
        "p99_ms": _quantile(delays, 99),
        "added_p50_ms": round(_quantile(delays, 50) - _quantile(floor_ms, 50), 1),
        "added_p99_ms": round(_quantile(delays, 99) - _quantile(floor_ms, 99), 1),
        "running_words": len(running),
        "running_added_p50_ms": round(_quantile(running, 50) - _quantile(floor_ms, 50), 1),
        "running_added_p99_ms": round(_quantile(running, 99) - _quantile(floor_ms, 99), 1),
        "first_word_p50_ms": round(statistics.median(seen["first_ms"])),
        "worker_cpu_s": round(spent[0], 1),
        "web_cpu_s": round(spent[1], 1),
    }


def _quantile(values: list[float], percent: int) -> float:
    return round(statistics.quantiles(values, n=100)[percent - 1], 1)


def _cpu_s(process: subprocess.Popen[bytes]) -> float:
    return sum(psutil.Process(process.pid).cpu_times()[:2])


def _said(command: list[str], environment: dict[str, str]) -> Any:
    done = subprocess.run(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


def _wait_for_port(port: int, running: list[subprocess.Popen[bytes]]) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if any(process.poll() is not None for process in running):
            raise RuntimeError("A process of the benchmark ended early.")
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise RuntimeError(f"Nobody listens at port {port}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--streams", type=int, nargs="+", default=[1, 100])
    parser.add_argument("--seconds", type=int, default=15)
    parser.add_argument("--words-per-second", type=float, default=20.0)
    for name in ("--furnish", "--direct", "--through", "--only"):
        parser.add_argument(name, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.furnish:
        print(json.dumps(furnish(int(asked.furnish))))
    elif asked.direct:
        print(json.dumps(asyncio.run(direct(int(asked.direct)))))
    elif asked.through:
        made = json.loads(Path(asked.through).read_text())
        people = made["people"][: int(asked.only)] if asked.only else made["people"]
        print(json.dumps(asyncio.run(through(people))))
    else:
        pieces = round(asked.seconds * asked.words_per_second)
        rows = [measure(streams, pieces, asked.words_per_second) for streams in asked.streams]
        for row in rows:
            print(json.dumps(row))
        heads = ("streams", 8), ("floor p50", 11), ("p99", 7), ("reader p50", 12), ("p99", 7), ("added p50", 11), ("p99", 7)
        print("\n" + "".join(f"{word:>{width}}" for word, width in (*heads, ("all run", 11), ("p99", 7))) + "  (ms)")
        for row in rows:
            print(
                f"{row['streams']:>8}{row['floor_p50_ms']:>11}{row['floor_p99_ms']:>7}{row['p50_ms']:>12}{row['p99_ms']:>7}"
                f"{row['added_p50_ms']:>11}{row['added_p99_ms']:>7}{row['running_added_p50_ms']:>11}{row['running_added_p99_ms']:>7}"
            )


if __name__ == "__main__":
    main()
