"""Whole tasks over real HTTP: the worker, the journal and the engine against aimock."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from apps.accounts.actor import Actor
from apps.tasks import services
from apps.tasks.models import Call, SubtaskStatus, TaskStatus
from apps.tasks.runner.worker import Worker
from tests.servers.bytes_server import HOLD, SSE, BytesServer, event, reply, words
from tests.tasks.orchestra import IS_CHECK, IS_PLAN, IS_SETTLE, IS_WORK, line, plan, playing, ruling, seat, verdict

pytestmark = pytest.mark.django_db(transaction=True)


def run(task):
    worker = Worker()
    try:
        worker.work()
    finally:
        worker.stop()
    task.refresh_from_db()
    return task


def test_it_plans_writes_checks_and_composes(actor: Actor) -> None:
    steps = plan(("Left", ()), ("Right", ()), ("Both", (1, 2)))
    with playing(line(IS_PLAN, steps)) as orchestra:
        seat(actor, orchestra.url, "writer", "checker", "judge")
        task = run(services.task_create(actor, description="Do both sides."))
        asked = orchestra.journal()
    assert (task.status, task.result, task.error) == (TaskStatus.COMPLETED, "A fine answer.", "")
    assert len(asked) == 7
    assert task.subtasks.filter(cross_validated=True).count() == 3
    for subtask in task.subtasks.all():
        assert subtask.executor_family != subtask.validator_family
        assert subtask.confidence > 90
    assert Call.objects.filter(task=task, usage__cost_usd__gt=0).count() == 7


def test_a_third_model_settles_what_author_and_checker_dispute(actor: Actor) -> None:
    with playing(line(IS_WORK, "14"), line(IS_CHECK, verdict(0, "15")), line(IS_SETTLE, ruling("A"))) as orchestra:
        models = seat(actor, orchestra.url, "writer", "checker", "judge")
        task = run(services.task_create(actor, description="How much is 7 + 8?"))
    subtask = task.subtasks.get()
    assert subtask.divergence == 100
    assert subtask.tie_break["winner"] in ("executor", "validator")
    assert len({subtask.executor_id, subtask.validator_id, subtask.tie_breaker_id}) == 3
    assert {subtask.executor, subtask.validator, subtask.tie_breaker} == set(models.values())
    assert task.result == {"executor": "14", "validator": "15"}[subtask.tie_break["winner"]]


def in_background(worker: Worker) -> threading.Thread:
    thread = threading.Thread(target=worker.work)
    thread.start()
    return thread


def until(condition, *, within_s: float = 20.0) -> None:
    deadline = time.monotonic() + within_s
    while not condition():
        assert time.monotonic() < deadline, "it did not come about in time"
        time.sleep(0.02)


@contextmanager
def endless_upstream() -> Iterator[BytesServer]:
    """Answers the plan, then writes for a while and never ends; its event loop has a thread of its own."""
    endless = (event(words("word 0 ")), event(words("word 1 ")), 1.1, event(words("word 2 ")), HOLD)
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = BytesServer(reply(SSE, event(words(plan(("Only step", ())), finish="stop"))), reply(SSE, *endless))
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def test_a_cancel_reaches_the_upstream_call_within_a_second(actor: Actor) -> None:
    with endless_upstream() as server:
        seat(actor, server.url.removesuffix("/v1"), "writer", "checker", "judge")
        task = services.task_create(actor, description="Write for ever.")
        worker = Worker()
        thread = in_background(worker)
        until(lambda: Call.objects.filter(task=task, purpose="execute").exclude(text="").exists())
        task.refresh_from_db()
        cancelled_at = time.monotonic()
        services.task_cancel(actor, task)
        until(lambda: server.client_gone_at is not None)
        thread.join(10)
        worker.stop()
    assert server.client_gone_at - cancelled_at < 1.0
    call = Call.objects.get(task=task, purpose="execute")
    assert (call.status, call.error_code) == (Call.Status.CANCELLED, "cancelled")
    assert "word 1 " in call.text
    assert task.subtasks.get().status == SubtaskStatus.CANCELLED
    task.refresh_from_db()
    assert (task.status, task.lease_owner) == (TaskStatus.CANCELLED, "")


def test_a_pause_lets_the_answer_finish_and_a_resume_asks_for_nothing_twice(actor: Actor) -> None:
    with playing(line(IS_WORK, "Done.", latency=800)) as orchestra:
        seat(actor, orchestra.url, "writer", "checker", "judge")
        task = services.task_create(actor, description="Pause me.")
        worker = Worker()
        thread = in_background(worker)
        until(lambda: Call.objects.filter(task=task, purpose="execute").exists())
        task.refresh_from_db()
        services.task_pause(actor, task)
        thread.join(20)
        worker.stop()
        task.refresh_from_db()
        assert (task.status, task.lease_owner) == (TaskStatus.PAUSED, "")
        assert Call.objects.get(task=task, purpose="execute").status == Call.Status.DONE
        assert not Call.objects.filter(task=task, purpose="validate").exists()
        task = run(services.task_resume(actor, task))
        asked = orchestra.journal()
    assert task.status == TaskStatus.COMPLETED
    assert len(asked) == 3


def test_a_model_by_two_names_counts_as_one_and_the_task_asks_for_another(actor: Actor) -> None:
    with playing() as orchestra:
        seat(actor, orchestra.url, "one", "another-name", families={"one": "same", "another-name": "same"})
        task = run(services.task_create(actor, description="Who checks?"))
        assert (task.status, task.error_code) == (TaskStatus.PAUSED, "too_few_models")
        assert not Call.objects.filter(task=task, purpose="execute").exists()
        task = run(services.task_resume(actor, task, policy={"on_too_few_models": "continue"}))
    subtask = task.subtasks.get()
    assert task.status == TaskStatus.COMPLETED
    assert (subtask.cross_validated, subtask.validator) == (False, None)
    assert subtask.confidence <= 50


def test_a_step_is_done_again_by_the_model_that_a_person_names(actor: Actor) -> None:
    with playing(line(IS_WORK, "By writer.", model="writer"), line(IS_WORK, "By judge.", model="judge")) as orchestra:
        models = seat(actor, orchestra.url, "writer", "checker", "judge")
        task = run(services.task_create(actor, description="Write."))
        assert task.result == "By writer."
        subtask = task.subtasks.select_related("task").get()
        services.subtask_retry(actor, subtask, model=str(models["judge"].public_id))
        task = run(task)
    assert (task.status, task.result) == (TaskStatus.COMPLETED, "By judge.")
    assert task.subtasks.get().executor == models["judge"]


def test_a_budget_stops_before_the_call_that_could_exceed_it(actor: Actor) -> None:
    with playing() as orchestra:
        seat(actor, orchestra.url, "writer", "checker", "judge")
        task = run(services.task_create(actor, description="Cheap.", budget="0.0001"))
    assert (task.status, task.error_code) == (TaskStatus.PAUSED, "over_budget")
    assert not Call.objects.filter(task=task).exists()
