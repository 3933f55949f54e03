"""What stands in the end, how sure it is, and when a stronger author tries."""

from __future__ import annotations

import pytest

from apps.providers.errors import Overloaded
from apps.tasks.engine.compare import compare
from apps.tasks.engine.conclude import conclude
from apps.tasks.engine.confidence import confidence_of
from apps.tasks.engine.errors import NoModelAnswered
from apps.tasks.engine.types import (
    Cast,
    Check,
    Defect,
    Divergence,
    Draft,
    Finding,
    Findings,
    ModelRef,
    Outcome,
    Ruling,
    Settlement,
    Verdict,
)
from tests.engine.fakes import candidate, defect, model, ruling, scene, three, verdict


def ref_of(name: str) -> ModelRef:
    return model(name)


ANN, BOB, CYD = ref_of("ann"), ref_of("bob"), ref_of("cyd")
CAST = Cast((ANN, BOB, CYD), (BOB, CYD), (CYD, BOB))
LONG = "A long work. " * 60


def an_outcome(text: str = "Text.", *, author: ModelRef | None = None, confidence: float = 90, **more) -> Outcome:
    given = {"checker": BOB, "judge": None, "divergence": 5.0, "cross_validated": True, **more}
    return Outcome(text=text, author=author or ANN, confidence=confidence, **given)


def check_of(total: float, own: str | None = None) -> Check:
    parts = {} if own is None else {"answer": 100.0}
    return Check(Verdict(100 - total, BOB, own_answer=own, defects=(Defect("It is off"),)), Divergence(total, parts))


def ruled(winner: str) -> Settlement:
    return Settlement(Ruling(winner, "Because.", CYD, "A"))


AGREED = Settlement(reason_not="in_agreement")
UNCHECKED = (Check(reason_not="switched_off"), Settlement(reason_not="not_checked"))


async def concluded(text: str, check: Check, settlement: Settlement, *, findings=(), tried=(), cast=CAST, **policy) -> Outcome:
    context = await scene(policy=policy).begin()
    attempt = (Draft(text, ANN), Findings(tuple(findings)), check, settlement, tried)
    return conclude(cast, *attempt, compare(*attempt, context) if tried else None, context)


# ── confidence ────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("check", "settlement", "worst", "confidence"),
    [
        (check_of(0), AGREED, 0, 100),
        (check_of(20), AGREED, 0, 90),
        (check_of(0), AGREED, 50, 80),
        (check_of(100), ruled("author"), 0, 80),
        (check_of(100, "15"), ruled("checker"), 0, 80),
        (check_of(100), ruled("neither"), 0, 20),
        (check_of(100), Settlement(reason_not="too_few_models"), 0, 40),
        (check_of(100), Settlement(reason_not="no_judge_answered"), 0, 40),
        (*UNCHECKED, 0, 50),
        (*UNCHECKED, 80, 18),
        (check_of(100), ruled("neither"), 100, 0),
    ],
)
async def test_how_sure_it_is(check: Check, settlement: Settlement, worst: float, confidence: float) -> None:
    findings = [Finding("repetition", worst)] if worst else []
    outcome = await concluded("14", check, settlement, findings=findings, max_escalations=0)
    assert outcome.confidence == confidence


def test_confidence_stays_between_nothing_and_everything() -> None:
    for total in range(0, 101, 10):
        for worst in range(0, 101, 10):
            for settlement in (AGREED, ruled("author"), ruled("neither"), Settlement(reason_not="too_few_models")):
                found = Findings((Finding("x", worst),))
                assert 0 <= confidence_of(found, check_of(total), settlement, is_replaced=False).value <= 100


async def test_a_long_work_that_was_ruled_against_is_not_trusted() -> None:
    outcome = await concluded(LONG, check_of(100, "15"), ruled("checker"), max_escalations=0)
    assert outcome.text == LONG
    assert outcome.confidence < 50
    assert outcome.suspect


# ── what stands ───────────────────────────────────────────────────────────────────────────────────────────────────


async def test_agreed_work_stands() -> None:
    outcome = await concluded("15", check_of(5), AGREED)
    assert (outcome.text, outcome.escalate_because, outcome.suspect, outcome.winner) == ("15", "", False, None)
    assert (outcome.author, outcome.checker, outcome.judge) == (ANN, BOB, None)


async def test_the_checkers_own_short_answer_is_adopted_when_the_judge_says_so() -> None:
    outcome = await concluded("14", check_of(100, "15"), ruled("checker"))
    assert (outcome.text, outcome.winner, outcome.escalate_because) == ("15", "checker", "")


async def test_a_long_work_is_never_replaced_by_a_short_answer() -> None:
    outcome = await concluded(LONG, check_of(100, "15"), ruled("checker"))
    assert outcome.text == LONG
    assert outcome.escalate_because == "checker_was_right"


async def test_objections_that_win_without_an_answer_of_their_own_escalate() -> None:
    outcome = await concluded("14", check_of(100), ruled("checker"))
    assert (outcome.text, outcome.escalate_because) == ("14", "checker_was_right")


