"""The task's memory in the database, and the workers that share it."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Awaitable, Callable
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.db import IntegrityError, OperationalError, connections, transaction
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.common import machine as machine_module
from apps.providers.contract import ChatRequest, Completion, Message, Usage
from apps.providers.errors import Interrupted, Overloaded, ProviderError
from apps.providers.models import CreditUsage, QualityMetric
from apps.tasks import services
from apps.tasks.engine.errors import EmptyWork, LeaseLost, RunawayAnswer
from apps.tasks.engine.types import Check, Outcome, Plan, PlannedSubtask
from apps.tasks.models import Call, ExecutionLog, Step, Subtask, Task
from apps.tasks.runner import announce, endings, leased_writes
from apps.tasks.runner.ais import ref_of
from apps.tasks.runner.journal import DatabaseJournal
from apps.tasks.runner.worker import Worker
from tests.engine.fakes import Say, plan, step
from tests.tasks.scenes import make_call, make_model, make_subtask, make_task
from tests.tasks.staged import Stage, run, until, working

pytestmark = pytest.mark.django_db(transaction=True)

REQUEST = ChatRequest(model="ann", messages=(Message("user", "Say it."),))
FIRST = PlannedSubtask(order=1, title="Step 1", description="Do it.")


def answer(text: str = "Said.", tokens: int = 1_000_000) -> Completion:
    return Completion(text, "stop", Usage(tokens, 0), "ann")


@pytest.fixture
def task(actor: Actor) -> Task:
    made = make_task(actor, status="running", lease_owner="me", lease_until=timezone.now() + timedelta(seconds=20))
    make_subtask(made, 1, "Step 1")
    return made


@pytest.fixture
def ann(actor: Actor):
    return make_model(actor, "ann", price_input=Decimal(2), price_output=Decimal(2))


def do(steps: Callable[[], Awaitable[Any]]) -> Any:
    """Run it as the worker runs the engine."""

    async def awaited() -> Any:
        return await steps()

    return async_to_sync(awaited)()


async def begun(memory: DatabaseJournal, key: str, model, *, stage: str = "execute") -> None:
    place = key.partition("#")[0]
    if place not in memory._began:
        await memory.stage_begin(place, stage, FIRST)
    await memory.call_begin(key, stage, FIRST, ref_of(model), REQUEST)


# ── the lease ─────────────────────────────────────────────────────────────────────────────────────────────────────


def test_nothing_is_written_by_a_worker_that_another_has_replaced(task: Task, ann) -> None:
    mine = DatabaseJournal(task, "me")

    async def before() -> None:
        await begun(mine, "s1.r1.a1/execute#1", ann)

    do(before)
    Task.objects.filter(pk=task.pk).update(lease_owner="another")
    rows = {model: list(model.objects.values()) for model in (Task, Subtask, Step, Call, ExecutionLog, CreditUsage)}
    outcome = Outcome("x", ref_of(ann), None, None, 50, None, cross_validated=False)
    writes = {
        "a begun call": lambda: begun(mine, "s1.r1.a1/execute#2", ann),
        "a part": lambda: mine.call_partial("s1.r1.a1/execute#1", "Sa"),
        "an answer": lambda: mine.call_finish("s1.r1.a1/execute#1", ref_of(ann), answer()),
        "an error": lambda: mine.call_fail("s1.r1.a1/execute#1", Overloaded("busy")),
        "a finished stage": lambda: finished("s1.r1.a1/conclude", "conclude", FIRST, outcome),
        "a plan": lambda: finished("plan", "plan", None, Plan((FIRST,))),
        "a failed stage": lambda: mine.stage_fail("s1.r1.a1/execute", EmptyWork("x")),
        "an approved plan": lambda: mine.approved_plan(),
        "a failed subtask": lambda: mine.subtask_fail(FIRST, EmptyWork("x")),
        "a skipped subtask": lambda: mine.subtask_skip(FIRST),
        "a note": lambda: mine.note("hello", FIRST),
    }

    async def finished(key: str, stage: str, subtask: PlannedSubtask | None, result: Any) -> None:
        await mine.stage_begin(key, stage, subtask)
        await mine.stage_finish(key, stage, subtask, result)

    for write in writes.values():
        with pytest.raises(LeaseLost):
            do(write)
    assert rows == {model: list(model.objects.values()) for model in rows}


def test_each_write_renews_the_lease(task: Task) -> None:
    Task.objects.filter(pk=task.pk).update(lease_until=timezone.now() + timedelta(seconds=1))
    do(lambda: DatabaseJournal(task, "me").note("hello", None))
    task.refresh_from_db()
    assert task.lease_until > timezone.now() + timedelta(seconds=10)


def test_a_replaced_worker_that_lets_go_does_not_touch_its_successors_call(task: Task, ann) -> None:
    old, new = DatabaseJournal(task, "me"), DatabaseJournal(task, "another")

    async def both() -> None:
        await begun(old, "s1.r1.a1/execute#1", ann)

    do(both)
    Task.objects.filter(pk=task.pk).update(lease_owner="another")
    new.load()

    async def takes_over() -> None:
        await begun(new, "s1.r1.a1/execute#1", ann)
        await old.call_cancel("s1.r1.a1/execute#1", "Half")
        await new.call_finish("s1.r1.a1/execute#1", ref_of(ann), answer())

    do(takes_over)
    assert sorted(Call.objects.values_list("status", flat=True)) == ["cancelled", "done"]
    assert Call.objects.get(status="done").key == "s1.r1.a1/execute#1"


def test_a_workers_name_fits_its_place_whatever_the_machine_is_called(settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.ORQ_BOOT_ID = "a" * 36
    monkeypatch.setattr(machine_module.socket, "gethostname", lambda: "x" * 64)
    assert len(Worker().name) <= Task._meta.get_field("lease_owner").max_length


# ── what comes back after a restart ───────────────────────────────────────────────────────────────────────────────


def test_answers_errors_and_stages_come_back_and_what_gave_no_answer_is_set_aside(task: Task, ann) -> None:
    mine = DatabaseJournal(task, "me")

    async def first_life() -> None:
        await begun(mine, "s1.r1.a1/execute#1", ann)
        await mine.call_finish("s1.r1.a1/execute#1", ref_of(ann), answer("Whole."))
        await begun(mine, "s1.r1.a1/execute#2", ann)
        await mine.call_fail("s1.r1.a1/execute#2", Interrupted("cut"))
        await mine.stage_begin("s1.r1.a1/validate", "validate", FIRST)
        await mine.stage_finish("s1.r1.a1/validate", "validate", FIRST, Check(reason_not="switched_off"))
        await begun(mine, "s1.r1.a1/execute#3", ann)
        await mine.call_partial("s1.r1.a1/execute#3", "Ha")

    do(first_life)
    again = DatabaseJournal(task, "me")
    again.load()

    async def second_life() -> None:
        stored = await again.call_result("s1.r1.a1/execute#1")
        assert (stored.completion, stored.by) == (answer("Whole."), ref_of(ann))
        assert isinstance(await again.call_result("s1.r1.a1/execute#2"), Interrupted)
        assert await again.stage_result("s1.r1.a1/validate", Check) == Check(reason_not="switched_off")
        assert await again.call_result("s1.r1.a1/execute#3") is None
        await begun(again, "s1.r1.a1/execute#3", ann)

    do(second_life)
    lost = Call.objects.get(error_code="lost")
    assert (lost.status, lost.text) == ("cancelled", "Ha")


@pytest.mark.parametrize("error", [Overloaded("busy"), Interrupted("cut"), EmptyWork("empty"), RunawayAnswer("again and again")])
def test_a_stored_error_comes_back_as_what_it_was(task: Task, ann, error) -> None:
    mine = DatabaseJournal(task, "me")

    async def fails() -> None:
        await begun(mine, "s1.r1.a1/execute#1", ann)
        await mine.call_fail("s1.r1.a1/execute#1", error)

    do(fails)
    again = DatabaseJournal(task, "me")
    again.load()
    stored = do(lambda: again.call_result("s1.r1.a1/execute#1"))
    assert (type(stored), stored.code, stored.message) == (type(error), error.code, error.message)


def test_an_error_of_a_kind_that_is_gone_is_still_an_error_of_the_model(task: Task) -> None:
    make_call(task, "s1.r1.a1/execute#1", None, status="failed", error_code="of_an_older_release", error="It was so.")
    again = DatabaseJournal(task, "me")
    again.load()
    stored = do(lambda: again.call_result("s1.r1.a1/execute#1"))
    assert isinstance(stored, ProviderError)
    assert (stored.code, stored.message) == ("of_an_older_release", "It was so.")


def test_a_stage_that_is_written_twice_counts_once(task: Task, ann) -> None:
    """A cancel can come after the write and before the word of it: what waits is then written again."""
    mine = DatabaseJournal(task, "me")
    Subtask.objects.filter(task=task).update(executor=ann, executor_family="ann")
    outcome = Outcome("x", ref_of(ann), None, None, 40, None, cross_validated=False, escalate_because="low_confidence")

    async def concludes() -> None:
        await mine.stage_begin("s1.r1.a1/conclude", "conclude", FIRST)
        await mine.stage_finish("s1.r1.a1/conclude", "conclude", FIRST, outcome)

    do(concludes)
    waiting = DatabaseJournal(task, "me")

    async def once_more() -> None:
        await waiting.stage_begin("s1.r1.a1/conclude", "conclude", FIRST)
        await waiting.stage_finish("s1.r1.a1/conclude", "conclude", FIRST, outcome)

    do(once_more)
    assert task.subtasks.get().escalations == 1
    assert QualityMetric.objects.get(model=ann).executions == 1


# ── money ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_money_is_summed_from_stored_calls_whoever_asks(task: Task, ann) -> None:
    mine = DatabaseJournal(task, "me")

    async def spends() -> list[Decimal | None]:
        await begun(mine, "s1.r1.a1/execute#1", ann)
        first = await mine.call_finish("s1.r1.a1/execute#1", ref_of(ann), answer(tokens=1_000_000))
        await begun(mine, "s1.r1.a1/execute#2", ann)
        second = await mine.call_fail("s1.r1.a1/execute#2", Interrupted("cut", partial=answer("Ha", tokens=500_000)))
        await begun(mine, "s1.r1.a1/execute#3", ann)
        third = await mine.call_fail("s1.r1.a1/execute#3", Overloaded("busy"))
        return [first, second, third]

    assert do(spends) == [Decimal(2), Decimal(1), None]
    assert do(DatabaseJournal(task, "another").spent_usd) == Decimal(3)


def test_a_task_over_its_budget_goes_on_when_that_is_raised_and_pays_for_nothing_twice(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(actor, monkeypatch, lambda asked: None)
    ids = {name: str(model.public_id) for name, model in stage.models.items()}
    stage.world.estimates = {ids["cyd"]: Decimal("0.0004"), ids["ann"]: Decimal("0.0004"), ids["bob"]: Decimal("0.0004")}
    task = run(services.task_create(actor, description="x", budget="0.0005"))
    assert (task.status, task.error_code) == ("paused", "over_budget")
    assert [asked.purpose for asked in stage.world.asked] == ["plan"]
    services.task_update(actor, task, budget="1")
    task = run(services.task_resume(actor, task))
    assert task.status == "completed"
    assert [asked.purpose for asked in stage.world.asked] == ["plan", "work", "check"]
    assert do(DatabaseJournal(task, "x").spent_usd) == sum(row.cost_usd for row in CreditUsage.objects.all())


def test_what_was_cut_as_a_runaway_is_paid_for_too(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    loop = "The same sentence again and again, for ever. "

    def script(asked):
        return Say(loop, endless=True) if asked.purpose == "work" and asked.model.model == "ann" else None

    Stage(actor, monkeypatch, script)
    assert run(services.task_create(actor, description="x")).status == "completed"
    call = Call.objects.get(error_code="runaway_answer")
    assert loop in call.text
    assert call.usage.is_estimated and call.usage.output_tokens > 200 and call.usage.cost_usd > 0


# ── the database's own refusals ───────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    "families",
    [
        {"executor_family": "llama", "validator_family": "llama"},
        {"executor_family": "llama", "tie_breaker_family": "llama"},
        {"validator_family": "llama", "tie_breaker_family": "llama"},
    ],
)
def test_the_database_itself_refuses_an_ai_that_judges_its_own_work(task: Task, families: dict) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Subtask.objects.filter(task=task).update(**families)
    Subtask.objects.filter(task=task).update(**{name: f"{name} {family}" for name, family in families.items()})


def test_a_key_is_used_once_in_a_task(task: Task) -> None:
    make_call(task, "plan#1", None)
    with pytest.raises(IntegrityError), transaction.atomic():
        make_call(task, "plan#1", None)
    with pytest.raises(IntegrityError), transaction.atomic():
        Step.objects.create(task=task, key="plan", stage="plan")


# ── many workers ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_two_workers_that_hear_of_the_same_work_do_each_task_once(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(actor, monkeypatch, lambda asked: plan(step(1), step(2)) if asked.purpose == "plan" else None)
    tasks = [services.task_create(actor, description=f"Task {number}") for number in range(6)]
    with working(Worker(), Worker()):
        until(lambda: Task.objects.filter(status="completed").count() == 6, within_s=60)
    assert set(Task.objects.values_list("runs", flat=True)) == {1}
    assert Counter(call.task_id for call in Call.objects.all()) == {task.pk: 5 for task in tasks}
    assert len(stage.world.asked) == 30


def test_no_more_tasks_run_at_once_than_allowed(actor: Actor, monkeypatch: pytest.MonkeyPatch, settings) -> None:
    settings.ORQ_TASKS_AT_ONCE = 2
    go_on = threading.Event()
    stage = Stage(actor, monkeypatch, lambda asked: Say("Done.", hold=go_on) if asked.purpose == "work" else None)
    for number in range(4):
        services.task_create(actor, description=f"Task {number}")
    workers = [Worker() for _ in range(4)]
    with working(*workers) as threads:
        until(lambda: len(stage.asked("work")) == 2)
        until(lambda: sum(thread.is_alive() for thread in threads) == 2)  # the others found no room and went
        assert Task.objects.held().count() == 2
        go_on.set()
        until(lambda: Task.objects.filter(status="completed").count() == 4, within_s=60)
    assert stage.world.most_open <= 2


def test_the_most_urgent_is_taken_up_first_and_then_the_oldest(actor: Actor) -> None:
    for title, priority in (("first", 1), ("second", 1), ("low", 0), ("urgent", 3), ("high", 2)):
        make_task(actor, title, priority=priority)
    make_task(actor, "not started", priority=3, is_started=False)
    make_task(actor, "held", priority=3, lease_owner="x", lease_until=timezone.now() + timedelta(seconds=20))
    make_task(actor, "paused", priority=3, status="paused")
    worker = Worker()
    taken = []
    while (task := worker.claim()) is not None:
        taken.append(task.title)
        Task.objects.filter(pk=task.pk).update(status="completed", lease_until=None)
    assert taken == ["urgent", "high", "first", "second", "low"]


def test_a_task_whose_worker_fell_silent_is_taken_up_by_another(actor: Actor) -> None:
    task = make_task(actor, status="running", lease_owner="gone", lease_until=timezone.now() - timedelta(seconds=1))
    worker = Worker()
    assert worker.claim() == task
    task.refresh_from_db()
    assert (task.lease_owner, task.runs) == (worker.name, 1)


def test_a_worker_that_slept_does_not_run_its_own_task_a_second_time(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()
    stage = Stage(actor, monkeypatch, lambda asked: Say("Done.", hold=go_on) if asked.purpose == "work" else None)
    task = services.task_create(actor, description="x")
    worker = Worker()
    with working(worker) as threads:
        until(lambda: stage.asked("work"))
        Task.objects.filter(pk=task.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
        assert worker.claim() is None
        go_on.set()
        threads[0].join(20)
    task.refresh_from_db()
    assert (task.status, task.runs) == ("completed", 1)


# ── while an AI thinks ────────────────────────────────────────────────────────────────────────────────────────────


def test_no_transaction_and_no_connection_to_a_server_is_open_while_an_ai_thinks(
    actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[tuple[str, bool, bool]] = []
    wrappers: dict[int, Any] = {}

    class Watching(Worker):
        def run(self, task: Task) -> None:
            wrappers[task.pk] = connections["default"]  # that of the thread in which the worker's database work is done
            super().run(task)

    def script(asked):
        for wrapper in wrappers.values():
            seen.append((wrapper.vendor, wrapper.in_atomic_block, wrapper.connection is not None))
        return plan(step(1), step(2)) if asked.purpose == "plan" else None

    Stage(actor, monkeypatch, script)
    task = services.task_create(actor, description="x")
    with working(Watching()) as threads:
        threads[0].join(30)
    task.refresh_from_db()
    assert task.status == "completed"
    assert len(seen) == 5
    for vendor, in_transaction, is_open in seen:
        assert not in_transaction
        assert vendor == "sqlite" or not is_open  # SQLite's open file holds up nobody


def test_pages_are_told_of_a_note_once_it_is_stored(task: Task, monkeypatch: pytest.MonkeyPatch) -> None:
    told = []
    tell = lambda task, **note: told.append((note["event"], connections["default"].in_atomic_block))  # noqa: E731
    monkeypatch.setattr(announce, "noted", tell)
    do(lambda: DatabaseJournal(task, "me").note("hello", None))
    assert told == [("hello", False)]


def test_a_database_that_is_away_for_a_moment_is_waited_for(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(actor, monkeypatch, lambda asked: None)
    monkeypatch.setattr(leased_writes, "TRY_AGAIN_AFTER_S", 0.01)
    real, calls = leased_writes.LeasedWrites._write_now, []

    def failing_now_and_then(self, *args):
        calls.append(1)
        if len(calls) % 3 == 1:
            raise OperationalError("server has gone away")
        given = real(self, *args)
        if len(calls) % 3 == 0:
            raise OperationalError("lost connection after the commit")
        return given

    monkeypatch.setattr(leased_writes.LeasedWrites, "_write_now", failing_now_and_then)
    task = run(services.task_create(actor, description="x"))
    assert (task.status, task.runs) == ("completed", 1)
    assert [asked.purpose for asked in stage.world.asked] == ["plan", "work", "check"]
    assert Call.objects.count() == CreditUsage.objects.count() == 3
    assert set(Call.objects.values_list("status", flat=True)) == {"done"}


def test_a_task_does_not_fail_because_the_database_stayed_away(task: Task) -> None:
    endings.ended_early(task, "me", OperationalError("server has gone away"), "")
    task.refresh_from_db()
    assert (task.status, task.lease_owner) == ("running", "me")  # its lease runs out, and it is taken up again
    Task.objects.filter(pk=task.pk).update(lease_until=timezone.now() - timedelta(seconds=1))
    assert Worker().claim() == task


def test_an_ending_that_came_too_late_is_not_logged(task: Task) -> None:
    Task.objects.filter(pk=task.pk).update(status="cancelled")
    endings.completed(task, "me")
    task.refresh_from_db()
    assert (task.status, task.lease_owner) == ("cancelled", "")
    assert not ExecutionLog.objects.filter(event="completed").exists()
