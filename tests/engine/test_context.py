"""Money, pausing, cancelling, and steps side by side."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from types import SimpleNamespace

import pytest

from apps.providers.errors import Overloaded
from apps.tasks.engine import context
from apps.tasks.engine.errors import LeaseLost, OverBudget, OverSharedBudget, PauseRequested, SubtasksFailed
from tests.engine.fakes import FakeJournal, Say, plan, scene, step, until


def planned(*steps, work=None):
    """A plan of these steps; `work(asked)` plays the authors."""

    def script(asked):
        if asked.purpose == "plan":
            return plan(*steps)
        return work(asked) if asked.purpose == "work" and work else None

    return script


def names_in(prompt: str) -> str:
    return prompt.partition("Your step: ")[2].partition("\n")[0]


# ── money ─────────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_nothing_is_asked_that_could_cost_more_than_is_left() -> None:
    play = scene(budget_usd=Decimal("1"))
    play.world.estimates = {"ann": Decimal("1.01"), "bob": Decimal(0), "cyd": Decimal(0)}
    with pytest.raises(OverBudget) as caught:
        await play.run()
    assert caught.value.extra == {"left": "1", "needed": "1.01"}
    assert play.world.by("work") == []
    assert play.memory.open_calls == {}


async def test_a_call_that_costs_all_that_is_left_is_allowed() -> None:
    play = scene(budget_usd=Decimal("1"))
    play.world.estimates = {"ann": Decimal("1")}
    assert (await play.run()).text == "A whole work by ann."


async def test_an_unknown_price_is_never_spent_under_a_budget() -> None:
    play = scene(budget_usd=Decimal("1"))
    play.world.estimates = {"cyd": None}
    with pytest.raises(OverBudget):
        await play.run()
    assert play.world.asked == []


async def test_steps_side_by_side_cannot_overspend_together() -> None:
    gate = asyncio.Event()
    play = scene(planned(step(1), step(2), step(3), work=lambda asked: Say("Done.", wait=gate)), budget_usd=Decimal("1"))
    play.world.estimates = dict.fromkeys(("ann",), Decimal("0.6"))
    play.prices = {"ann": Decimal("0.6")}
    running = asyncio.create_task(play.run())
    await until(lambda: play.world.by("work") == ["ann"])
    for _ in range(200):
        await asyncio.sleep(0)
    assert play.world.by("work") == ["ann"]
    assert play.the_run.reserved_usd == Decimal("0.6")
    gate.set()
    with pytest.raises(OverBudget):
        await running
    assert sum(play.memory.costs.values()) <= 1
    assert play.the_run.reserved_usd == 0


async def test_a_step_waits_for_what_another_gives_back_rather_than_give_up() -> None:
    play = scene(planned(step(1), step(2), step(3)), budget_usd=Decimal("1"))
    play.world.estimates = {"ann": Decimal("0.6"), "bob": Decimal("0.6")}
    play.prices = {"ann": Decimal("0.01"), "bob": Decimal("0.01")}
    assert (await play.run()).is_cross_validated
    assert sum(play.memory.costs.values()) == Decimal("0.06")


async def test_a_pause_reaches_a_step_that_waits_for_money() -> None:
    gate = asyncio.Event()
    play = scene(planned(step(1), step(2), work=lambda asked: Say("Done.", wait=gate)), budget_usd=Decimal("1"))
    play.world.estimates = {"ann": Decimal("0.6")}
    running = asyncio.create_task(play.run())
    await until(lambda: play.world.by("work") == ["ann"])
    play.the_run.pause_requested = True
    gate.set()
    with pytest.raises(PauseRequested):
        await running
    assert play.world.by("work") == ["ann"]


async def test_money_spent_before_a_restart_counts() -> None:
    play = scene(planned(step(1), step(2, 1)), budget_usd=Decimal("1"))
    play.prices = {"ann": Decimal("0.7")}
    play.world.estimates = {"ann": Decimal("0.7")}
    for _ in range(2):
        with pytest.raises(OverBudget):
            await play.run()
    assert play.world.by("work") == ["ann"]
    play.task = scene(budget_usd=Decimal("2")).task
    assert (await play.run()).is_cross_validated
    assert play.world.by("work") == ["ann", "ann"]


# ── budgets of the team and the person ────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def refused(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """A shared budget that refuses the first `times` calls of a run; `asked` are the keys it was asked for."""
    budget = SimpleNamespace(times=0, is_held=True, asked=[])
    begin = FakeJournal.call_begin

    async def call_begin(journal: FakeJournal, key: str, *rest: object, **more: object) -> None:
        budget.asked.append(key)
        if len(budget.asked) <= budget.times:
            raise OverSharedBudget("not now", budget={}, is_held=budget.is_held)
        await begin(journal, key, *rest, **more)

    monkeypatch.setattr(FakeJournal, "call_begin", call_begin)
    monkeypatch.setattr(context, "LOOK_AGAIN_S", 0.0)
    return budget


async def test_a_call_waits_while_only_other_calls_are_in_the_budgets_way(refused: SimpleNamespace) -> None:
    refused.times = 3
    play = scene()
    assert (await play.run()).is_cross_validated
    assert len(set(refused.asked[:4])) == 1


async def test_a_budget_that_is_spent_stops_the_run_at_once(refused: SimpleNamespace) -> None:
    refused.times, refused.is_held = 1, False
    play = scene()
    with pytest.raises(OverSharedBudget):
        await play.run()
    assert play.world.asked == []
    assert (await play.run()).is_cross_validated


async def test_waiting_for_other_calls_has_an_end(refused: SimpleNamespace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(context, "WAIT_FOR_OTHERS_S", 1.0)
    refused.times = 10_000
    with pytest.raises(OverSharedBudget):
        await scene().run()
    assert 1 < len(refused.asked) < 100


async def test_a_pause_reaches_a_call_that_waits_for_others(refused: SimpleNamespace) -> None:
    refused.times = 10_000
    play = scene()
    running = asyncio.create_task(play.run())
    await until(lambda: len(refused.asked) > 2)
    play.the_run.pause_requested = True
    with pytest.raises(PauseRequested):
        await running


# ── pausing and cancelling ────────────────────────────────────────────────────────────────────────────────────────


async def test_a_pause_lets_the_answer_finish_stops_at_the_next_call_and_repeats_nothing() -> None:
    gate = asyncio.Event()
    play = scene(planned(step(1), step(2, 1), work=lambda asked: Say("Done.", wait=gate)))
    running = asyncio.create_task(play.run())
    await until(lambda: play.world.by("work") == ["ann"])
    play.the_run.pause_requested = True
    gate.set()
    with pytest.raises(PauseRequested):
        await running
    assert [asked.purpose for asked in play.world.asked] == ["plan", "work"]
    assert play.memory.cancelled == [] and play.memory.open_calls == {}
    assert (await play.run()).text == "Done."
    assert [asked.purpose for asked in play.world.asked] == ["plan", "work", "check", "work", "check"]


async def test_cancelling_closes_every_stream_at_once_and_keeps_what_had_come() -> None:
    never = asyncio.Event()
    play = scene(planned(step(1), step(2), work=lambda asked: Say(f"Half of {names_in(asked.prompt)}", wait=never)))
    running = asyncio.create_task(play.run())
    await until(lambda: play.world.open_streams == 2)
    for _ in range(5):
        await asyncio.sleep(0)
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert play.world.open_streams == 0
    assert sorted(text for _, text in play.memory.cancelled) == ["Half of Step 1", "Half of Step 2"]
    assert play.memory.open_calls == {}
    never.set()
    assert (await play.run()).is_cross_validated


async def test_a_lost_lease_ends_the_run_and_writes_nothing_more() -> None:
    gate = asyncio.Event()
    play = scene(planned(step(1), work=lambda asked: Say("Done.", wait=gate)))
    running = asyncio.create_task(play.run())
    await until(lambda: play.world.by("work") == ["ann"])
    play.journal.lost = LeaseLost("taken over")
    gate.set()
    with pytest.raises(LeaseLost):
        await running
    assert [asked.purpose for asked in play.world.asked] == ["plan", "work"]


# ── side by side ──────────────────────────────────────────────────────────────────────────────────────────────────


async def test_a_step_starts_as_soon_as_what_it_needs_is_done_and_no_later() -> None:
    slow = asyncio.Event()

    def work(asked):
        return Say("Slow.", wait=slow) if names_in(asked.prompt) == "Step 1" else f"{names_in(asked.prompt)} done."

    play = scene(planned(step(1), step(2), step(3, 2), step(4, 1, 3), work=work))
    running = asyncio.create_task(play.run())
    await until(lambda: play.memory.subtasks.get(3) == "completed")
    assert 1 not in play.memory.subtasks
    assert not any(names_in(prompt) == "Step 4" for prompt in play.world.prompts("work"))
    slow.set()
    assert (await running).text == "Step 4 done."
    last = next(prompt for prompt in play.world.prompts("work") if names_in(prompt) == "Step 4")
    assert "[Result of step 1]\nSlow." in last and "[Result of step 3]\nStep 3 done." in last
    assert "[Result of step 2]" not in last


async def test_one_that_fails_stops_only_those_that_need_it() -> None:
    def work(asked):
        return Overloaded("busy") if names_in(asked.prompt) == "Step 1" else None

    play = scene(planned(step(1), step(2), step(3, 1), step(4, 3), step(5, 2), step(6, 2, 4), work=work))
    with pytest.raises(SubtasksFailed) as caught:
        await play.run()
    assert play.memory.subtasks == {1: "failed", 2: "completed", 3: "skipped", 4: "skipped", 5: "completed", 6: "skipped"}
    assert list(caught.value.extra["failed"]) == [1]


@pytest.mark.parametrize("limit", [1, 3])
async def test_no_more_steps_run_at_once_than_allowed(limit: int) -> None:
    gate = asyncio.Event()
    steps = [step(number) for number in range(1, 9)]
    play = scene(planned(*steps, work=lambda asked: Say("Done.", wait=gate)), subtasks_at_once=limit)
    running = asyncio.create_task(play.run())
    await until(lambda: play.world.open_streams == limit)
    for _ in range(200):
        await asyncio.sleep(0)
    assert play.world.open_streams == limit
    gate.set()
    await running
    assert play.world.most_open == limit
    assert len(play.world.by("work")) == 8


async def test_an_unexpected_error_is_not_swallowed_and_leaves_no_stream_open() -> None:
    never = asyncio.Event()

    def work(asked):
        return ZeroDivisionError("a bug") if names_in(asked.prompt) == "Step 1" else Say("x", wait=never)

    play = scene(planned(step(1), step(2), work=work))
    with pytest.raises(ZeroDivisionError):
        await play.run()
    assert play.world.open_streams == 0


# ── live text ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_whoever_looks_on_gets_all_of_the_text_in_numbered_pieces() -> None:
    text = " ".join(f"word{number}" for number in range(400))
    play = scene(planned(step(1), work=lambda asked: text))
    await play.run()
    pieces = [heard for heard in play.audience.heard if heard["stage"] == "execute"]
    assert "".join(piece["delta"] for piece in pieces) == text
    assert [piece["seq"] for piece in pieces] == list(range(1, len(pieces) + 1))
    assert len(pieces) > 2
    assert {piece["model"].id for piece in pieces} == {"ann"}
    assert any(text.startswith(part) and len(part) > 100 for part in play.memory.partials.values())


async def test_keys_say_where_in_the_flow_a_call_was_made() -> None:
    play = scene(planned(step(1), step(2, 1)))
    await play.run()
    assert sorted(play.memory.steps) == sorted(
        ["plan", "compose"]
        + [f"s{n}.r1.a1/{stage}" for n in (1, 2) for stage in ("cast", "execute", "inspect", "validate", "tie-break", "conclude")]
    )
    assert {key.partition("#")[0] for key in play.memory.answers} == {
        "plan", "s1.r1.a1/execute", "s1.r1.a1/validate", "s2.r1.a1/execute", "s2.r1.a1/validate",
    }  # fmt: skip
