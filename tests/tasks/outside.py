"""A product of its own outside the test process: its data folder, its database file, its worker, to be killed at will.

As a program it does one thing in that product's environment and prints JSON: `python -m tests.tasks.outside COMMAND …`.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]


class Product:
    def __init__(self, home: Path, **environment: str) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORQ_", "DJANGO_", "PYTEST"))}
        settings = {"ORQ_HOME": str(home), "DJANGO_SETTINGS_MODULE": "orquestrador.settings", "ORQ_LOG_LEVEL": "WARNING"}
        settings["PYTHONFAULTHANDLER"] = "1"  # it says where it was when it is aborted
        self.environment = kept | settings | environment
        self.log = home / "worker.log"
        self.worker: subprocess.Popen[bytes] | None = None
        home.mkdir(parents=True, exist_ok=True)
        self.do("migrate")

    def do(self, command: str, **arguments: Any) -> Any:
        program = [sys.executable, "-m", "tests.tasks.outside", command, json.dumps(arguments)]
        done = subprocess.run(program, cwd=ROOT, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start_worker(self) -> None:
        command = "-m celery -A orquestrador worker -P threads -c 32 --without-gossip --without-mingle -l warning"
        with open(self.log, "ab") as log:
            self.worker = subprocess.Popen(
                [sys.executable, *command.split()],
                cwd=ROOT,
                env=self.environment | {"ORQ_BOOT_ID": str(uuid.uuid4())},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def kill_worker(self) -> None:
        """SIGKILL to every process of it."""
        assert self.worker is not None
        os.killpg(self.worker.pid, signal.SIGKILL)
        self.worker.wait()

    def stop_worker(self) -> float:
        """SIGTERM; gives how many seconds it took to go."""
        assert self.worker is not None
        began = time.monotonic()
        self.worker.terminate()
        self.worker.wait(timeout=30)
        return time.monotonic() - began

    def wait_for(self, state: str, *, timeout_s: float, every_s: float = 0.3, look: str = "look") -> dict[str, Any]:
        """Until every task is in that state; gives the last look at them."""
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            seen = self.do(look)
            if all(task["status"] == state for task in seen["tasks"]):
                return seen
            if self.worker is not None and (code := self.worker.poll()) is not None:
                raise AssertionError(f"the worker has ended by itself with {code}:\n{self.log.read_text()[-3000:]}")
            time.sleep(every_s)
        raise AssertionError(f"not all {state} after {timeout_s} s: {seen['tasks']}\n{self._where_it_is()}")

    def _where_it_is(self) -> str:
        """What the worker is at, thread by thread: it writes that to its log as it is aborted."""
        if self.worker is not None:
            self.worker.send_signal(signal.SIGABRT)
            self.worker.wait(timeout=30)
        return self.log.read_text()[-20_000:] if self.log.exists() else ""


def migrate() -> dict[str, Any]:
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    return {}


def make(url: str, descriptions: list[str]) -> dict[str, Any]:
    """A team with three models at `url` and a waiting task for each description."""
    from apps.tasks import services
    from tests.tasks.orchestra import seat
    from tests.tasks.scenes import make_actor

    actor = make_actor()
    seat(actor, url, "writer", "checker", "judge")
    return {"tasks": [str(services.task_create(actor, description=text).public_id) for text in descriptions]}


def make_trials(url: str) -> dict[str, Any]:
    """A benchmark of a model at `url`, and a benchmark of it as a validator."""
    from apps.providers.models import Provider
    from apps.providers.services import benchmark_start
    from apps.tasks.services.validator_runs import run_start
    from tests.factories import make_actor
    from tests.tasks.routing.upstream import model_at

    actor = make_actor()
    model = model_at(actor, "small")
    Provider.objects.filter(pk=model.provider_id).update(base_url=url)
    benchmark_start(actor, model, rounds=1)
    run_start(actor, models=[str(model.public_id)], cases="practice", questions=4)
    return {}


def look_at_trials() -> dict[str, Any]:
    from apps.providers.models import Benchmark, BenchmarkAnswer
    from apps.tasks.models import ValidatorOutcome, ValidatorRun

    answers = BenchmarkAnswer.objects.values("status", "question")
    found = [row for kind in (Benchmark, ValidatorRun) for row in kind.objects.values("status", "error", "lease_owner")]
    return {"tasks": found, "answers": list(answers), "verdicts": list(ValidatorOutcome.objects.values("place", "accepted"))}


def look() -> dict[str, Any]:
    from apps.tasks.models import Call, Task

    calls = Call.objects.order_by("pk").values("task_id", "key", "status", "model_name", "request", "error_code")
    tasks = Task.objects.order_by("pk").values("status", "result", "runs", "error")
    return {"tasks": list(tasks), "calls": list(calls)}


if __name__ == "__main__":
    import django

    django.setup()
    commands = (migrate, make, look, make_trials, look_at_trials)
    chosen = next(command for command in commands if command.__name__ == sys.argv[1])
    print(json.dumps(chosen(**json.loads(sys.argv[2]))))
