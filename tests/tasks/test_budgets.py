"""Tasks under budgets of their team and person: paused before the call, resumed after, and nothing left set aside."""

from __future__ import annotations

import threading
from datetime import timedelta
from decimal import Decimal

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.accounts.models import Notification
from apps.providers import services as providers
from apps.providers.contract import Completion, Usage
from apps.providers.errors import Interrupted, OverBudget
from apps.providers.models import AIModel, Budget, CreditUsage, Reservation
from apps.tasks import selectors, services
from apps.tasks.engine.errors import OverSharedBudget, PriceUnknown
from apps.tasks.engine.moves import Moved
from apps.tasks.models import Call, Task
from apps.tasks.runner.ais import ref_of
from apps.tasks.runner.journal import DatabaseJournal
from tests.engine.fakes import Say
from tests.tasks.scenes import make_model, make_subtask, make_task
from tests.tasks.staged import Stage, run
from tests.tasks.test_journal import REQUEST, answer, begun, do

pytestmark = pytest.mark.django_db(transaction=True)

FIRST_CALL = "s1.r1.a1/execute#1"


@pytest.fixture
def running(actor) -> Task:
    made = make_task(actor, status="running", lease_owner="me", lease_until=timezone.now() + timedelta(seconds=20))
    make_subtask(made, 1, "Step 1")
    return made


@pytest.fixture
def ann(actor) -> AIModel:
    return make_model(actor, "ann", price_input=Decimal(2), price_output=Decimal(2))


def set_budget(actor, limit, **more) -> Budget:
    given = {"scope": "team", "period": "month", "limit_usd": Decimal(limit)}
    return providers.budget_create(actor, **{**given, **more})


def spent_and_held(budget: Budget) -> tuple[Decimal, Decimal]:
    budget.refresh_from_db()
    open_ones = Reservation.objects.filter(settled_at=None)
    return budget.spent_usd, sum((row.left_usd for row in open_ones), Decimal(0))


# ── whole tasks ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_task_pauses_before_the_call_that_a_team_budget_does_not_cover_and_goes_on_when_it_is_raised(
    actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    stage = Stage(actor, monkeypatch, lambda asked: None)
    budget = set_budget(actor, "0.000001")
    task = run(services.task_create(actor, description="x"))
    assert (task.status, task.error_code) == ("paused", "over_shared_budget")
    assert stage.world.asked == []
    told = selectors.task_detail(task)["error"]
    assert "the team's monthly budget (US$ 0.0000010)" in told
    assert "It is renewed on" in told
    assert Notification.objects.filter(kind="task_needs_you", body=told).exists()
    assert Notification.objects.filter(kind="budget_refused").count() == 1

    providers.budget_update(actor, budget, limit_usd=Decimal(10))
    task = run(services.task_resume(actor, task))
    assert task.status == "completed"
    assert [asked.purpose for asked in stage.world.asked] == ["plan", "work", "check"]
    spent = sum(row.cost_usd for row in CreditUsage.objects.all())
    assert spent > 0
    assert spent_and_held(budget) == (spent, 0)
    assert Reservation.objects.count() == 3


def test_a_task_goes_on_when_the_day_is_over(actor, monkeypatch: pytest.MonkeyPatch) -> None:
    Stage(actor, monkeypatch, lambda asked: None)
    budget = set_budget(actor, "1", period="day")
    Budget.objects.update(spent_usd=1)
    task = run(services.task_create(actor, description="x"))
    assert task.error_code == "over_shared_budget"
    tomorrow = timezone.now() + timedelta(days=1)
    monkeypatch.setattr(timezone, "now", lambda: tomorrow)
    assert run(services.task_resume(actor, task)).status == "completed"
    spent, held = spent_and_held(budget)
    assert 0 < spent < 1
    assert held == 0


