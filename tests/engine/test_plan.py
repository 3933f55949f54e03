"""The plan: good ones, every kind of bad one, who is asked next, and a person's changes."""

from __future__ import annotations

import pytest

from apps.providers.errors import Overloaded, SchemaMismatch
from apps.tasks.engine.errors import AwaitingApproval, BadPlan, NoModel, TooFewModels
from apps.tasks.engine.plan import find_cycle, must_be_feasible
from apps.tasks.engine.types import Plan
from tests.engine.fakes import a_subtask, candidate, plan, scene, step, three


def plans(*answers):
    """The planners' answers, in the order in which they are asked."""
    left = list(answers)
    return lambda asked: left.pop(0) if asked.purpose == "plan" else None


async def made(play) -> Plan:
    from apps.tasks.engine.plan import make_plan

    return await (await play.begin()).stage("plan", make_plan, play.task)


async def test_it_makes_a_plan_with_the_ablest_model() -> None:
    play = scene(plans(plan(step(1, category=" Math "), step(2, 1))))
    made_plan = await made(play)
    assert [(item.order, item.depends_on, item.category) for item in made_plan.subtasks] == [
        (1, (), "math"),
        (2, (1,), "general"),
    ]
    assert made_plan.planned_by.id == "cyd"
    assert not made_plan.is_fallback
    assert made_plan.subtasks[0].acceptance_criteria == ("It is right",)


async def test_the_model_that_was_asked_for_plans() -> None:
    play = scene(cast={"planner": "bob"})
    assert (await made(play)).planned_by.id == "bob"


BAD_PLANS = {
    "a cycle": (plan(step(1, 2), step(2, 1)), "1, 2 wait for one another"),
    "a step that waits for itself": (plan(step(1, 1)), "1 wait for one another"),
    "an unknown dependency": (plan(step(1), step(2, 7)), "Subtask 2 depends on 7"),
    "500 subtasks": (plan(*(step(number) for number in range(1, 501))), "500 subtasks; at most 30"),
    "no subtasks": (plan(), "no subtasks"),
    "two of one number": (plan(step(1), step(1)), "the same number"),
    "no description": (plan(step(1, description="  ")), "Subtask 1 has no description"),
    "a number below one": (plan(step(-1)), "from 1"),
    "a number beyond counting": (plan(step(70_000)), "from 1"),
    "a description of a whole book": (plan(step(1, description="x" * 30_000)), "Subtask 1 is too long"),
    "another shape": ({"steps": []}, "agreed shape"),
    "a list": ([1, 2], "agreed shape"),
    "words for numbers": (plan(step(1) | {"number": "first"}), "agreed shape"),
}


@pytest.mark.parametrize("name", BAD_PLANS)
async def test_it_asks_again_and_says_what_was_wrong(name: str) -> None:
    from tests.engine.fakes import Say

    bad, problem = BAD_PLANS[name]
    play = scene(plans(Say("bad", data=bad), plan(step(1), step(2))))
    made_plan = await made(play)
    assert len(made_plan.subtasks) == 2
    assert play.world.by("plan") == ["cyd", "cyd"]
    assert problem in play.world.asked[1].last
    assert play.world.asked[1].request.messages[-2].content == "bad"


async def test_a_second_planner_is_asked_when_the_first_gives_two_bad_plans() -> None:
    bad = plan(step(1, 1))
    play = scene(plans(bad, bad, plan(step(1), step(2))))
    made_plan = await made(play)
    assert made_plan.planned_by.id == "bob"
    assert play.world.by("plan") == ["cyd", "cyd", "bob"]


async def test_two_planners_without_a_usable_plan_leave_one_step_that_says_why() -> None:
    bad = plan(step(1, 1))
    play = scene(plans(bad, bad, bad, bad))
    made_plan = await made(play)
    assert made_plan.is_fallback
    assert made_plan.planned_by is None
    assert [item.description for item in made_plan.subtasks] == ["Do it well."]
    assert "wait for one another" in made_plan.note
    assert play.world.by("plan") == ["cyd", "cyd", "bob", "bob"]


@pytest.mark.parametrize(
    "failure", ["I would rather chat.", SchemaMismatch("no JSON"), Overloaded("busy")], ids=["prose", "schema", "busy"]
)
async def test_planners_that_give_no_json_or_fail_leave_one_step(failure) -> None:
    play = scene(plans(failure, failure))
    made_plan = await made(play)
    assert made_plan.is_fallback and len(made_plan.subtasks) == 1
    assert made_plan.note
    assert play.world.by("plan") == ["cyd", "bob"]
    assert play.memory.events.count("planner_failed") == 2


async def test_a_title_is_cut_to_its_place_and_an_empty_one_gets_a_name() -> None:
    play = scene(plans(plan(step(1, title="t" * 500), step(2, title=" "))))
    assert [len(item.title) for item in (await made(play)).subtasks] == [200, len("Step 2")]


async def test_no_model_at_all_is_said() -> None:
    play = scene(candidates=[candidate("ann", unavailable="failed_recently")])
    with pytest.raises(NoModel) as caught:
        await made(play)
    assert caught.value.extra["rejected"] == {"Ann": "failed_recently"}


async def test_with_nobody_to_check_it_stops_before_any_money_is_spent() -> None:
    play = scene(candidates=[candidate("ann"), candidate("ann-elsewhere", family="ann", provider="other")])
    with pytest.raises(TooFewModels):
        await play.run()
    assert play.world.asked == []


async def test_an_added_model_lets_it_go_on() -> None:
    play = scene(candidates=[candidate("ann")])
    with pytest.raises(TooFewModels):
        await play.run()
    play.world.candidates = three()
    assert (await play.run()).is_cross_validated


# ── a person looks at it ──────────────────────────────────────────────────────────────────────────────────────────


async def test_it_waits_for_approval_and_plans_once() -> None:
    play = scene()
    play.memory.is_approved = False
    for _ in range(2):
        with pytest.raises(AwaitingApproval):
            await play.run()
    assert play.world.by("plan") == ["cyd"]
    assert play.world.by("work") == []


async def test_the_plan_that_a_person_approved_and_changed_is_what_runs() -> None:
    play = scene(plans(plan(step(1), step(2))))
    play.memory.is_approved = False
    with pytest.raises(AwaitingApproval):
        await play.run()
    play.memory.is_approved = True
    play.memory.changed_plan = Plan((a_subtask(4, acceptance_criteria=("Only mine",)),))
    await play.run()
    assert play.memory.subtasks == {4: "completed"}
    assert "Do step 4." in play.world.prompts("work")[0]
    assert "Only mine" in play.world.prompts("check")[0]


# ── feasible or not ───────────────────────────────────────────────────────────────────────────────────────────────


def test_a_plan_that_can_be_carried_out_passes_in_any_order() -> None:
    must_be_feasible((a_subtask(9, depends_on=(3, 5)), a_subtask(3), a_subtask(5, depends_on=(3,))))


def test_it_names_everyone_in_a_circle_and_who_waits_for_it() -> None:
    circle = (a_subtask(1), a_subtask(2, depends_on=(4,)), a_subtask(3, depends_on=(2,)), a_subtask(4, depends_on=(3,)))
    assert find_cycle(circle) == [2, 3, 4]
    with pytest.raises(BadPlan, match="2, 3, 4"):
        must_be_feasible(circle)
