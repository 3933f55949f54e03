"""Who plays which role."""

from __future__ import annotations

from decimal import Decimal

import pytest

from apps.tasks.engine.cast import cast_from, choose_cast
from apps.tasks.engine.errors import NoModel, TooFewModels
from apps.tasks.engine.types import Cast
from tests.engine.fakes import a_subtask, a_task, candidate, scene, three
from tests.engine.test_conclude import an_outcome, ref_of


def chosen(candidates, *, tried=(), asked_executor=None, **task) -> Cast:
    return cast_from(list(candidates), a_task(**task), a_subtask(asked_executor=asked_executor), tried)


def names(refs) -> list[str]:
    return [ref.id for ref in refs]


async def test_the_cheapest_writes_the_next_checks_and_the_ablest_is_kept_as_judge() -> None:
    cast = chosen(three())
    assert (names(cast.executors)[0], names(cast.checkers)[0], names(cast.judges)[0]) == ("ann", "bob", "cyd")


def test_among_equals_the_dearest_is_kept_as_judge_and_never_the_cheapest() -> None:
    crowd = [candidate(name, price) for name, price in (("zoe", 1), ("amy", 2), ("kim", 3))]
    for cast in (chosen(crowd), chosen(crowd[::-1])):
        assert (names(cast.executors)[0], names(cast.checkers)[0], names(cast.judges)[0]) == ("zoe", "amy", "kim")


def test_with_two_families_the_cheapest_still_writes() -> None:
    cast = chosen([candidate("cyd", 9, tier="top"), candidate("ann", 1)])
    assert (names(cast.executors)[0], names(cast.checkers)) == ("ann", ["cyd"])


@pytest.mark.parametrize("seed", range(40))
def test_a_family_never_repeats_between_roles(seed: int) -> None:
    import random

    rng = random.Random(seed)
    tiers = ("local", "fast", "balanced", "top")
    crowd = [
        candidate(
            f"m{n}", rng.choice([0, 1, 2, 5, None]), family=f"f{rng.randrange(4)}", tier=rng.choice(tiers), provider=f"p{n % 3}",
            score=rng.choice([None, 30.0, 90.0]),
        )
        for n in range(rng.randrange(1, 9))
    ]  # fmt: skip
    roles = rng.sample(["executor", "validator", "tie_breaker"], rng.randrange(3))
    asked = {role: rng.choice(crowd).ref.id for role in roles}
    cast = chosen(crowd, cast=asked)
    author = cast.executors[0].family
    assert author not in {ref.family for ref in (*cast.checkers, *cast.judges)}


def test_one_model_at_two_providers_or_under_two_names_counts_once() -> None:
    twins = [candidate("llama", 1), candidate("llama-turbo", 1, family="llama", provider="groq"), candidate("bob", 5)]
    cast = chosen(twins)
    assert names(cast.executors)[0] == "llama"
    assert names(cast.checkers) == names(cast.judges) == ["bob"]


def test_practice_models_that_are_no_candidates_are_never_asked() -> None:
    cast = chosen(three())
    assert {*names(cast.executors), *names(cast.checkers), *names(cast.judges)} == {"ann", "bob", "cyd"}


async def test_an_unknown_price_is_rejected_under_a_budget_with_the_reason() -> None:
    play = scene(candidates=[candidate("riddle", None), *three()], budget_usd=Decimal(1))
    cast = await choose_cast(a_subtask(), (), await play.begin())
    assert [(item.model.id, item.reason) for item in cast.rejected] == [("riddle", "price_unknown")]
    assert "riddle" not in names((*cast.executors, *cast.checkers, *cast.judges))


def test_an_unknown_price_is_no_free_one() -> None:
    assert names(chosen([candidate("riddle", None), candidate("ann", 50)]).executors) == ["ann", "riddle"]


async def test_what_cannot_be_used_now_is_left_out_with_the_reason() -> None:
    play = scene(candidates=[candidate("sick", 0, unavailable="failed_recently"), *three()])
    cast = await choose_cast(a_subtask(), (), await play.begin())
    assert names(cast.executors)[0] == "ann"
    assert [(item.model.id, item.reason) for item in cast.rejected] == [("sick", "failed_recently")]


def test_a_model_proved_weak_goes_last_and_a_new_one_gets_its_chance() -> None:
    weak, new, good = candidate("weak", 1, score=40), candidate("new", 2), candidate("good", 3, score=90)
    assert names(chosen([weak, good]).executors) == ["good", "weak"]
    assert names(chosen([good, weak, new]).executors)[-1] == "weak"
    hardly_known = candidate("weak", 1, score=40, runs=2)
    assert names(chosen([hardly_known, good]).executors) == ["weak", "good"]