def test_what_was_paid_before_the_budget_stopped_a_task_is_not_paid_again(actor, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(actor, monkeypatch, lambda asked: None)
    budget = set_budget(actor, "10")

    def spend_the_rest(asked):
        if asked.purpose == "work":
            others = threading.Thread(target=lambda: (Budget.objects.update(spent_usd=10), connection.close()))
            others.start()
            others.join(30)

    stage.world.script = spend_the_rest
    task = run(services.task_create(actor, description="x"))
    assert task.error_code == "over_shared_budget"
    assert [asked.purpose for asked in stage.world.asked] == ["plan", "work"]
    providers.budget_update(actor, budget, limit_usd=Decimal(20))
    assert run(services.task_resume(actor, task)).status == "completed"
    assert [asked.purpose for asked in stage.world.asked] == ["plan", "work", "check"]


def test_free_models_work_on_under_a_budget_that_is_spent(actor, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(actor, monkeypatch, lambda asked: None)
    AIModel.objects.update(price_input=0, price_output=0)
    stage.look_again()
    set_budget(actor, "0")
    assert run(services.task_create(actor, description="x")).status == "completed"
    assert not Reservation.objects.exists()


def test_a_model_of_unknown_price_is_passed_over_while_a_budget_is_in_force(actor, monkeypatch: pytest.MonkeyPatch) -> None:
    stage = Stage(actor, monkeypatch, lambda asked: None)
    make_model(actor, "dee", price_input=None, price_output=None)
    stage.models["dee"] = AIModel.objects.get(key="dee")
    stage.look_again()
    set_budget(actor, "10")
    assert run(services.task_create(actor, description="x")).status == "completed"
    assert "dee" not in {asked.model.model for asked in stage.world.asked}


def test_what_had_come_of_a_cut_answer_is_paid_and_gives_the_rest_back(actor, monkeypatch: pytest.MonkeyPatch) -> None:
    def script(asked):
        return Say("The same sentence again and again, for ever. ", endless=True) if asked.purpose == "work" else None

    Stage(actor, monkeypatch, script)
    budget = set_budget(actor, "10")
    run(services.task_create(actor, description="x"))
    spent = sum(row.cost_usd for row in CreditUsage.objects.all())
    assert CreditUsage.objects.filter(error_code="runaway_answer", cost_usd__gt=0).exists()
    assert spent_and_held(budget) == (spent, 0)


# ── single calls ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_call_holds_the_most_it_can_cost_until_it_is_stored(actor, running, ann) -> None:
    budget = set_budget(actor, "10")
    mine = DatabaseJournal(running, "me")

    async def asks() -> None:
        await begun(mine, FIRST_CALL, ann)

    async def hears() -> None:
        await mine.call_finish(FIRST_CALL, ref_of(ann), answer(tokens=1_000_000))

    do(asks)
    assert spent_and_held(budget) == (0, providers.call_usd(ann, REQUEST))
    assert Reservation.objects.get().linked_execution == running.public_id
    do(hears)
    assert spent_and_held(budget) == (2, 0)


def test_a_failed_call_gives_back_what_it_did_not_cost(actor, running, ann) -> None:
    budget = set_budget(actor, "10")
    mine = DatabaseJournal(running, "me")

    async def fails() -> None:
        await begun(mine, FIRST_CALL, ann)
        await mine.call_fail(FIRST_CALL, Interrupted("cut", partial=answer("Ha", tokens=500_000)))

    do(fails)
    assert spent_and_held(budget) == (1, 0)


def test_a_cancelled_call_pays_for_the_words_that_had_come(actor, running, ann) -> None:
    budget = set_budget(actor, "10")
    mine = DatabaseJournal(running, "me")

    async def is_cut() -> None:
        await begun(mine, FIRST_CALL, ann)
        await mine.call_cancel(FIRST_CALL, "x" * 4_000)
        await begun(mine, f"{FIRST_CALL}.2", ann)
        await mine.call_cancel(f"{FIRST_CALL}.2", "")

    do(is_cut)
    first, second = CreditUsage.objects.order_by("pk")
    assert (first.output_tokens, first.is_estimated, second.cost_usd) == (1_000, True, 0)
    assert spent_and_held(budget) == (first.cost_usd, 0)


def test_another_servers_attempt_is_paid_from_the_same_reservation(actor, running, ann) -> None:
    budget = set_budget(actor, "10")
    other = make_model(actor, "ann2", price_input=Decimal(2), price_output=Decimal(2))
    mine = DatabaseJournal(running, "me")
    partial = Completion("Ha", "unknown", Usage(1_000, 0), "ann")

    async def moves() -> None:
        await begun(mine, FIRST_CALL, ann)
        await mine.call_moved(
            FIRST_CALL, Moved(ref_of(ann), ref_of(other), "interrupted", "cut", was_asked=True, partial=partial)
        )

    async def hears() -> None:
        await mine.call_finish(FIRST_CALL, ref_of(other), answer(tokens=1_000_000))

    do(moves)
    assert spent_and_held(budget) == (Decimal("0.002"), providers.call_usd(ann, REQUEST) - Decimal("0.002"))
    do(hears)
    assert spent_and_held(budget) == (Decimal("2.002"), 0)
    assert Reservation.objects.get().cost_usd == Decimal("2.002")


def test_what_a_killed_run_had_set_aside_is_free_when_the_task_is_taken_up(actor, running, ann) -> None:
    budget = set_budget(actor, "10")
    killed = DatabaseJournal(running, "me")

    async def asks() -> None:
        await begun(killed, FIRST_CALL, ann)

    do(asks)
    assert spent_and_held(budget)[1] > 0
    DatabaseJournal(running, "another").load()
    assert spent_and_held(budget) == (0, 0)


def test_a_refused_call_leaves_no_row_and_can_be_asked_again(actor, running, ann) -> None:
    budget = set_budget(actor, "0")
    mine = DatabaseJournal(running, "me")

    async def asks() -> None:
        await begun(mine, FIRST_CALL, ann)

    with pytest.raises(OverSharedBudget) as caught:
        do(asks)
    assert isinstance(caught.value.__cause__, OverBudget)
    assert caught.value.extra["budget"]["id"] == str(budget.public_id)
    assert not Call.objects.exists()
    providers.budget_update(actor, budget, limit_usd=Decimal(10))
    do(asks)
    assert Call.objects.get().status == "started"


def test_a_call_of_unknown_price_stops_the_task_by_the_models_name(actor, running) -> None:
    set_budget(actor, "10")
    riddle = make_model(actor, "riddle", label="Riddle 7B", price_input=None, price_output=None)

    async def asks() -> None:
        await begun(DatabaseJournal(running, "me"), FIRST_CALL, riddle)

    with pytest.raises(PriceUnknown) as caught:
        do(asks)
    assert caught.value.extra["model"] == "Riddle 7B"


@pytest.mark.parametrize(("price", "queries"), [(2, 1), (0, 0)])
def test_without_a_budget_a_paid_call_asks_for_one_once_and_a_free_one_never(actor, running, price, queries) -> None:
    model = make_model(actor, "eve", price_input=Decimal(price), price_output=Decimal(price))
    mine = DatabaseJournal(running, "me")

    async def asks_and_hears() -> None:
        await begun(mine, FIRST_CALL, model)
        await mine.call_finish(FIRST_CALL, ref_of(model), answer())

    with CaptureQueriesContext(
        connection,
    ) as seen:
        do(asks_and_hears)
    about_budgets = [query["sql"] for query in seen if "budget" in query["sql"] and "ai_models" not in query["sql"]]
    assert len(about_budgets) == queries


def test_the_dearest_server_of_a_balance_group_decides(actor, running, ann) -> None:
    budget = set_budget(actor, "10")
    dear = make_model(actor, "ann", provider="other", price_input=Decimal(20), price_output=Decimal(20))
    for model in (ann, dear):
        model.provider.balance_group = "both"
        model.provider.save()

    async def asks() -> None:
        await begun(DatabaseJournal(running, "me"), FIRST_CALL, ann)

    do(asks)
    assert spent_and_held(budget)[1] == providers.call_usd(dear, REQUEST)
