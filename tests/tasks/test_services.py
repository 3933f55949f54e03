"""What people do to tasks: each bad input named, each right kept, each moment chosen badly survived."""

from __future__ import annotations

import threading
import uuid
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.models import Role
from apps.common.errors import BadInput, Conflict, NotAllowed, NotFound
from apps.providers.errors import Overloaded
from apps.providers.models import CreditUsage
from apps.tasks import selectors, services
from apps.tasks.models import Call, ExecutionLog, Subtask, SubtaskStatus, Task, TaskStatus
from apps.tasks.runner.worker import Worker
from apps.tasks.selectors import tasks_visible
from apps.tasks.services.bulk import tasks_purge
from tests.engine.fakes import Say, plan, ruling, step, verdict
from tests.tasks.scenes import make_actor, make_model, make_subtask, make_task
from tests.tasks.staged import Stage, run, until, working

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def member(actor: Actor) -> Actor:
    return make_actor("carla@example.org", team=actor.team, role=Role.MEMBER, name="Carla")


@pytest.fixture
def viewer(actor: Actor) -> Actor:
    return make_actor("vera@example.org", team=actor.team, role=Role.VIEWER, name="Vera")


def faults(call, *args, **kwargs) -> dict[str, str]:
    """The fields that were refused, each with its code."""
    with pytest.raises(BadInput) as caught:
        call(*args, **kwargs)
    assert all(error["message"] for error in caught.value.errors)
    return {error["field"]: error["code"] for error in caught.value.errors}


# ── making ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"description": ""}, {"description": "required"}),
        ({"description": " \n\x00 "}, {"description": "required"}),
        ({"description": None}, {"description": "required"}),
        ({"description": "x" * 200_000}, {"description": "too_long"}),
        ({"title": "x" * 300}, {"title": "too_long"}),
        ({"priority": "whenever"}, {"priority": "unknown"}),
        ({"priority": 7}, {"priority": "unknown"}),
        ({"budget": 0}, {"budget": "invalid"}),
        ({"budget": "-1"}, {"budget": "invalid"}),
        ({"budget": "NaN"}, {"budget": "invalid"}),
        ({"budget": "Infinity"}, {"budget": "invalid"}),
        ({"budget": "a lot"}, {"budget": "invalid"}),
        ({"budget": "0.000000000001"}, {"budget": "invalid"}),
        ({"budget": "1000000000000"}, {"budget": "invalid"}),
        ({"policy": {"divergence_threshold": 101}}, {"policy.divergence_threshold": "invalid"}),
        ({"policy": {"divergence_threshold": "much"}}, {"policy.divergence_threshold": "invalid"}),
        ({"policy": {"confidence_threshold": -1}}, {"policy.confidence_threshold": "invalid"}),
        ({"policy": {"max_escalations": 11}}, {"policy.max_escalations": "invalid"}),
        ({"policy": {"max_escalations": 1.5}}, {"policy.max_escalations": "invalid"}),
        ({"policy": {"cross_validate": "yes"}}, {"policy.cross_validate": "invalid"}),
        ({"policy": {"verify": {"when": "never"}}}, {"policy.verify.when": "invalid"}),
        ({"policy": {"verify": {"sample_percent": 101}}}, {"policy.verify.sample_percent": "invalid"}),
        (
            {"policy": {"verify_by_category": {"code": {"from_priority": "vital"}}}},
            {"policy.verify_by_category.code.from_priority": "invalid"},
        ),
        ({"policy": {"on_too_few_models": "panic"}}, {"policy.on_too_few_models": "invalid"}),
        ({"policy": {"surprise": 1}}, {"policy": "invalid"}),
        ({"policy": "strict"}, {"policy": "invalid"}),
        ({"models": ["x"]}, {"models": "invalid"}),
        ({"models": {"conductor": str(uuid.uuid4())}}, {"models.conductor": "unknown"}),
        ({"models": {"executor": str(uuid.uuid4())}}, {"models.executor": "bad_input"}),
        ({"models": {"executor": "the best one"}}, {"models.executor": "bad_input"}),
        ({"deadline": timezone.now() - timedelta(hours=1)}, {"deadline": "past"}),
    ],
)
def test_each_bad_input_is_named(actor: Actor, given: dict, expected: dict) -> None:
    assert faults(services.task_create, actor, **{"description": "Do it.", **given}) == expected
    assert not Task.objects.exists()


