"""What the gateway costs: side by side with the least that a forwarder can do, and with LiteLLM where it is installed.

One process each, the same upstream that answers at once, the same run. Ours has its keys, a budget in force and usage rows
on; all rows are counted afterwards. `--litellm FOLDER` names the bin folder of an environment with `litellm[proxy]`, which is
never a part of the product. Look at the load average that is printed: on a busy machine the figures say little.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from scripts.bench.providers import PORT as UPSTREAM_PORT
from scripts.bench.providers import _server as upstream_server

ROOT = Path(__file__).parent.parent.parent
UPSTREAM = f"http://127.0.0.1:{UPSTREAM_PORT}/v1"
PORTS = {"direct": UPSTREAM_PORT, "forwarder": 18_742, "orquestrador": 18_743, "litellm": 18_744}
CLIENTS = (1, 8, 32)
LITELLM_KEY = "sk-bench"  # it does not start without one
QUESTION = [{"role": "user", "content": "Count."}]


# ── asking ────────────────────────────────────────────────────────────────────────────────────────────────────────
class Asker:
    """One connection that asks again and again, with as little work of its own as can be."""

    def __init__(self, port: int, key: str, model: str, *, is_stream: bool) -> None:
        body = json.dumps({"model": model, "messages": QUESTION, "max_tokens": 100, **({"stream": True} if is_stream else {})})
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {key}\r\n"
        self._request = f"{head}content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n{body}".encode()
        self._port = port
        self.took_ms: list[float] = []
        self.first_ms: list[float] = []

    async def run(self, until: float) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=2**20)
        while time.monotonic() < until:
            began = time.perf_counter()
            writer.write(self._request)
            head = await reader.readuntil(b"\r\n\r\n")
            if b" 200 " not in head.split(b"\r\n")[0]:
                raise RuntimeError(f"not answered: {head!r} {await reader.read(2000)!r}")
            await self._read_body(reader, head.lower(), began)
            self.took_ms.append((time.perf_counter() - began) * 1000)
        writer.close()

    async def _read_body(self, reader: asyncio.StreamReader, head: bytes, began: float) -> None:
        if b"content-length:" in head:
            await reader.readexactly(int(head.split(b"content-length:")[1].split(b"\r\n")[0]))
            return
        is_first = True
        while size := int(await reader.readuntil(b"\r\n"), 16):
            await reader.readexactly(size + 2)
            if is_first:
                self.first_ms.append((time.perf_counter() - began) * 1000)
                is_first = False
        await reader.readexactly(2)


async def load(port: int, key: str, model: str, *, clients: int, seconds: float, is_stream: bool = False) -> list[Asker]:
    askers = [Asker(port, key, model, is_stream=is_stream) for _ in range(clients)]
    until = time.monotonic() + seconds
    await asyncio.gather(*(asker.run(until) for asker in askers))
    return askers


def measured(
    who: str, process: psutil.Process, key: str, model: str, *, clients: int, seconds: float, is_stream: bool
) -> dict[str, object]:
    """Figures of one way, with one number of clients."""
    asyncio.run(load(PORTS[who], key, model, clients=clients, seconds=min(1.0, seconds), is_stream=is_stream))
    before, began = _cpu_s(process), time.monotonic()
    askers = asyncio.run(load(PORTS[who], key, model, clients=clients, seconds=seconds, is_stream=is_stream))
    took_s = time.monotonic() - began
    took = sorted(ms for asker in askers for ms in asker.took_ms)
    first = [ms for asker in askers for ms in asker.first_ms]
    return {
        "bench": "gateway",
        "who": who,
        "what": "stream of 50 tokens" if is_stream else "whole answer",
        "clients": clients,
        "per_s": round(len(took) / took_s, 1),
        "cpu_ms": round((_cpu_s(process) - before) * 1000 / len(took), 3),
        "p50_ms": round(statistics.median(took), 3),
        "p99_ms": round(took[int(len(took) * 0.99)], 3),
        "first_ms": round(statistics.median(first), 3) if first else None,
        "rss_mb": round(process.memory_info().rss / 1e6, 1),
        "answers": len(took),
    }


def _cpu_s(process: psutil.Process) -> float:
    times = process.cpu_times()
    return times.user + times.system


# ── the three ways ────────────────────────────────────────────────────────────────────────────────────────────────
@contextmanager
def served(command: list[str], port: int, environment: dict[str, str]) -> Iterator[psutil.Process]:
    running = subprocess.Popen(command, cwd=ROOT, env={**os.environ, **environment})
    try:
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and running.poll() is None:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                time.sleep(0.1)
        else:
            raise RuntimeError(f"{command[0]} did not start")
        yield psutil.Process(running.pid)
    finally:
        running.terminate()
        running.wait()


def uvicorn(application: str, port: int) -> list[str]:
    quiet = ["--no-access-log", "--no-server-header", "--no-proxy-headers", "--log-level", "warning"]  # as `orq up` has it
    return [sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(port), *quiet, application]


@contextmanager
def ours() -> Iterator[tuple[dict[str, str], str]]:
    """A home of its own with a provider, a model with a price, a key and a budget; gives environment and key."""
    home = tempfile.mkdtemp(prefix="orq-bench-")
    environment = {"ORQ_HOME": home, "DJANGO_SETTINGS_MODULE": "orquestrador.settings", "DATABASE_URL": ""}
    try:
        whole = {**os.environ, **environment}
        subprocess.run([sys.executable, "manage.py", "migrate", "-v", "0"], cwd=ROOT, env=whole, check=True)
        furnish = [sys.executable, "-m", "scripts.bench.gateway", "--furnish"]
        key = subprocess.run(furnish, cwd=ROOT, env=whole, check=True, capture_output=True, text=True).stdout.split()[-1]
        yield environment, key
    finally:
        shutil.rmtree(home, ignore_errors=True)


def furnish() -> None:
    import django

    django.setup()
    from decimal import Decimal

    from apps.accounts.actor import Actor
    from apps.accounts.models import Membership, Role, Team, User
    from apps.gateway.services import virtual_key_create
    from apps.providers.models import AIModel
    from apps.providers.services import budget_create, provider_create

    user = User.objects.create_user("bench@example.org", "no password that is used")
    team = Team.objects.create(name="Bench")
    Membership.objects.create(user=user, team=team, role=Role.OWNER)
    actor = Actor(user, team, Role.OWNER)
    provider = provider_create(
        actor, name="bench", display_name="Bench", kind="openai_compatible", base_url=UPSTREAM, is_local=False
    )
    about = {"family": "bench", "capabilities": ["chat"], "price_input": Decimal("0.1"), "price_output": Decimal("0.2")}
    AIModel.objects.create(provider=provider, key="bench", state="available", **about)
    budget_create(actor, scope="team", period="month", limit_usd=Decimal(100_000))
    limits = {"requests_per_minute": 100_000_000, "tokens_per_minute": 1_000_000_000}
    print(virtual_key_create(actor, name="Bench", budget_usd=Decimal(100_000), **limits)[1])


def rows_written(environment: dict[str, str]) -> dict[str, object]:
    code = (
        "import django; django.setup()\n"
        "from apps.providers.models import Budget, CreditUsage\n"
        "from django.db.models import Sum\n"
        "spent = CreditUsage.objects.aggregate(s=Sum('cost_usd'))['s']\n"
        "print(CreditUsage.objects.count(), spent, *{b.spent_usd for b in Budget.objects.all()})"
    )
    said = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, env={**os.environ, **environment}, check=True, capture_output=True, text=True
    )
    count, spent, *counted = said.stdout.split()
    return {"bench": "gateway", "what": "rows", "rows": int(count), "spent_usd": spent, "counted_in_budgets_usd": counted}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--litellm", type=Path, help="the bin folder of an environment with litellm[proxy]")
    parser.add_argument("--furnish", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.furnish:
        furnish()
        return
    print(json.dumps({"bench": "gateway", "what": "load average", "before": os.getloadavg()}))
    upstream = upstream_server(0.0)
    try:
        rows = _all(asked, upstream.pid)
    finally:
        upstream.kill()
        upstream.wait()
    print(json.dumps({"bench": "gateway", "what": "load average", "after": os.getloadavg()}))
    _print_table(rows)


def _all(asked: argparse.Namespace, upstream_pid: int) -> list[dict[str, object]]:
    rows: list[dict[str, object]] = []

    def take(who: str, process: psutil.Process, key: str, model: str) -> None:
        for clients, is_stream in [*((clients, False) for clients in CLIENTS), (1, True), (8, True)]:
            rows.append(measured(who, process, key, model, clients=clients, seconds=asked.seconds, is_stream=is_stream))
            print(json.dumps(rows[-1]), flush=True)

    take("direct", psutil.Process(upstream_pid), "none", "bench")
    forwarder = uvicorn("scripts.bench._forwarder:application", PORTS["forwarder"])
    with served(forwarder, PORTS["forwarder"], {"ORQ_BENCH_UPSTREAM": UPSTREAM}) as process:
        take("forwarder", process, "none", "bench")
    with ours() as (environment, key):
        command = uvicorn("orquestrador.asgi:application", PORTS["orquestrador"])
        with served(command, PORTS["orquestrador"], environment) as process:
            take("orquestrador", process, key, "bench/bench")
        print(json.dumps(rows_written(environment)), flush=True)
    if asked.litellm:
        with tempfile.TemporaryDirectory() as folder:
            config = Path(folder) / "config.json"  # JSON is YAML, too
            about = {"model": "openai/bench", "api_base": UPSTREAM, "api_key": "none"}
            config.write_text(json.dumps({"model_list": [{"model_name": "bench", "litellm_params": about}]}))
            command = [str(asked.litellm / "litellm"), "--config", str(config), "--host", "127.0.0.1"]
            command += ["--port", str(PORTS["litellm"]), "--num_workers", "1"]
            environment = {"LITELLM_MASTER_KEY": LITELLM_KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True", "LITELLM_LOG": "ERROR"}
            with served(command, PORTS["litellm"], environment) as process:
                time.sleep(5)  # it listens before it serves
                take("litellm", process, LITELLM_KEY, "bench")
    return rows


def _print_table(rows: list[dict[str, object]]) -> None:
    print(f"\n{'':16}{'':22}{'clients':>8}{'req/s':>10}{'CPU ms':>9}{'p50 ms':>9}{'+p50':>8}{'first ms':>10}{'RSS MB':>8}")
    direct = {(row["what"], row["clients"]): row for row in rows if row["who"] == "direct"}
    for row in rows:
        added = float(row["p50_ms"]) - float(direct[row["what"], row["clients"]]["p50_ms"])  # type: ignore[arg-type]
        print(
            f"{row['who']!s:16}{row['what']!s:22}{row['clients']!s:>8}{row['per_s']!s:>10}{row['cpu_ms']!s:>9}{row['p50_ms']!s:>9}"
            f"{added:>8.2f}{row['first_ms'] or '-'!s:>10}{row['rss_mb']!s:>8}"
        )


if __name__ == "__main__":
    main()