def test_weakness_in_one_category_says_nothing_about_another() -> None:
    weak_in_code = candidate("ann", 1, score=10, category="code")
    assert names(chosen([weak_in_code, candidate("bob", 2)]).executors)[0] == "ann"


def test_the_ablest_writes_when_all_cheaper_ones_are_proved_weak() -> None:
    crowd = [candidate("w1", 1, score=20), candidate("w2", 2, score=30), candidate("able", 9, tier="top", score=95)]
    assert names(chosen(crowd).executors)[0] == "able"


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"executor": "cyd"}, ("cyd", "ann", "bob")),
        ({"validator": "ann"}, ("bob", "ann", "cyd")),
        ({"validator": "cyd"}, ("ann", "cyd", "bob")),
        ({"tie_breaker": "ann"}, ("bob", "cyd", "ann")),
        ({"executor": "bob", "validator": "cyd", "tie_breaker": "ann"}, ("bob", "cyd", "ann")),
    ],
)
def test_models_that_were_asked_for_get_their_role(asked: dict, expected: tuple) -> None:
    cast = chosen(three(), cast=asked)
    author, checker = cast.executors[0], cast.checkers[0]
    judge = next(ref for ref in cast.judges if ref.family not in (author.family, checker.family))
    assert (author.id, checker.id, judge.id) == expected


def test_the_author_named_for_a_retry_comes_before_the_one_asked_for_the_task() -> None:
    cast = chosen(three(), cast={"executor": "bob"}, asked_executor="cyd")
    assert names(cast.executors)[0] == "cyd"
    assert "cyd" not in names(cast.checkers)


def test_a_checker_is_not_weaker_than_the_author_where_it_can_be_helped() -> None:
    crowd = [candidate("tiny", 0, tier="local"), candidate("mid", 5, tier="balanced"), candidate("big", 9, tier="top")]
    cast = chosen([*crowd, candidate("peer", 6, tier="balanced")], asked_executor="mid")
    assert names(cast.checkers) == ["peer", "tiny", "big"]
    assert names(chosen(crowd, asked_executor="mid").checkers) == ["tiny", "big"]  # big is kept as the judge


def test_after_a_failed_attempt_the_ablest_other_family_writes() -> None:
    cast = chosen([*three(), candidate("ann2", 9, family="ann", tier="top")], tried=(an_outcome(author=ref_of("ann")),))
    assert names(cast.executors) == ["cyd", "bob"]
    assert names(cast.checkers)[0] != "cyd"


def test_an_escalation_leaves_the_checker_that_was_asked_for_in_its_role() -> None:
    cast = chosen(three(), cast={"validator": "cyd"}, tried=(an_outcome(author=ref_of("ann")),))
    assert (names(cast.executors)[0], names(cast.checkers)[0]) == ("bob", "cyd")


def test_equal_models_are_ranked_the_same_way_whatever_order_they_come_in() -> None:
    crowd = [candidate(name, 1) for name in ("dee", "ann", "cyd", "bob")]
    assert chosen(crowd) == chosen(crowd[::-1])


# ── too few ───────────────────────────────────────────────────────────────────────────────────────────────────────


async def test_nobody_at_all_is_named_with_the_reason() -> None:
    play = scene(candidates=[candidate("sick", unavailable="gone_from_provider")])
    with pytest.raises(NoModel) as caught:
        await choose_cast(a_subtask(), (), await play.begin())
    assert caught.value.extra["rejected"] == {"Sick": "gone_from_provider"}


async def test_nobody_to_check_stops_when_the_policy_says_ask() -> None:
    play = scene(candidates=[candidate("ann"), candidate("ann2", family="ann")])
    with pytest.raises(TooFewModels) as caught:
        await choose_cast(a_subtask(), (), await play.begin())
    assert caught.value.extra["role"] == "validator"


async def test_nobody_to_check_goes_on_unchecked_and_says_so_when_the_policy_says_continue() -> None:
    play = scene(candidates=[candidate("ann")], policy={"on_too_few_models": "continue"})
    result = await play.run()
    assert not result.is_cross_validated
    assert result.confidence == 50
    assert result.text == "A whole work by ann."


async def test_a_task_without_checking_needs_no_second_model() -> None:
    play = scene(candidates=[candidate("ann")], policy={"cross_validate": False})
    result = await play.run()
    assert (result.is_cross_validated, result.confidence) == (False, 50)
    assert play.world.by("check") == []
