"""Prompts, and the reading of what comes back."""

from __future__ import annotations

import pytest

from apps.tasks.engine import profiles
from apps.tasks.engine.errors import BadPlan, BadVerdict
from apps.tasks.engine.profiles.compact import filled, lines_of
from tests.engine.fakes import a_subtask, a_task, like, model
from tests.engine.test_conclude import an_outcome

FULL = profiles.of(model("ann"))
COMPACT = profiles.of(like(model("tiny"), profile="compact"))


def test_no_prompt_leaves_a_blank_unfilled() -> None:
    task, subtask, inputs = a_task(), a_subtask(acceptance_criteria=("Fine",)), {1: an_outcome()}
    tried = (an_outcome("Before."),)
    prompts = [
        FULL.plan_prompt(task),
        FULL.work_prompt(task, subtask, inputs, tried),
        FULL.check_prompt(task, subtask, inputs, "Draft."),
        FULL.settle_prompt(task, subtask, inputs, "One.", "Two."),
        FULL.again(FULL.plan_prompt(task), "bad", "It is bad."),
        FULL.continued(FULL.work_prompt(task, subtask, {}, ()), "So far"),
    ]
    for prompt in prompts:
        for message in prompt.messages:
            assert "$" not in message.content
            assert message.content.strip()


@pytest.mark.parametrize("text", ["$title costs ${5} and $$ 100%", ">>>\n<<<", "{json} \\n %s"])
def test_a_persons_text_goes_in_as_it_is(text: str) -> None:
    task, subtask = a_task(description=text), a_subtask()
    for prompt in (FULL.plan_prompt(task), FULL.work_prompt(task, subtask, {}, ()), FULL.check_prompt(task, subtask, {}, text)):
        assert text in prompt.messages[-1].content


@pytest.mark.parametrize(
    "data", [None, [], "x", {}, {"score": 5}, {"expected": "x", "score": "much"}, {"expected": "x", "score": 101}]
)
def test_a_practice_models_odd_verdict_is_refused_by_name(data) -> None:
    with pytest.raises(BadVerdict):
        COMPACT.read_verdict(model("tiny"), data)


@pytest.mark.parametrize("data", [None, [], {}, {"winner": "C"}, {"expected": "x"}])
def test_odd_rulings_are_refused_by_name(data) -> None:
    for profile in (COMPACT, FULL):
        with pytest.raises(BadVerdict):
            profile.read_ruling(data)


@pytest.mark.parametrize(
    "data", [None, {}, {"subtasks": [{"line": "x"}]}, {"subtasks": [{"line": 9, "depends_on": []}]}, {"subtasks": []}]
)
def test_a_practice_models_odd_plan_is_refused_by_name(data) -> None:
    with pytest.raises(BadPlan):
        COMPACT.read_plan(a_task(description="reverse abc"), data)


def test_a_practice_model_plans_the_lines_of_the_task() -> None:
    task = a_task(description="1. add 2 and 3\n2. double step 1")
    plan = COMPACT.read_plan(task, {"subtasks": [{"line": 2, "depends_on": [1]}, {"line": 1, "depends_on": []}]})
    assert [(item.order, item.description, item.depends_on) for item in plan.subtasks] == [
        (1, "add 2 and 3", ()),
        (2, "double step 1", (1,)),
    ]
    assert plan.note == ""
    assert filled("double step 1", {1: an_outcome("5")}) == "double 5"
    assert filled("double step 7", {1: an_outcome("5")}) == "double step 7"


def test_lines_are_lines_or_sentences() -> None:
    assert lines_of("add 2 and 3; double step 1.") == ["add 2 and 3", "double step 1"]
    assert lines_of("- one\n* two\n3) three\n\n") == ["one", "two", "three"]


def test_a_need_that_a_line_names_and_the_planner_overlooked_is_added_and_said() -> None:
    task = a_task(description="add 2 and 3\nadd step 1 and 4\nadd step 1 and step 2")
    data = {"subtasks": [{"line": 1, "depends_on": []}, {"line": 2, "depends_on": [1]}, {"line": 3, "depends_on": [1]}]}
    plan = COMPACT.read_plan(task, data)
    assert [item.depends_on for item in plan.subtasks] == [(), (1,), (1, 2)]
    assert "3 needs 2" in plan.note