def test_everything_that_is_wrong_is_said_at_once(actor: Actor) -> None:
    found = faults(services.task_create, actor, description="", priority="x", budget=-1, models={"x": "y"})
    assert set(found) == {"description", "priority", "budget", "models.x"}


def test_a_model_that_is_off_or_cannot_chat_or_is_of_another_team_cannot_be_asked_for(actor: Actor, stranger: Actor) -> None:
    off = make_model(actor, "off", is_active=False)
    embedder = make_model(actor, "embedder", capabilities=["embeddings"])
    theirs = make_model(stranger, "theirs")
    for model, words in ((off, "switched off"), (embedder, "cannot chat"), (theirs, "no model")):
        with pytest.raises(BadInput, match=words) as caught:
            services.task_create(actor, description="x", models={"validator": str(model.public_id)})
        assert [error["field"] for error in caught.value.errors] == ["models.validator"]


def test_one_family_cannot_be_asked_for_twice_but_may_plan_as_well(actor: Actor) -> None:
    one, twin = make_model(actor, "llama"), make_model(actor, "llama-turbo", provider="groq", family="llama")
    asked = {"executor": str(one.public_id), "validator": str(twin.public_id)}
    assert faults(services.task_create, actor, description="x", models=asked) == {"models.validator": "same_family"}
    asked = {"planner": str(one.public_id), "executor": str(twin.public_id)}
    assert services.task_create(actor, description="x", start=False, models=asked).cast == asked


def test_a_task_gets_a_title_from_its_first_line_and_a_category(actor: Actor) -> None:
    task = services.task_create(actor, description="  First line\nand more", start=False, category="  ")
    assert (task.title, task.category, task.description) == ("First line", "general", "First line\nand more")
    long = services.task_create(actor, description="word " * 100, start=False, category=" Code ")
    assert len(long.title) == 80 and long.title.endswith("…")
    assert long.category == "code"


def test_the_same_key_gives_the_same_task_and_another_persons_key_another(actor: Actor, member: Actor) -> None:
    one = services.task_create(actor, description="x", start=False, idempotency_key="k")
    assert services.task_create(actor, description="x", start=False, idempotency_key="k").pk == one.pk
    assert services.task_create(member, description="x", start=False, idempotency_key="k").pk != one.pk


def test_the_same_key_at_the_same_moment_makes_one_task(actor: Actor) -> None:
    start, made = threading.Barrier(6), []

    def create() -> None:
        start.wait()
        made.append(services.task_create(actor, description="x", start=False, idempotency_key="same").pk)
        connection.close()

    threads = [threading.Thread(target=create) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(made), len(set(made))) == (6, 1)


def test_a_deadline_without_a_time_zone_is_read_in_the_installations(actor: Actor) -> None:
    tomorrow = timezone.now() + timedelta(days=1)
    task = services.task_create(actor, description="x", start=False, deadline=tomorrow.replace(tzinfo=None))
    assert task.deadline == tomorrow


# ── changing ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_change_is_checked_like_a_beginning(actor: Actor) -> None:
    task = make_task(actor, policy={"max_escalations": 1})
    changes = {"priority": "x", "budget": "x", "policy": {"max_escalations": 99}, "description": ""}
    assert set(faults(services.task_update, actor, task, **changes)) == {
        "priority", "budget", "policy.max_escalations", "description",
    }  # fmt: skip
    assert set(faults(services.task_update, actor, task, policy="strict")) == {"policy"}
    services.task_update(actor, task, policy={"divergence_threshold": 30}, category=" ", budget=None, priority="urgent")
    task.refresh_from_db()
    assert task.policy == {"max_escalations": 1, "divergence_threshold": 30}
    assert (task.category, task.budget_usd, task.priority) == ("general", None, 3)