@pytest.mark.parametrize(
    ("check", "settlement", "findings", "reason"),
    [
        (check_of(100), ruled("neither"), (), "both_were_wrong"),
        (check_of(30), Settlement(reason_not="too_few_models"), (), "low_confidence"),
        (check_of(5), AGREED, (Finding("repetition", 75),), "repetition"),
        (check_of(5), AGREED, (Finding("refusal", 80),), "refusal"),
        (*UNCHECKED, (Finding("refusal", 80),), "refusal"),
        (*UNCHECKED, (), ""),
    ],
)
async def test_why_another_author_tries(check: Check, settlement: Settlement, findings: tuple, reason: str) -> None:
    assert (await concluded("14", check, settlement, findings=findings)).escalate_because == reason


async def test_the_confidence_threshold_is_the_policys() -> None:
    assert (await concluded("14", check_of(100), ruled("author"), confidence_threshold=90)).escalate_because == "low_confidence"


async def test_without_another_family_the_best_attempt_stands_marked_suspect() -> None:
    alone = Cast((ANN, model("ann2", family="ann")), (), ())
    outcome = await concluded("14", check_of(100), ruled("neither"), cast=alone)
    assert (outcome.escalate_because, outcome.suspect) == ("", True)


async def test_after_the_most_escalations_the_best_of_all_attempts_stands_marked_suspect() -> None:
    better = an_outcome("Better.", author=BOB, confidence=60, escalate_because="low_confidence")
    worse = an_outcome("Worse.", author=CYD, confidence=30, escalate_because="low_confidence")
    outcome = await concluded("14", check_of(100), ruled("neither"), tried=(better, worse), max_escalations=2)
    assert (outcome.text, outcome.author, outcome.suspect) == ("Better.", BOB, True)
    assert (outcome.escalations, outcome.escalate_because) == (2, "")


# ── in a whole run ────────────────────────────────────────────────────────────────────────────────────────────────


async def test_low_confidence_goes_to_another_family_with_what_was_wrong_before() -> None:
    def script(asked):
        if asked.purpose == "work":
            return {"ann": "Ann wrote this.", "cyd": "Cyd wrote this."}[asked.model.id]
        if asked.purpose == "check":
            return verdict(0, None, defect("The total is missing")) if "Ann wrote this." in asked.prompt else verdict(95)
        return ruling("neither") if asked.purpose == "settle" else None

    play = scene(script)
    result = await play.run()
    assert result.text == "Cyd wrote this."
    assert result.confidence > 90
    assert play.world.by("work") == ["ann", "cyd"]
    prompt = play.world.prompts("work")[1]
    assert "Ann wrote this." in prompt and "- The total is missing" in prompt
    last = play.memory.step("s1.r1.a2/conclude")
    assert (last["escalations"], last["suspect"]) == (1, False)


async def test_it_escalates_so_often_and_then_says_that_the_best_is_suspect() -> None:
    scores = {"ann": 30, "cyd": 60, "bob": 40, "dee": 50}
    policy = {"max_escalations": 2, "on_too_few_models": "continue", "divergence_threshold": 100}

    def script(asked):
        if asked.purpose == "check":
            return verdict(next(score for name, score in scores.items() if f"by {name}." in asked.prompt))
        return None

    play = scene(script, candidates=[*three(), candidate("dee", 9)], policy={**policy, "confidence_threshold": 90})
    result = await play.run()
    assert len(play.world.by("work")) == 3
    best = max(play.world.by("work"), key=scores.__getitem__)
    assert result.text == f"A whole work by {best}."
    last = play.memory.step("s1.r1.a3/conclude")
    assert (last["suspect"], last["escalations"]) == (True, 2)


async def test_when_no_other_author_delivers_the_earlier_attempt_stands_marked_suspect() -> None:
    def script(asked):
        if asked.purpose == "work" and asked.model.id != "ann":
            return Overloaded("busy")
        if asked.purpose == "check":
            return verdict(0)
        return ruling("neither") if asked.purpose == "settle" else None

    play = scene(script)
    result = await play.run()
    assert result.text == "A whole work by ann."
    last = play.memory.step("s1.r1.a2/conclude")
    assert (last["suspect"], last["escalations"], last["escalate_because"]) == (True, 1, "")
    assert play.memory.subtasks == {1: "completed"}
    asked_before = len(play.world.asked)
    play.memory.steps.pop("compose")
    assert await play.run() == result
    assert len(play.world.asked) == asked_before


async def test_when_the_first_author_of_all_fails_so_does_the_step() -> None:
    play = scene(lambda asked: Overloaded("busy") if asked.purpose == "work" else None)
    with pytest.raises(Exception, match="subtasks failed") as caught:
        await play.run()
    assert "busy" in str(caught.value.extra["failed"][1])
    assert NoModelAnswered.code == "no_model_answered"


async def test_when_all_other_models_are_gone_the_earlier_attempt_stands() -> None:
    def script(asked):
        if asked.purpose == "settle":
            play.world.candidates = [candidate("ann", 1)]
            return ruling("neither")
        return verdict(0) if asked.purpose == "check" else None

    play = scene(script)
    assert (await play.run()).text == "A whole work by ann."
