"""Whole tasks over real HTTP: the worker, the journal and the engine against aimock."""

from __future__ import annotations

import pytest

from apps.accounts.actor import Actor
from apps.tasks import services
from apps.tasks.models import Call, TaskStatus
from apps.tasks.runner.worker import Worker
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
