"""The final result is made only of text that was checked, word for word."""

from __future__ import annotations

from apps.tasks.engine.compose import compose
from apps.tasks.engine.types import Plan, Result
from tests.engine.fakes import a_subtask, scene
from tests.engine.test_conclude import an_outcome

ODD = "  # Not a title\n\n\n```\ncode\n```\n\ttabs, “quotes” and a trailing space "


async def composed(plan: Plan, outcomes: dict) -> Result:
    return compose(plan, outcomes, await scene().begin())


async def test_one_end_is_the_result_word_for_word() -> None:
    plan = Plan((a_subtask(1), a_subtask(2, depends_on=(1,))))
    result = await composed(plan, {1: an_outcome("First."), 2: an_outcome(ODD)})
    assert result.text == ODD


async def test_several_ends_stand_under_their_titles_word_for_word_in_order() -> None:
    plan = Plan((a_subtask(1), a_subtask(2, depends_on=(1,)), a_subtask(3, depends_on=(1,))))
    result = await composed(plan, {3: an_outcome("Third."), 1: an_outcome("First."), 2: an_outcome(ODD)})
    assert result.text == f"## Step 2\n\n{ODD}\n\n## Step 3\n\nThird."


async def test_it_is_as_sure_as_its_weakest_part_and_checked_only_when_every_part_is() -> None:
    plan = Plan((a_subtask(1), a_subtask(2, depends_on=(1,))))
    weak, strong = an_outcome("x", confidence=41, cross_validated=False), an_outcome("y", confidence=97)
    assert await composed(plan, {1: weak, 2: strong}) == Result("y", 41, is_cross_validated=False)
    assert (await composed(plan, {1: strong, 2: strong})).is_cross_validated
