"""A suspect answer is kept, another family tries with what was wrong, both are compared, and the better one stands."""

from __future__ import annotations

import msgspec
import pytest

from apps.tasks.engine.compare import compare, kept_of
from apps.tasks.engine.types import Check, Divergence, Draft, Finding, Findings, Settlement, Verdict
from tests.engine.fakes import candidate, model, scene, three
from tests.engine.test_conclude import AGREED, ANN, BOB, CYD, an_outcome, check_of, ruled

LOOP = "The harbour opens late. The gull waits. " * 6
GOOD = "The harbour opens late in winter. Boats wait outside until the pilot comes."


def a_play(works: dict[str, str], **policy):
    def script(asked):
        return works.get(asked.model.id) if asked.purpose == "work" else None

    return scene(script, candidates=[*three(), candidate("dee", 4)], policy=policy)


async def test_a_suspect_answer_goes_to_another_family_although_the_checker_liked_it() -> None:
    play = a_play({"ann": LOOP, "cyd": GOOD})
    result = await play.run()
    assert result.text == GOOD
    assert play.world.by("work") == ["ann", "cyd"]
    first, second = play.memory.step("s1.r1.a1/conclude"), play.memory.step("s1.r1.a2/conclude")
    assert (first["escalate_because"], first["suspect"], first["text"]) == ("repetition", True, LOOP.strip())
    assert (second["escalate_because"], second["suspect"], second["escalations"]) == ("", False, 1)


async def test_the_next_author_gets_the_suspect_answer_and_what_was_found() -> None:
    play = a_play({"ann": LOOP, "cyd": GOOD})
    await play.run()
    prompt = play.world.prompts("work")[1]
    assert LOOP.strip() in prompt
    assert "- It says the same thing again and again. (“The harbour opens late" in prompt


async def test_both_are_compared_and_the_comparison_is_kept() -> None:
    play = a_play({"ann": LOOP, "cyd": GOOD})
    await play.run()
    found = play.memory.step("s1.r1.a2/compare")
    assert (found["best"], found["because"]) == (2, "nothing_against_it")
    assert [one["against"] for one in found["attempts"]] == ["repetition", ""]
    assert [one["author"]["id"] for one in found["attempts"]] == ["ann", "cyd"]
    assert 0 <= found["agreement"] < 100


async def test_an_answer_without_a_sign_is_compared_with_nothing() -> None:
    play = a_play({"ann": GOOD})
    await play.run()
    assert not [key for key in play.memory.steps if key.endswith("/compare")]


async def test_it_tries_only_as_often_as_the_policy_says() -> None:
    play = a_play(dict.fromkeys(("ann", "bob", "cyd", "dee"), LOOP), max_escalations=1)
    assert (await play.run()).text == LOOP.strip()
    assert len(play.world.by("work")) == 2
    assert play.memory.step("s1.r1.a2/conclude")["suspect"]


async def test_every_attempt_is_kept() -> None:
    play = a_play(dict.fromkeys(("ann", "bob", "cyd", "dee"), LOOP), max_escalations=2)
    await play.run()
    authors = [play.memory.step(f"s1.r1.a{number}/execute")["by"]["id"] for number in (1, 2, 3)]
    assert len(set(authors)) == 3


# ── comparing ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def compared(text: str, check: Check, settlement: Settlement, *tried, found: tuple = ()):
    context = await scene().begin()
    return compare(Draft(text, CYD), Findings(found), check, settlement, tried, context)


async def test_the_newest_stands_where_nothing_is_held_against_it() -> None:
    sure = an_outcome("Earlier.", confidence=99, escalate_because="repetition")
    assert (await compared("Later.", check_of(10), AGREED, sure)).best == 2


async def test_else_the_most_trusted_one_stands() -> None:
    better = an_outcome("Better.", confidence=60, escalate_because="low_confidence")
    worse = an_outcome("Worse.", author=BOB, confidence=30, escalate_because="low_confidence")
    found = await compared("Later.", check_of(100), ruled("neither"), better, worse)
    assert (found.best, found.because) == (1, "more_trusted")


@pytest.mark.parametrize(("worst", "best", "because"), [(90, 1, "fewer_signs"), (75, 2, "later_of_equals")])
async def test_of_equally_trusted_ones_that_with_fewer_signs_and_then_the_later(worst: float, best: int, because: str) -> None:
    verdict = Check(Verdict(100, BOB), Divergence(200 - 2 * (60 + 0.4 * worst), {}))
    earlier = an_outcome("Earlier.", confidence=60, found=(Finding("repetition", 75),), escalate_because="repetition")
    found = await compared("Later.", verdict, AGREED, earlier, found=(Finding("repetition", worst),))
    assert [one.confidence for one in found.attempts] == [60, 60]
    assert (found.best, found.because) == (best, because)


def test_how_much_of_the_earlier_text_the_later_one_took_over() -> None:
    assert kept_of("It is red. It is big.", "It is red. It is small.") == pytest.approx(47.62, abs=3)
    assert kept_of("It is red.", "It is red.") == 100
    assert kept_of("", "It is red.") == 0


async def test_agreement_of_the_two_newest_is_said() -> None:
    earlier = an_outcome("15", author=ANN, confidence=60, escalate_because="low_confidence")
    assert (await compared("15", check_of(5), AGREED, earlier)).agreement == 100
    assert (await compared("16", check_of(5), AGREED, earlier)).agreement == 0


def test_what_an_older_version_stored_is_still_read() -> None:
    stored = {"items": [{"kind": "repetition", "score": 80.0, "quote": "x"}]}
    assert msgspec.convert(stored, Findings, strict=False) == Findings((Finding("repetition", 80.0, "x"),))
    draft = {"text": "x", "by": msgspec.to_builtins(model("ann"))}
    assert msgspec.convert(draft, Draft, strict=False).longest_pause_s == 0
