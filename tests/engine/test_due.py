"""Which steps are checked: all of them, unless the policy says from when on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.tasks.engine.due import is_check_due
from apps.tasks.engine.types import VerifyRule
from tests.engine.fakes import a_subtask, a_task, candidate, plan, scene, step

HARD = (
    "Prove that the algorithm terminates, derive its worst-case complexity step by step, and explain why each invariant "
    "of the distributed consensus protocol holds when two nodes fail at the same time."
)


def due(rule: VerifyRule, *, description: str = "Say hello.", order: int = 1, **task) -> bool:
    policy = {"verify": rule, **task.pop("policy", {})}
    subtask = a_subtask(order, **task.pop("subtask", {}))
    return is_check_due(a_task(policy=policy, **task), replace(subtask, description=description))


def test_every_step_is_checked_unless_something_else_is_said() -> None:
    assert is_check_due(a_task(), a_subtask())
    assert not is_check_due(a_task(policy={"cross_validate": False}), a_subtask())


def test_hard_steps_are_checked_from_a_complexity_on() -> None:
    rule = VerifyRule("from_complexity", from_complexity=40)
    assert due(rule, description=HARD)
    assert not due(rule)


@pytest.mark.parametrize(("priority", "is_due"), [("low", False), ("medium", False), ("high", True), ("urgent", True)])
def test_tasks_with_something_at_stake_are_checked(priority: str, is_due: bool) -> None:
    assert due(VerifyRule("from_priority"), priority=priority) is is_due


def test_a_sample_is_of_the_share_that_was_asked_for_and_drawn_once_for_all() -> None:
    rule = VerifyRule("sample", sample_percent=30)
    drawn = [due(rule, id=f"task-{number}") for number in range(2_000)]
    assert 0.27 < sum(drawn) / len(drawn) < 0.33
    assert drawn == [due(rule, id=f"task-{number}") for number in range(2_000)]
    assert not any(due(VerifyRule("sample", sample_percent=0), order=order) for order in range(1, 50))
    assert all(due(VerifyRule("sample", sample_percent=100), order=order) for order in range(1, 50))


def test_a_category_can_have_a_rule_of_its_own() -> None:
    policy = {"verify_by_category": {"code": VerifyRule("always")}}
    never = VerifyRule("sample", sample_percent=0)
    assert due(never, policy=policy, subtask={"category": "code"})
    assert not due(never, policy=policy)


async def test_a_step_that_is_not_due_is_marked_as_not_cross_checked() -> None:
    play = scene(policy={"verify": VerifyRule("sample", sample_percent=0)})
    result = await play.run()
    assert (result.is_cross_validated, result.confidence) == (False, 50)
    assert play.world.by("check") == []
    assert play.memory.step("s1.r1.a1/validate")["reason_not"] == "not_due"


async def test_only_the_steps_that_are_due_are_checked() -> None:
    by_category = {"law": VerifyRule("always")}
    play = scene(
        lambda asked: plan(step(1), step(2, category="law")) if asked.purpose == "plan" else None,
        policy={"verify": VerifyRule("sample", sample_percent=0), "verify_by_category": by_category},
    )
    await play.run()
    assert len(play.world.by("check")) == 1


async def test_one_family_is_enough_where_nothing_is_due() -> None:
    play = scene(candidates=[candidate("ann", 1)], policy={"verify": VerifyRule("sample", sample_percent=0)})
    assert not (await play.run()).is_cross_validated
