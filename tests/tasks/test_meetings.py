"""Two who change the same task, prompt, rule or run at the same moment: one comes after the other, and nobody has to give way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import connections
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.models import Role
from apps.common.db import again_after_deadlock
from apps.common.errors import OrquestradorError
from apps.tasks import services
from apps.tasks.engine.errors import LeaseLost
from apps.tasks.engine.judging import Judged
from apps.tasks.engine.types import Check, PlannedSubtask
from apps.tasks.models import EscalationHistory, Subtask, Task, TaskExecution, ValidatorOutcome, ValidatorRun
from apps.tasks.planted import cases_of
from apps.tasks.runner import endings, validating
from apps.tasks.runner.journal import DatabaseJournal
from apps.tasks.services.audit import AuditEntry, audit_append, audit_lock, audit_verify
from apps.tasks.services.validator_runs import run_delete
from apps.tasks.services.verdicts import subtask_rate
from apps.tasks.services.verifying import checking_settings_update
from tests.common.crosswise import Meeting
from tests.factories import make_actor
from tests.tasks import scenes
from tests.tasks.route_scenes import make_execution, make_rule

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_S = 60.0


@pytest.fixture
def mate(actor: Actor) -> Actor:
    return make_actor(Role.ADMIN, team=actor.team)


def meet(one: Callable[[], Any], other: Callable[[], Any]) -> Meeting:
    """In step. What people are told is fine; what the database takes back is not."""
    meeting = Meeting(one, other).hold()
    assert meeting.gave_way == []
    assert [error for error in meeting.raised if not isinstance(error, OrquestradorError)] == []
    return meeting


def finished(task: Task) -> Subtask:
    return scenes.make_subtask(task, 1, "Collect the facts", status="completed", result="Facts.")


def test_two_vouch_for_the_same_step(actor: Actor, mate: Actor) -> None:
    step = finished(scenes.make_task(actor, status="completed"))
    meet(*[lambda by=by: services.subtask_approve(by, Subtask.objects.get(pk=step.pk)) for by in (actor, mate)])
    assert step.thumbs.count() == 2


def test_two_approve_the_same_plan_and_one_of_them_is_told(actor: Actor, mate: Actor, cast: scenes.Cast) -> None:
    task = scenes.awaiting_approval(actor, cast)
    plan = {"subtasks": [{"order": 1, "title": "Only", "description": "Do it.", "depends_on": []}]}
    rows = {by: Task.objects.get(pk=task.pk) for by in (actor, mate)}
    meeting = meet(*[lambda by=by: services.plan_approve(by, rows[by], plan=plan) for by in rows])
    assert len(meeting.raised) == 1 and task.subtasks.count() == 1


def test_two_have_the_same_step_done_by_an_abler_model(actor: Actor, mate: Actor, cast: scenes.Cast) -> None:
    step = finished(scenes.make_task(actor, status="completed"))
    meet(*[lambda by=by: services.subtask_escalate(by, Subtask.objects.get(pk=step.pk)) for by in (actor, mate)])


def test_two_start_a_failed_task_again(actor: Actor, mate: Actor) -> None:
    task = scenes.make_task(actor, status="failed")
    scenes.make_call(task, "s1.r1.a1/execute#1", None, status="failed")
    scenes.make_subtask(task, 1, "Write it", status="failed")
    rows = {by: Task.objects.get(pk=task.pk) for by in (actor, mate)}
    meeting = meet(*[lambda by=by: services.task_start(by, rows[by]) for by in rows])
    assert len(meeting.raised) == 1


def test_two_rate_the_answer_to_a_prompt(actor: Actor, mate: Actor, cast: scenes.Cast) -> None:
    row = make_execution(actor, cast)
    meet(*[lambda by=by: services.execution_rate(by, TaskExecution.objects.get(pk=row.pk), thumb=1) for by in (actor, mate)])
    assert row.thumbs.count() == 2


def test_a_rule_is_changed_while_a_rise_by_it_is_kept(actor: Actor, cast: scenes.Cast) -> None:
    rule, row = make_rule(actor), make_execution(actor, cast)

    @again_after_deadlock
    def risen() -> None:
        audit_lock(actor.team.pk)
        EscalationHistory.objects.create(execution=row, rule=rule, from_name="a", to_name="b", trigger=rule.trigger)

    meet(risen, lambda: services.rule_update(actor, rule, name="Another name"))


def test_four_at_once_begin_the_audit_log_of_a_team(actor: Actor) -> None:
    meeting = Meeting(*[lambda: audit_append(actor.team.pk, [AuditEntry("settings")])] * 4).hold()
    assert (meeting.gave_way, meeting.raised) == ([], [])
    assert audit_verify(actor.team.pk).rows == 4


def test_settings_are_changed_by_two(actor: Actor, mate: Actor) -> None:
    checking_settings_update(actor, search_results=3)
    meet(*[lambda by=by: checking_settings_update(by, search_results=5) for by in (actor, mate)])


# ── workers and people ────────────────────────────────────────────────────────────────────────────────────────────


def run_of(actor: Actor) -> ValidatorRun:
    model = scenes.make_model(actor, "checker")
    asked = [{"id": str(model.public_id), "label": str(model), "provider": "x"}]
    return ValidatorRun.objects.create(
        owner=actor.user, team=actor.team, models_asked=asked, cases="practice", questions=2, total=6, status="running"
    )


def test_verdicts_are_stored_while_their_run_is_deleted(actor: Actor) -> None:
    run = run_of(actor)
    model = scenes.AIModel.objects.get(key="checker")
    first, second, *_ = cases_of("practice", 2)
    judged = Judged(True, Check())

    def keep(case: Any) -> None:
        validating._keep(run, model, None, case, judged, "", validating.Bill())

    keep(first)
    meet(lambda: keep(second), lambda: run_delete(actor, ValidatorRun.objects.get(pk=run.pk)))
    assert not ValidatorRun.objects.exists() and not ValidatorOutcome.objects.exists()


def test_stages_are_stored_while_people_add_steps_and_cancel_and_nothing_gives_way(actor: Actor, mate: Actor) -> None:
    """Many times, as it comes: a worker that writes to three steps, and people at the same task."""
    task = scenes.make_task(actor, status="running", lease_owner="me", lease_until=timezone.now() + timedelta(seconds=60))
    for order in (1, 2, 3):
        scenes.make_subtask(task, order, f"Step {order}", status="completed", result="Done.")
    wrong: list[BaseException] = []
    is_cancelled = threading.Event()

    def worker(order: int) -> None:
        memory = DatabaseJournal(task, "me")
        step = PlannedSubtask(order=order, title="x", description="y")

        async def story() -> None:
            while not is_cancelled.is_set():
                await memory.note("hint", step, model="x")

        async_to_sync(story)()

    def person(by: Actor) -> None:
        for order in (1, 2, 3) * 3:
            step = task.subtasks.get(order=order)
            services.subtask_approve(by, step)
            subtask_rate(by, step, thumb=-1)

    def told(job: Callable[[], None]) -> Callable[[], None]:
        def run() -> None:
            try:
                job()
            except LeaseLost:
                pass
            except BaseException as error:
                wrong.append(error)
            finally:
                connections.close_all()

        return run

    workers = [threading.Thread(target=told(lambda order=order: worker(order))) for order in (1, 2, 3)]
    people = [threading.Thread(target=told(lambda by=by: person(by))) for by in (actor, mate)]
    for thread in (*workers, *people):
        thread.start()
    for thread in people:
        thread.join(PATIENCE_S)
    services.task_cancel(actor, Task.objects.get(pk=task.pk))
    is_cancelled.set()
    endings._let_go(task, "me")
    for thread in workers:
        thread.join(PATIENCE_S)
    assert wrong == [] and not any(thread.is_alive() for thread in (*workers, *people))
    task.refresh_from_db()
    assert (task.status, task.lease_owner) == ("cancelled", "")
