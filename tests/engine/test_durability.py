"""A run that is killed anywhere, at every write and every call in turn, comes to the same end, and asks nothing twice."""

from __future__ import annotations

import json
from collections import Counter

import pytest

from apps.common.errors import OrquestradorError
from apps.providers.errors import Interrupted, Overloaded
from apps.tasks.engine.errors import SubtasksFailed
from tests.engine.fakes import Asked, Bomb, Killed, Say, Scene, candidate, defect, plan, ruling, scene, step, three, verdict

MOST_THINGS = 400  # more than happen in any of the plays


def step_of(asked: Asked) -> str:
    title = asked.prompt.partition("Your step: ")[2] or asked.prompt.partition("The step: ")[2]
    return title.partition("\n")[0]


def simple(asked: Asked):
    return None


def disputed(asked: Asked):
    """The checker has another answer; the third decides."""
    return {"work": "14", "check": verdict(0, "15"), "settle": ruling("A")}.get(asked.purpose)


def escalated(asked: Asked):
    """Ann's work is wrong in everybody's eyes, Cyd's is good."""
    if asked.purpose == "check":
        return verdict(0, None, defect("All of it")) if "by ann." in asked.prompt else verdict(96)
    return ruling("neither") if asked.purpose == "settle" else None


def parallel(asked: Asked):
    """Four steps, two of them side by side, one of them disputed."""
    if asked.purpose == "plan":
        return plan(step(1), step(2, 1), step(3, 1), step(4, 2, 3))
    if asked.purpose == "work":
        return f"{step_of(asked)} by {asked.model.id}, from {asked.prompt.count('[Result of step')}."
    if asked.purpose == "check" and step_of(asked) == "Step 2":
        return verdict(20, None, defect("Doubtful"))
    return None


def erring(asked: Asked):
    """A planner without JSON, an author that is busy, a checker that gives 250 % and then fails, a judge that dithers."""
    if asked.purpose == "plan":
        return "No JSON." if asked.model.id == "cyd" else plan(step(1), step(2))
    if asked.purpose == "work" and asked.model.id == "ann":
        return Overloaded("busy")
    if asked.purpose == "check":
        return verdict(250) if asked.model.id == "ann" else verdict(30, None, defect("Doubtful"))
    if asked.purpose == "settle" and len(asked.request.messages) == 2:
        return ruling("both")
    return None


def cut_by_length(asked: Asked):
    if asked.purpose != "work":
        return None
    pieces = len(asked.request.messages) // 2
    return Say(f"Piece {pieces}. ", "length" if pieces < 3 else "stop")


def failing(asked: Asked):
    """One step can be done by nobody; what needs it is skipped, the other is done."""
    if asked.purpose == "plan":
        return plan(step(1), step(2), step(3, 1))
    return Overloaded("busy") if asked.purpose == "work" and step_of(asked) == "Step 1" else None


def abandoned(asked: Asked):
    """A weak first attempt, and nobody who can do better."""
    if asked.purpose == "work" and asked.model.id != "ann":
        return Overloaded("busy")
    return {"check": verdict(0), "settle": ruling("neither")}.get(asked.purpose)


LOOP = "The harbour opens late. The gull waits. " * 6


def suspect(asked: Asked):
    """Everybody is content with Ann's work, but it goes round in circles; the next one's does not."""
    return LOOP if asked.purpose == "work" and asked.model.id == "ann" else None


def suspect_to_the_end(asked: Asked):
    """Nobody's work is without a sign; the least suspect one stands."""
    return f"{LOOP} So says {asked.model.id}." if asked.purpose == "work" else None


PLAYS = (simple, disputed, escalated, parallel, erring, cut_by_length, failing, abandoned, suspect, suspect_to_the_end)


def set_up(script) -> Scene:
    return scene(script, candidates=[*three(), candidate("dee", 4)])


async def end_of(play: Scene, *, bomb: Bomb | None = None):
    """The result, or the error that the run ends in."""
    try:
        return await play.run(bomb=bomb)
    except OrquestradorError as error:
        return (error.code, str(error.extra))


def finished(play: Scene) -> dict:
    memory = play.memory
    answers, steps = ({key: json.loads(value) for key, value in kept.items()} for kept in (memory.answers, memory.steps))
    return {"answers": answers, "steps": steps, "errors": dict(memory.errors)}


