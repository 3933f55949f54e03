"""The real worker, journal and database, with the AIs of the engine's tests: no server is started."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest

from apps.accounts.actor import Actor
from apps.providers.models import AIModel
from apps.tasks.models import Task
from apps.tasks.runner import worker as runner
from apps.tasks.runner.ais import candidate_of
from apps.tasks.runner.worker import Worker
from tests.engine.fakes import FakeAIs, Script, World
from tests.tasks.scenes import make_model

NAMES = ("ann", "bob", "cyd")


class StagedAIs(FakeAIs):
    async def aclose(self) -> None:
        pass


class Stage:
    """Three priced models, the ablest last; `world.asked` tells what they were asked, by their keys."""

    def __init__(self, actor: Actor, monkeypatch: pytest.MonkeyPatch, script: Script, names: tuple[str, ...] = NAMES) -> None:
        tiers = {"cyd": "top"}
        self.models = {
            name: make_model(actor, name, price_input=Decimal(price), price_output=Decimal(price), tier=tiers.get(name, "fast"))
            for price, name in enumerate(names, 1)
        }
        self.world = World([], lambda asked: script(asked))
        self.look_again()
        monkeypatch.setattr(runner, "ConnectedAIs", lambda task: StagedAIs(self.world))

    def look_again(self) -> None:
        """Take up what has changed in the rows of the models."""
        rows = AIModel.objects.filter(pk__in=[model.pk for model in self.models.values()], is_active=True)
        self.world.candidates = [candidate_of(row) for row in rows.select_related("provider").prefetch_related("quality")]

    def asked(self, purpose: str) -> list[str]:
        """Keys of the models that were asked for this, in order."""
        return [asked.model.model for asked in self.world.asked if asked.purpose == purpose]


def run(task: Task) -> Task:
    """What one worker makes of it."""
    worker = Worker()
    try:
        worker.work()
    finally:
        worker.stop()
    task.refresh_from_db()
    return task


@contextmanager
def working(*workers: Worker) -> Iterator[list[threading.Thread]]:
    """These workers at work in threads of their own; they are stopped and awaited in the end."""
    threads = [threading.Thread(target=worker.work, name=f"work-{number}") for number, worker in enumerate(workers)]
    for thread in threads:
        thread.start()
    try:
        yield threads
    finally:
        for worker in workers:
            worker.stop()
        for thread in threads:
            thread.join(20)


def until(condition: Callable[[], object], *, within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)
