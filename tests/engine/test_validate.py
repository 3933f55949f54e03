"""The critical reading by another AI."""

from __future__ import annotations

import pytest

from apps.providers.errors import Overloaded, SchemaMismatch
from apps.tasks.engine.errors import NoCheckerAnswered
from apps.tasks.engine.types import Cast, Check, Draft
from apps.tasks.engine.validate import validate
from tests.engine.fakes import Say, a_subtask, defect, model, scene, verdict

ANN, BOB, CYD = model("ann"), model("bob"), model("cyd")
DRAFT = Draft("Seven plus eight is 15.", ANN)


async def checked(play, *, draft: Draft = DRAFT, cast: Cast | None = None) -> Check:
    cast = cast or Cast((ANN, BOB, CYD), (BOB, CYD), (CYD, BOB))
    return await (await play.begin()).stage("validate", validate, a_subtask(acceptance_criteria=("It is 15",)), {}, draft, cast)


def answers(*given):
    left = list(given)
    return lambda asked: left.pop(0) if left else None


async def test_it_gives_scores_defects_with_quotes_and_an_own_answer() -> None:
    data = verdict(80, "15", defect("Too terse", "minor", "is 15")) | {
        "criteria": [{"criterion": "It is 15", "score": 100, "comment": "Yes."}], "summary": "Right.",
    }  # fmt: skip
    check = await checked(scene(answers(data)))
    assert check.verdict.by == BOB
    assert check.verdict.criteria[0].score == 100
    assert (check.verdict.defects[0].problem, check.verdict.defects[0].quote) == ("Too terse", "is 15")
    assert (check.verdict.own_answer, check.verdict.summary) == ("15", "Right.")


async def test_the_checker_sees_the_step_its_criteria_and_the_whole_work() -> None:
    play = scene()
    await checked(play)
    prompt = play.world.prompts("check")[0]
    for words in ("Do it well.", "Do step 1.", "- It is 15", "Seven plus eight is 15."):
        assert words in prompt
    assert "Ann" not in prompt and "vendor" not in prompt


MISSING_SCORE = {"own_answer": None, "criteria": [], "defects": [], "summary": ""}
BAD_VERDICTS = {
    "a missing score": MISSING_SCORE,
    "250 %": verdict(250),
    "a score below zero": verdict(-1),
    "not a number": verdict(float("nan")),
    "a criterion at 250 %": verdict(90) | {"criteria": [{"criterion": "x", "score": 250, "comment": ""}]},
    "an unheard-of severity": verdict(90) | {"defects": [{"problem": "x", "quote": "", "severity": "catastrophic"}]},
    "a list": [1],
    "words": "very good",
}


@pytest.mark.parametrize("name", BAD_VERDICTS)
async def test_a_verdict_that_cannot_be_used_is_asked_for_again_with_the_reason(name: str) -> None:
    play = scene(answers(Say("bad", data=BAD_VERDICTS[name]), verdict(90)))
    check = await checked(play)
    assert (check.verdict.score, check.verdict.by) == (90, BOB)
    assert play.world.by("check") == ["bob", "bob"]
    assert "cannot be used" in play.world.asked[1].last
    assert "verdict_refused" in play.memory.events


async def test_a_checker_that_fails_twice_is_replaced_by_the_next() -> None:
    play = scene(answers(verdict(250), verdict(250), verdict(77)))
    check = await checked(play)
    assert (check.verdict.score, check.verdict.by) == (77, CYD)
    assert [(item.model, item.code) for item in check.failed] == [(BOB, "bad_verdict")]


@pytest.mark.parametrize("failure", [Overloaded("busy"), SchemaMismatch("no JSON"), "no JSON"], ids=["busy", "schema", "prose"])
async def test_a_checker_whose_provider_fails_is_replaced_by_the_next(failure) -> None:
    play = scene(answers(failure))
    assert (await checked(play)).verdict.by == CYD


async def test_without_any_usable_verdict_it_stops_and_names_each_checker() -> None:
    play = scene(lambda asked: Overloaded("busy"))
    with pytest.raises(NoCheckerAnswered) as caught:
        await checked(play)
    assert caught.value.extra["tried"] == {"Bob": "busy", "Cyd": "busy"}


async def test_without_any_usable_verdict_it_goes_on_unchecked_where_the_policy_says_so() -> None:
    play = scene(lambda asked: Overloaded("busy"), policy={"on_too_few_models": "continue"})
    check = await checked(play)
    assert (check.verdict, check.divergence, check.reason_not) == (None, None, "no_checker_answered")
    assert [item.model for item in check.failed] == [BOB, CYD]


async def test_switched_off_asks_nobody() -> None:
    play = scene(policy={"cross_validate": False})
    assert (await checked(play)).reason_not == "switched_off"
    assert play.world.asked == []


async def test_the_checker_is_of_another_family_than_whoever_wrote_it_in_the_end() -> None:
    twin = model("bob2", family="bob")
    play = scene()
    cast = Cast((ANN, BOB), (BOB, twin), ())
    check = await checked(play, draft=Draft("x", BOB), cast=cast)
    assert check.verdict.by == ANN


@pytest.mark.parametrize("word", ["null", "None", " n/a ", "-", "", "nenhuma"])
async def test_a_word_for_no_answer_is_no_answer(word: str) -> None:
    check = await checked(scene(answers(verdict(90, word))))
    assert check.verdict.own_answer is None
    assert check.divergence.total == 10