def test_the_description_of_a_planned_task_stays(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    Stage(actor, monkeypatch, lambda asked: None)
    task = run(services.task_create(actor, description="Do it."))
    with pytest.raises(Conflict):
        services.task_update(actor, task, description="Do another thing.")
    task = make_task(actor, status="failed")
    task.steps.create(key="plan", stage="plan")
    assert faults(services.task_update, actor, task, description="Other.") == {"description": "too_late"}


# ── rights ────────────────────────────────────────────────────────────────────────────────────────────────────────

CHANGES = {
    "start": lambda who, task: services.task_start(who, task),
    "pause": lambda who, task: services.task_pause(who, task),
    "resume": lambda who, task: services.task_resume(who, task),
    "cancel": lambda who, task: services.task_cancel(who, task),
    "update": lambda who, task: services.task_update(who, task, title="Mine now"),
    "approve": lambda who, task: services.plan_approve(who, task),
    "retry": lambda who, task: services.subtask_retry(who, task.subtasks.select_related("task").get()),
    "escalate": lambda who, task: services.subtask_escalate(who, task.subtasks.select_related("task").get()),
    "delete": lambda who, task: services.task_delete(who, task),
}


@pytest.mark.parametrize("change", CHANGES)
def test_a_member_cannot_touch_another_persons_task_and_a_viewer_none(
    actor: Actor, member: Actor, viewer: Actor, change: str
) -> None:
    make_model(actor, "another")
    task = make_task(actor, status="running")
    make_subtask(task, 1, "Only step", status="completed")
    before = ExecutionLog.objects.count()
    for who in (member, viewer):
        with pytest.raises(NotAllowed):
            CHANGES[change](who, Task.objects.get(pk=task.pk))
    task.refresh_from_db()
    assert (task.status, task.title) == ("running", "Compare two databases for a small shop")
    assert ExecutionLog.objects.count() == before


def test_a_viewer_cannot_make_a_task(viewer: Actor) -> None:
    with pytest.raises(NotAllowed):
        services.task_create(viewer, description="x")


def test_an_admin_can_cancel_a_members_task(actor: Actor, member: Actor) -> None:
    admin = make_actor("ada@example.org", team=actor.team, role=Role.ADMIN, name="Ada")
    assert services.task_cancel(admin, make_task(member, status="running")).status == TaskStatus.CANCELLED


def test_another_teams_task_does_not_exist(actor: Actor, stranger: Actor) -> None:
    with pytest.raises(NotFound):
        selectors.access_task(stranger, make_task(actor).public_id)


# ── the plan ──────────────────────────────────────────────────────────────────────────────────────────────────────


def a_step(order: int, *needs: int, **more) -> dict:
    return {"order": order, "title": f"Step {order}", "description": f"Do {order}.", "depends_on": list(needs), **more}


@pytest.mark.parametrize(
    ("steps", "words"),
    [
        ([a_step(1, 2), a_step(2, 1)], "circle"),
        ([a_step(1, 1)], "circle"),
        ([a_step(1, 9)], "does not have"),
        ([], "no subtasks"),
        ([a_step(1), a_step(1)], "same number"),
        ([a_step(0)], "numbered from 1"),
        ([a_step(99_999)], "numbered from 1"),
        ([a_step(n) for n in range(1, 32)], "at most 30"),
        ([a_step(1, description=" ")], "no description"),
        ([a_step(1, description="x" * 30_000)], "too long"),
        ([a_step("first")], "A plan is"),
        ([{"order": 1}], "A plan is"),
        (["Do it"], "A plan is"),
        ([a_step(1, depends_on=3)], "A plan is"),
        ("all of it", "A plan is"),
    ],
)
def test_a_change_to_the_plan_that_cannot_be_carried_out_is_refused_in_words(actor: Actor, steps, words: str) -> None:
    task = make_task(actor, status="awaiting_approval", approve_plan=True)
    make_subtask(task, 1, "As planned")
    with pytest.raises(BadInput, match=words) as caught:
        services.plan_approve(actor, task, plan={"subtasks": steps})
    assert caught.value.errors[0]["field"] == "plan"
    task.refresh_from_db()
    assert (task.status, task.plan_approved_at) == ("awaiting_approval", None)
    assert [subtask.title for subtask in task.subtasks.all()] == ["As planned"]


def test_a_plan_is_approved_once_and_only_while_it_waits(actor: Actor) -> None:
    task = make_task(actor, status="awaiting_approval", approve_plan=True)
    make_subtask(task, 1, "As planned")
    again = Task.objects.get(pk=task.pk)
    services.plan_approve(actor, task)
    with pytest.raises(Conflict):
        services.plan_approve(actor, again, plan={"subtasks": [a_step(1)]})
    assert task.subtasks.get().title == "As planned"


def test_the_changed_plan_is_what_runs_and_what_is_shown(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(actor, monkeypatch, lambda asked: plan(step(1), step(2)) if asked.purpose == "plan" else None)
    task = run(services.task_create(actor, description="Do it.", approve_plan=True))
    assert (task.status, task.lease_owner) == ("awaiting_approval", "")
    assert stage.asked("work") == []
    changed = [a_step(5, acceptance_criteria=["Mine"]), a_step(7, 5)]
    task = run(services.plan_approve(actor, task, plan={"subtasks": changed}))
    assert task.status == "completed"
    assert [subtask.order for subtask in task.subtasks.order_by("order")] == [5, 7]
    assert [item["order"] for item in task.plan["subtasks"]] == [5, 7]
    assert task.plan["planned_by"]["id"] == str(stage.models["cyd"].public_id)
    assert len(stage.asked("plan")) == 1


def test_a_pause_while_it_plans_still_ends_in_a_plan_that_waits(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    stage = Stage(actor, monkeypatch, lambda asked: Say("x", data=plan(step(1)), hold=go_on) if asked.purpose == "plan" else None)
    task = services.task_create(actor, description="Do it.", approve_plan=True)
    worker = Worker()
    with working(worker) as threads:
        until(lambda: stage.asked("plan"))
        task.refresh_from_db()
        services.task_pause(actor, task)
        until(lambda: [entry.run.pause_requested for entry in worker.running.values()] == [True])
        go_on.set()
        threads[0].join(20)
    task.refresh_from_db()
    assert (task.status, task.lease_owner) == ("paused", "")
    services.task_resume(actor, task)
    task = run(task)
    assert task.status == "awaiting_approval"
    assert stage.asked("plan") == ["cyd"]


# ── starting, pausing, cancelling at bad moments ──────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("status", ["completed", "running", "planning", "awaiting_approval"])
def test_there_is_nothing_to_start_where_nothing_stopped(actor: Actor, status: str) -> None:
    with pytest.raises(Conflict):
        services.task_start(actor, make_task(actor, status=status))


def test_a_task_that_waits_for_start_is_not_taken_up_before(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    Stage(actor, monkeypatch, lambda asked: None)
    task = run(services.task_create(actor, description="x", start=False))
    assert (task.status, task.runs) == ("pending", 0)
    assert run(services.task_start(actor, task)).status == "completed"


@pytest.mark.parametrize("status", [status for status in TaskStatus.values if status != "paused"])
def test_only_a_paused_task_can_be_resumed(actor: Actor, status: str) -> None:
    with pytest.raises(Conflict):
        services.task_resume(actor, make_task(actor, status=status))


def test_a_resume_right_after_a_pause_goes_on_in_the_same_run(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    stage = Stage(actor, monkeypatch, lambda asked: Say("Done.", hold=go_on) if asked.purpose == "work" else None)
    task = services.task_create(actor, description="x")
    with working(Worker(), Worker()):
        until(lambda: stage.asked("work"))
        task.refresh_from_db()
        services.task_pause(actor, task)
        services.task_resume(actor, task)
        assert Task.objects.get(pk=task.pk).is_held
        go_on.set()
        until(lambda: Task.objects.get(pk=task.pk).status == "completed")
    task.refresh_from_db()
    assert (task.result, task.lease_owner) == ("Done.", "")
    assert (stage.asked("plan"), stage.asked("work"), stage.asked("check")) == (["cyd"], ["ann"], ["bob"])


def test_a_task_that_is_cancelled_and_started_again_at_once_is_finished(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    stage = Stage(actor, monkeypatch, lambda asked: Say("Done.", hold=go_on) if asked.purpose == "work" else None)
    task = services.task_create(actor, description="x")
    with working(Worker(), Worker()):
        until(lambda: stage.asked("work"))
        task.refresh_from_db()
        services.task_cancel(actor, task)
        services.task_start(actor, task)
        go_on.set()
        until(lambda: Task.objects.get(pk=task.pk).status == "completed")
    assert task.subtasks.get().status == SubtaskStatus.COMPLETED
    assert stage.asked("plan") == ["cyd"]


def test_a_cancelled_task_goes_on_from_what_was_done(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    never = threading.Event()
    stage = Stage(actor, monkeypatch, lambda asked: Say("x", hold=never) if asked.purpose == "check" else None)
    task = services.task_create(actor, description="x")
    with working(Worker()):
        until(lambda: stage.asked("check"))
        task.refresh_from_db()
        services.task_cancel(actor, task)
        until(lambda: not Task.objects.get(pk=task.pk).is_held)
    task.refresh_from_db()
    assert (task.status, task.subtasks.get().status) == ("cancelled", "cancelled")
    never.set()
    stage.world.script = lambda asked: None
    task = run(services.task_start(actor, task))
    assert task.status == "completed"
    assert (stage.asked("plan"), stage.asked("work"), stage.asked("check")) == (["cyd"], ["ann"], ["bob", "bob"])


def test_a_task_that_nobody_runs_is_cancelled_with_its_steps(actor: Actor) -> None:
    task = make_task(actor, status="paused")
    make_subtask(task, 1, "Done", status="completed")
    make_subtask(task, 2, "Open", status="validating")
    services.task_cancel(actor, task)
    assert list(task.subtasks.order_by("order").values_list("status", flat=True)) == ["completed", "cancelled"]


def test_a_task_that_is_deleted_while_it_runs_ends_quietly_and_its_costs_stay(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    never = threading.Event()
    stage = Stage(actor, monkeypatch, lambda asked: Say("x", hold=never) if asked.purpose == "work" else None)
    task = services.task_create(actor, description="x")
    worker = Worker()
    with working(worker) as threads:
        until(lambda: stage.asked("work"))
        services.task_delete(actor, Task.objects.get(pk=task.pk))
        threads[0].join(20)
        assert not threads[0].is_alive()
        assert stage.world.open_streams == 0
    row = Task.objects.get()
    assert row.status == "cancelled" and row.deleted_at is not None and not tasks_visible(actor).exists()
    assert tasks_purge(row.deleted_at + timedelta(days=2)) == 1
    assert not Task.objects.exists() and not Call.objects.exists() and not Subtask.objects.exists()
    assert CreditUsage.objects.filter(purpose="plan", cost_usd__gt=0).count() == 1


# ── again, by hand ────────────────────────────────────────────────────────────────────────────────────────────────


def four_steps(asked):
    return plan(step(1), step(2, 1), step(3, 2), step(4)) if asked.purpose == "plan" else None


def test_a_retry_opens_the_step_and_all_that_build_on_it_and_nothing_else(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(actor, monkeypatch, four_steps)
    task = run(services.task_create(actor, description="x"))
    asked_before = len(stage.world.asked)
    services.subtask_retry(actor, task.subtasks.select_related("task").get(order=2), model=str(stage.models["cyd"].public_id))
    rows = {row.order: row for row in task.subtasks.select_related("asked_executor")}
    assert {order: (row.status, row.round) for order, row in rows.items()} == {
        1: ("completed", 1), 2: ("pending", 2), 3: ("pending", 2), 4: ("completed", 1),
    }  # fmt: skip
    assert (rows[2].asked_executor, rows[3].asked_executor) == (stage.models["cyd"], None)
    assert (rows[2].result, rows[2].executor_family) == ("", None)
    task = run(task)
    assert task.status == "completed"
    assert [asked.model.model for asked in stage.world.asked[asked_before:] if asked.purpose == "work"] == ["cyd", "ann"]
    assert task.subtasks.get(order=2).executor == stage.models["cyd"]


def test_a_retry_from_a_page_that_is_old_is_a_round_of_its_own(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(actor, monkeypatch, lambda asked: None)
    task = run(services.task_create(actor, description="x"))
    one, other = (task.subtasks.select_related("task").get() for _ in range(2))
    services.subtask_retry(actor, one)
    run(task)
    services.subtask_retry(actor, other)
    run(task)
    assert (task.subtasks.get().round, len([asked for asked in stage.world.asked if asked.purpose == "work"])) == (3, 3)


def test_a_step_is_not_retried_while_a_worker_still_writes(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    stage = Stage(actor, monkeypatch, lambda asked: Say("Done.", hold=go_on) if asked.purpose == "work" else None)
    task = services.task_create(actor, description="x")
    with working(Worker()) as threads:
        until(lambda: stage.asked("work"))
        task.refresh_from_db()
        with pytest.raises(Conflict, match="Pause it first"):
            services.subtask_retry(actor, task.subtasks.select_related("task").get())
        services.task_pause(actor, task)
        with pytest.raises(Conflict, match="still finishing"):
            services.subtask_retry(actor, task.subtasks.select_related("task").get())
        assert task.subtasks.get().round == 1
        go_on.set()
        threads[0].join(20)
    services.subtask_retry(actor, task.subtasks.select_related("task").get())
    task = run(task)
    assert (task.status, task.subtasks.get().round) == ("completed", 2)


def test_what_failed_is_started_again_with_models_that_came_since(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(
        actor, monkeypatch, lambda asked: Overloaded("busy") if asked.purpose == "work" and asked.model.model != "dee" else None
    )
    task = run(services.task_create(actor, description="x"))
    assert (task.status, task.error_code) == ("failed", "subtasks_failed")
    assert "busy" in task.subtasks.get().error or task.error_data["failed"]
    stage.models["dee"] = make_model(actor, "dee", price_input=Decimal(9), price_output=Decimal(9))
    stage.look_again()
    task = run(services.task_start(actor, task))
    assert (task.status, task.result) == ("completed", f"A whole work by {stage.models['dee'].public_id}.")
    assert stage.asked("plan") == ["cyd"]


def test_a_person_can_let_a_task_go_on_without_a_check(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    Stage(actor, monkeypatch, lambda asked: None, names=("ann",))
    task = run(services.task_create(actor, description="x"))
    assert (task.status, task.error_code, task.error_data["role"]) == ("paused", "too_few_models", "validator")
    assert not Call.objects.exists()
    assert faults(services.task_resume, actor, task, policy={"on_too_few_models": "pray"}) == {
        "policy.on_too_few_models": "invalid"
    }
    task = run(services.task_resume(actor, task, policy={"on_too_few_models": "continue"}))
    subtask = task.subtasks.get()
    assert (task.status, subtask.cross_validated, subtask.confidence) == ("completed", False, 50)


def test_escalating_by_hand_takes_the_weakest_step_to_the_ablest_other_family(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    def script(asked):
        if asked.purpose == "plan":
            return plan(step(1), step(2))
        return verdict(85) if asked.purpose == "check" and "Step 2" in asked.prompt else None

    stage = Stage(actor, monkeypatch, script)
    task = run(services.task_create(actor, description="x"))
    services.task_escalate(actor, task)
    assert task.subtasks.get(order=2).asked_executor == stage.models["cyd"]
    assert task.subtasks.get(order=1).round == 1
    assert run(task).status == "completed"


def test_there_is_nothing_to_escalate_where_nothing_is_finished_or_nobody_else_is_there(actor: Actor) -> None:
    task = make_task(actor, status="failed")
    with pytest.raises(Conflict, match="nothing to escalate"):
        services.task_escalate(actor, task)
    only = make_model(actor, "only")
    make_subtask(task, 1, "Done", status="completed", executor=only)
    make_model(actor, "twin", family="only", provider="groq")
    make_model(actor, "practice", is_practice=True)
    with pytest.raises(Conflict, match="another family"):
        services.task_escalate(actor, task)
    assert not ExecutionLog.objects.filter(event="escalated_by_hand").exists()


def test_the_evidence_shown_is_that_of_the_attempt_that_stands(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    def script(asked):
        if asked.purpose == "check":
            return verdict(60) if "by " + str(stage.models["ann"].public_id) in asked.prompt else verdict(10)
        return ruling("neither") if asked.purpose == "settle" else None

    stage = Stage(actor, monkeypatch, script)
    policy = {"on_too_few_models": "continue", "divergence_threshold": 95, "confidence_threshold": 90, "max_escalations": 1}
    task = run(services.task_create(actor, description="x", policy=policy))
    subtask = task.subtasks.get()
    assert stage.asked("work") == ["ann", "cyd"]
    assert (subtask.executor, subtask.suspect, subtask.escalations) == (stage.models["ann"], True, 1)
    assert (subtask.verdict["score"], subtask.divergence, subtask.divergence_parts["score"]) == (60, 40, 40)
    counted = {metric.model.key: metric.executions for model in stage.models.values() for metric in model.quality.all()}
    assert counted == {"ann": 1}
