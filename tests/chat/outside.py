"""A product of its own outside the test process, with as many workers as wanted, each to be killed at will.

As a program it does one thing in that product's environment and prints JSON: `python -m tests.chat.outside COMMAND …`.
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
        self.environment = kept | settings | environment
        self.log = home / "worker.log"
        self.workers: list[subprocess.Popen[bytes]] = []
        home.mkdir(parents=True, exist_ok=True)

    def do(self, command: str, **arguments: Any) -> Any:
        program = [sys.executable, "-m", "tests.chat.outside", command, json.dumps(arguments)]
        done = subprocess.run(program, cwd=ROOT, env=self.environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    def start_worker(self) -> subprocess.Popen[bytes]:
        command = "-m celery -q -A orquestrador worker -P threads -c 4 --without-gossip --without-mingle -l warning"
        environment = self.environment | {"ORQ_BOOT_ID": str(uuid.uuid4())}
        with open(self.log, "ab") as log:
            program = [sys.executable, *command.split()]
            worker = subprocess.Popen(program, cwd=ROOT, env=environment, stdout=log, stderr=log, start_new_session=True)
        self.workers.append(worker)
        return worker

    def end(self) -> None:
        for worker in self.workers:
            if worker.poll() is None:
                os.killpg(worker.pid, signal.SIGKILL)
                worker.wait()

    def wait_for(self, what: Any, *, patience_s: float = 90.0) -> list[dict[str, Any]]:
        """The answers, as soon as `what` is true of them."""
        deadline = time.monotonic() + patience_s
        while not what(rows := self.do("look")):
            assert time.monotonic() < deadline, f"it did not come about: {rows}\n{self.log.read_text()[-3000:]}"
            time.sleep(0.1)
        return rows


def make(url: str, questions: list[str]) -> dict[str, Any]:
    """A person with a model at `url`, and a conversation in which all of this was asked at once."""
    from django.core.management import call_command

    call_command("migrate", verbosity=0)
    from apps.chat import services
    from apps.providers.models import Provider
    from tests.factories import make_actor
    from tests.tasks.routing.upstream import model_at

    actor = make_actor()
    model = model_at(actor, "small")
    Provider.objects.filter(pk=model.provider_id).update(base_url=url)
    conversation = services.conversation_create(actor, model=model)
    return {"answers": [services.message_send(actor, conversation, content=text)[1].pk for text in questions]}


def look() -> list[dict[str, Any]]:
    from apps.chat.models import Message

    names = ("pk", "status", "content", "error_code", "cost_usd", "is_estimated", "lease_owner")
    rows = Message.objects.filter(role="assistant").order_by("pk").values(*names)
    return [{**row, "cost_usd": None if row["cost_usd"] is None else str(row["cost_usd"])} for row in rows]


def stop(pk: int) -> dict[str, float]:
    """Has an answer stopped, as a web process would; gives when that was asked, by the machine's clock."""
    from apps.accounts.actor import Actor
    from apps.accounts.models import Membership
    from apps.chat import services
    from apps.chat.models import Message

    message = Message.objects.select_related("conversation").get(pk=pk)
    membership = Membership.objects.select_related("user", "team").get()
    asked_at = time.monotonic()
    services.message_stop(Actor(membership.user, membership.team, membership.role), message)
    return {"asked_at": asked_at}


if __name__ == "__main__":
    import django

    django.setup()
    print(json.dumps({"make": make, "look": look, "stop": stop}[sys.argv[1]](**json.loads(sys.argv[2]))))
