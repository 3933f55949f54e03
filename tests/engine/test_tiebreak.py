"""A third AI settles what author and checker dispute, without knowing who said what."""

from __future__ import annotations

import pytest

from apps.providers.errors import Overloaded
from apps.tasks.engine.errors import TooFewModels
from apps.tasks.engine.tiebreak import settle
from apps.tasks.engine.types import Cast, Check, Defect, Divergence, Draft, Settlement, Verdict
from tests.engine.fakes import a_subtask, candidate, model, ruling, scene, three

ANN, BOB, CYD, DEE = (model(name) for name in ("ann", "bob", "cyd", "dee"))
CAST = Cast((ANN, BOB, CYD, DEE), (BOB, CYD, DEE), (CYD, DEE, BOB))
DRAFT = Draft("It is fourteen.", ANN)


def check_of(total: float = 100, *, own: str | None = "It is fifteen.", by=BOB, defects: tuple[Defect, ...] = ()) -> Check:
    answer = 0.0 if own == DRAFT.text else 100.0
    return Check(Verdict(0, by, own_answer=own, defects=defects, summary="It is off."), Divergence(total, {"answer": answer}))


async def settled(play, check: Check | None = None, *, cast: Cast = CAST, draft: Draft = DRAFT) -> Settlement:
    context = (await play.begin()).attempt(1)
    return await context.stage("tie-break", settle, a_subtask(), {}, draft, check or check_of(), cast)


@pytest.mark.parametrize(("total", "is_asked"), [(0, False), (19.99, False), (20, False), (20.01, True), (100, True)])
async def test_a_third_is_asked_only_above_the_threshold(total: float, is_asked: bool) -> None:
    play = scene()
    settlement = await settled(play, check_of(total))
    assert (settlement.ruling is not None) is is_asked
    assert settlement.reason_not == ("" if is_asked else "in_agreement")
    assert len(play.world.asked) == int(is_asked)


async def test_the_threshold_is_the_policys() -> None:
    play = scene(policy={"divergence_threshold": 100})
    assert (await settled(play)).reason_not == "in_agreement"


async def test_what_was_not_checked_is_not_settled() -> None:
    assert (await settled(scene(), Check(reason_not="switched_off"))).reason_not == "not_checked"


async def test_the_winner_is_whoever_stood_behind_the_letter() -> None:
    seen = set()
    for number in range(20):
        play = scene(lambda asked: ruling("A", "Counted."), id=f"task-{number}")
        made = (await settled(play)).ruling
        prompt = play.world.prompts("settle")[0]
        author_is_first = prompt.index("It is fourteen.") < prompt.index("It is fifteen.")
        assert made.author_was == ("A" if author_is_first else "B")
        assert made.winner == ("author" if author_is_first else "checker")
        assert (made.by, made.reason) == (CYD, "Counted.")
        seen.add(author_is_first)
    assert seen == {True, False}


async def test_both_orders_are_about_as_frequent() -> None:
    orders = [(await settled(scene(id=f"task-{number}"))).ruling.author_was for number in range(400)]
    assert 160 < orders.count("A") < 240


async def test_the_same_side_stands_first_after_a_restart() -> None:
    play = scene(lambda asked: Overloaded("busy") if asked.model == CYD else None)
    await settled(play)
    again = scene()
    await settled(again)
    assert play.world.prompts("settle")[0] == play.world.prompts("settle")[1] == again.world.prompts("settle")[0]


async def test_neither_is_neither() -> None:
    assert (await settled(scene(lambda asked: ruling("neither")))).ruling.winner == "neither"


async def test_the_judge_never_learns_who_said_what() -> None:
    prompts = []
    for number in range(20):
        play = scene(lambda asked: ruling("ann") if len(asked.request.messages) == 2 else ruling("B"), id=f"task-{number}")
        await settled(play)
        assert len(play.world.asked) == 2
        prompts += play.world.prompts("settle")
    for prompt in prompts:
        words = prompt.casefold()
        for secret in ("ann-v1", "bob-v1", "cyd", "bob", "vendor", "author", "checker", "executor", "validator", "escalat"):
            assert secret not in words, secret


async def test_the_judge_is_of_neither_family_whoever_wrote_and_checked_in_the_end() -> None:
    twin_of_ann, twin_of_bob = model("ann2", family="ann", tier="top"), model("bob2", family="bob", tier="top")
    cast = Cast((ANN,), (BOB, DEE), (twin_of_bob, twin_of_ann, BOB, DEE))
    assert (await settled(scene(), cast=cast)).ruling.by == DEE
    other_way_round = Cast((CYD, ANN), (BOB,), (BOB, ANN))
    assert (await settled(scene(), check_of(by=CYD), cast=other_way_round)).ruling.by == BOB


async def test_a_ruling_that_cannot_be_used_is_asked_for_again_then_the_next_judge() -> None:
    play = scene(lambda asked: ruling("C") if asked.model == CYD else ruling("A"))
    settlement = await settled(play)
    assert settlement.ruling.by == DEE
    assert play.world.by("settle") == ["cyd", "cyd", "dee"]
    assert [item.code for item in settlement.failed] == ["bad_verdict"]


async def test_with_nobody_left_to_judge_it_stops_when_the_policy_says_ask() -> None:
    play = scene(candidates=three()[:2])
    with pytest.raises(TooFewModels) as caught:
        await settled(play, cast=Cast((ANN,), (BOB,), (BOB,)))
    assert caught.value.extra["role"] == "tie_breaker"
    assert play.world.asked == []


async def test_a_judge_added_later_settles_it() -> None:
    play = scene(candidates=three()[:2])
    two = Cast((ANN,), (BOB,), (BOB,))
    with pytest.raises(TooFewModels):
        await settled(play, cast=two)
    play.world.candidates.append(candidate("dee"))
    assert (await settled(play, cast=two)).ruling.by.id == "dee"


async def test_a_judge_added_later_is_asked_where_all_the_known_ones_failed() -> None:
    play = scene(lambda asked: Overloaded("busy") if asked.model.id == "cyd" else None, candidates=three())
    known = Cast((ANN,), (BOB,), (CYD,))
    with pytest.raises(TooFewModels):
        await settled(play, cast=known)
    play.world.candidates.append(candidate("dee"))
    assert (await settled(play, cast=known)).ruling.by.id == "dee"


async def test_with_nobody_left_to_judge_it_goes_on_unsettled_when_the_policy_says_continue() -> None:
    policy = {"on_too_few_models": "continue"}
    two = Cast((ANN,), (BOB,), (BOB,))
    assert (await settled(scene(candidates=three()[:2], policy=policy), cast=two)).reason_not == "too_few_models"
    failing = scene(lambda asked: Overloaded("busy"), policy=policy)
    assert (await settled(failing)).reason_not == "no_judge_answered"


async def test_the_checkers_side_is_its_answer_or_else_its_objections() -> None:
    objection = Defect("It counts wrongly", quote="fourteen")
    play = scene()
    await settled(play, check_of(own=None, defects=(objection,)))
    assert "It is off.\nIt counts wrongly (“fourteen”)" in play.world.prompts("settle")[0]


async def test_where_the_answers_are_the_same_the_objections_are_what_is_judged() -> None:
    play = scene()
    await settled(play, check_of(60, own=DRAFT.text, defects=(Defect("It gives no reasons", severity="critical"),)))
    assert "It gives no reasons" in play.world.prompts("settle")[0]
