"""Tasks a minute with an upstream that answers at once, and the CPU that each model call costs us.

The same number of calls made by the adapter alone, in the same run, is the floor: what is above it is the orchestrator's
own work (planning, journal, checking, live messages). Runs on a data folder of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import psutil

PORT = 18_741
ROOT = Path(__file__).resolve().parents[2]


def main() -> int:
    options = _options()
    with tempfile.TemporaryDirectory(prefix="orq-bench-") as home:
        environment = os.environ | {"ORQ_HOME": home, "ORQ_TASKS_AT_ONCE": str(options.at_once), "ORQ_BOOT_ID": "bench"}
        environment["DJANGO_SETTINGS_MODULE"] = os.environ["DJANGO_SETTINGS_MODULE"] = "orquestrador.settings"
        os.environ["ORQ_HOME"] = home
        upstream = subprocess.Popen([sys.executable, "-m", "scripts.bench._upstream", str(PORT)], cwd=ROOT)
        try:
            _wait_for_upstream()
            figures = _measure(options, environment)
        finally:
            upstream.terminate()
    print(json.dumps(figures))
    _table(figures)
    return 0


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="./orq bench tasks", description=__doc__)
    parser.add_argument("--tasks", type=int, default=60)
    parser.add_argument("--at-once", type=int, default=5)
    return parser.parse_args()


def _measure(options: argparse.Namespace, environment: dict[str, str]) -> dict[str, float]:
    _prepare(options.tasks)
    worker = _start_worker(environment)
    try:
        took_s = _wait_until_done()
        process = psutil.Process(worker.pid)
        cpu_s = sum(process.cpu_times()[:2])
        memory_mb = process.memory_full_info().uss / 1e6
    finally:
        worker.terminate()
        worker.wait(20)
    calls = _asked()
    idle_cpu_s = _idle_cpu_s(environment)
    floor_ms = asyncio.run(_adapter_alone(calls))
    return {
        "tasks": options.tasks,
        "tasks_at_once": options.at_once,
        "calls": calls,
        "tasks_a_minute": round(options.tasks / took_s * 60, 1),
        "cpu_ms_a_call": round((cpu_s - idle_cpu_s) / calls * 1000, 2),
        "floor_cpu_ms_a_call": round(floor_ms, 2),
        "worker_uss_mb": round(memory_mb, 1),
        "load_average": round(os.getloadavg()[0], 1),
    }


def _prepare(tasks: int) -> None:
    import django

    django.setup()
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from apps.accounts import services as accounts
    from apps.providers.models import AIModel, Provider
    from apps.tasks import services

    actor = accounts.actor_for(accounts.user_create(email="bench@example.org", password="only-for-this-bench"))
    address = f"http://127.0.0.1:{PORT}/v1"
    provider = Provider.objects.create(
        team=actor.team, name="bench", kind="openai_compatible", base_url=address, allows_private_address=True
    )
    for key in ("a", "b", "c"):
        AIModel.objects.create(provider=provider, key=key, family=key, capabilities=["chat"], price_input=1, price_output=1)
    for number in range(tasks):
        services.task_create(actor, description=f"Task {number}")


def _start_worker(environment: dict[str, str]) -> subprocess.Popen[bytes]:
    command = "-m celery -A orquestrador worker -P threads -c 32 --without-gossip --without-mingle -l error"
    return subprocess.Popen([sys.executable, *command.split()], cwd=ROOT, env=environment)


def _wait_until_done() -> float:
    """Seconds from the first task that was taken up to the last that was finished."""
    from django.db.models import Max, Min

    from apps.tasks.models import Task, TaskStatus

    while Task.objects.exclude(status=TaskStatus.COMPLETED).exists():
        if Task.objects.filter(status=TaskStatus.FAILED).exists():
            raise RuntimeError(Task.objects.filter(status=TaskStatus.FAILED).values_list("error", flat=True)[0])
        time.sleep(0.2)
    ends = Task.objects.aggregate(first=Min("started_at"), last=Max("finished_at"))
    return (ends["last"] - ends["first"]).total_seconds()


def _idle_cpu_s(environment: dict[str, str]) -> float:
    """What a worker costs that starts and finds nothing to do."""
    worker = _start_worker(environment)
    try:
        time.sleep(8)
        return sum(psutil.Process(worker.pid).cpu_times()[:2])
    finally:
        worker.terminate()
        worker.wait(20)


async def _adapter_alone(calls: int) -> float:
    """CPU milliseconds a call of the adapter without anything around it."""
    from apps.providers.adapters import make_adapter
    from apps.providers.contract import ChatRequest, Connection, Message

    adapter = make_adapter(Connection(kind="openai_compatible", base_url=f"http://127.0.0.1:{PORT}/v1", allow_private=True))
    request = ChatRequest(model="a", messages=(Message("user", "How much is 6 x 7?"),))
    began = time.process_time()
    for _ in range(calls):
        async for _item in adapter.stream(request):
            pass
    await adapter.aclose()
    return (time.process_time() - began) / calls * 1000


def _asked() -> int:
    with urllib.request.urlopen(f"http://127.0.0.1:{PORT}/asked", timeout=5) as answer:
        return int(json.load(answer)["asked"])


def _wait_for_upstream() -> None:
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        try:
            _asked()
            return
        except OSError:
            time.sleep(0.05)
    raise RuntimeError("the upstream did not start")


def _table(figures: dict[str, float]) -> None:
    for name, value in figures.items():
        print(f"{name.replace('_', ' '):>24}  {value}")


if __name__ == "__main__":
    sys.exit(main())