@pytest.mark.parametrize("is_lazy", [True, False], ids=["lazy", "eager"])
@pytest.mark.parametrize("before", [True, False], ids=["before it is done", "after it is done"])
@pytest.mark.parametrize("script", PLAYS)
async def test_it_comes_to_the_same_end_wherever_it_is_killed(script, before: bool, is_lazy: bool) -> None:
    whole = set_up(script)
    expected = await end_of(whole)
    kills = 0
    for at in range(1, MOST_THINGS):
        play = set_up(script)
        play.is_lazy = is_lazy
        bomb = Bomb(at, before)
        try:
            await end_of(play, bomb=bomb)
        except Killed:
            kills += 1
        if not bomb.is_dead:
            break
        stored = set(play.memory.answers) | set(play.memory.errors)
        asked_before = len(play.world.asked)
        assert await end_of(play) == expected, f"killed at {at}"
        assert finished(play) == finished(whole), f"killed at {at}"
        asked_again = {key for key in play.memory.requests if key in stored} and [
            asked for asked in play.world.asked[asked_before:] if asked.request in [play.memory.requests[key] for key in stored]
        ]
        assert not asked_again, f"killed at {at}: {asked_again}"
        most = Counter(asked.identity[0] + asked.prompt for asked in whole.world.asked)
        again = Counter(asked.identity[0] + asked.prompt for asked in play.world.asked) - most
        assert sum(again.values()) <= len(play.world.candidates), f"killed at {at}: only calls that were open may repeat"
    else:
        raise AssertionError("the play never ended")
    assert kills > 10


@pytest.mark.parametrize("script", [parallel, erring])
async def test_it_comes_to_the_same_end_when_it_is_killed_again_and_again(script) -> None:
    whole = set_up(script)
    expected = await end_of(whole)
    play = set_up(script)
    for life in range(200):
        bomb = Bomb(at=12 + life % 5, before=bool(life % 2))
        try:
            result = await end_of(play, bomb=bomb)
        except Killed:
            continue
        break
    assert result == expected
    assert finished(play) == finished(whole)


async def test_an_interruption_that_was_stored_is_asked_once_more_after_a_restart_too() -> None:
    """The stored error must come back as what it was; read as another error it would hand the work to another author."""

    def script(asked: Asked):
        if asked.purpose != "work":
            return None
        was_stored = any("interrupted" in error for error in play.memory.errors.values())
        return "All of it." if was_stored else Say("Half of", then=Interrupted("cut"))

    play = scene(script)
    expected = await play.run()
    assert expected.text == "All of it."
    things = play.journal.bomb.count
    for at in range(1, things + 1):
        for before in (True, False):
            play = scene(script)
            with pytest.raises(Killed):
                await play.run(bomb=Bomb(at, before))
            assert await play.run() == expected
            assert set(play.world.by("work")) == {"ann"}, f"killed at {at}"


async def test_an_answer_is_never_taken_for_another_models() -> None:
    """A planner that failed is not in use after the restart: the next one's stored plan must still be its own."""

    def script(asked: Asked):
        if asked.purpose == "plan" and asked.model.id == "cyd":
            play.world.candidates = [item for item in play.world.candidates if item.ref.id != "cyd"]
            return Overloaded("busy")
        return plan(step(1), step(2)) if asked.purpose == "plan" else None

    kill_at = 0
    while True:
        kill_at += 1
        play = scene(script, candidates=[*three(), candidate("dee", 4)])
        try:
            await play.run(bomb=Bomb(kill_at, before=False))
            break
        except Killed:
            await play.run()
        made = play.memory.step("plan")
        assert (made["planned_by"] or {}).get("id") == "dee", f"killed at {kill_at}"
        assert play.world.by("plan").count("dee") <= 2
    assert kill_at > 10


async def test_what_failed_is_tried_anew_when_a_person_starts_it_again_and_what_succeeded_is_not() -> None:
    play = set_up(failing)
    with pytest.raises(SubtasksFailed):
        await play.run()
    asked_before = len(play.world.asked)
    play.memory.take_up_again()
    play.world.script = lambda asked: None
    assert (await play.run()).is_cross_validated
    assert {step_of(asked) for asked in play.world.asked[asked_before:]} == {"Step 1", "Step 3"}
    assert len(play.world.by("plan")) == 1


@pytest.mark.parametrize("script", PLAYS)
async def test_two_runs_of_one_task_use_the_same_keys(script) -> None:
    one, other = set_up(script), set_up(script)
    await end_of(one)
    await end_of(other)
    assert finished(one) == finished(other)
    assert list(one.memory.requests) and set(one.memory.requests) == set(other.memory.requests)
