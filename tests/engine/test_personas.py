"""Specialized AIs in the flow: who is chosen, who speaks as whom, and what a restart makes of it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.tasks.engine.cast import cast_from
from apps.tasks.engine.personas import persona_for, voiced
from apps.tasks.engine.types import Persona
from tests.engine.fakes import Bomb, Killed, a_subtask, a_task, candidate, model, plan, scene, step, three

DEVELOPER = Persona("p-dev", "Developer", "executor", "You are a developer.", ("code",), temperature=0.1)
EVERYBODY = Persona("p-all", "Generalist", "executor", "You do anything.")
REVIEWER = Persona("p-rev", "Reviewer", "validator", "You review.")
JUDGE = Persona("p-jud", "Judge", "tie_breaker", "You decide.")
PLANNER = Persona("p-pla", "Planner", "planner", "You plan.")


def chosen(candidates, *personas, category="general", **task):
    return cast_from(list(candidates), a_task(**task), a_subtask(category=category), (), personas)


def first(refs) -> str:
    return refs[0].id


# ── which one ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_one_that_names_the_category_goes_before_the_one_for_all():
    both = [EVERYBODY, DEVELOPER]
    assert persona_for(both, "executor", "Code ") is DEVELOPER
    assert persona_for(both, "executor", "poetry") is EVERYBODY
    assert persona_for([DEVELOPER], "executor", "poetry") is None
    assert persona_for(both, "validator", "code") is None


def test_its_preferred_model_writes_and_then_its_fallbacks():
    eager = replace(DEVELOPER, models=("cyd", "bob"))
    cast = chosen(three(), eager, category="code")
    assert [ref.id for ref in cast.executors[:2]] == ["cyd", "bob"] and cast.executor_as is eager
    assert first(chosen(three(), eager, category="poetry").executors) == "ann"


def test_a_preferred_model_that_cannot_be_asked_leaves_its_place_to_the_fallback():
    crowd = [one for one in three() if one.ref.id != "cyd"]
    assert first(chosen(crowd, replace(DEVELOPER, models=("cyd", "bob")), category="code").executors) == "bob"


def test_a_model_that_a_person_asked_for_goes_before_any_preference():
    cast = chosen(three(), replace(DEVELOPER, models=("cyd",)), category="code", cast={"executor": "bob"})
    assert first(cast.executors) == "bob" and cast.executor_as is not None


def test_a_checker_is_never_of_the_authors_family_whatever_is_preferred():
    twin = candidate("ann2", 1, family="ann")
    cast = chosen([*three(), twin], replace(EVERYBODY, models=("ann",)), replace(REVIEWER, models=("ann2", "cyd")))
    assert first(cast.executors) == "ann" and first(cast.checkers) == "cyd"
    assert "ann" not in {ref.family for ref in (*cast.checkers, *cast.judges)}


def test_the_family_that_the_reviewer_prefers_is_left_free_for_checking():
    cast = chosen(three(), replace(REVIEWER, models=("ann",)))
    assert first(cast.executors) != "ann" and first(cast.checkers) == "ann"


def test_the_judge_that_is_preferred_judges():
    cast = chosen(three(), replace(JUDGE, models=("bob",)))
    assert first(cast.judges) == "bob" and cast.tie_breaker_as is not None


# ── what people think ─────────────────────────────────────────────────────────────────────────────────────────────
def liked(name: str, stars: float, **more):
    return replace(candidate(name, 1, **more), liking={"": stars})


@pytest.mark.parametrize("name", ["amy", "zoe"])
def test_among_equals_the_stars_decide_and_not_the_name(name):
    crowd = [liked(one, 4.5 if one == name else 2.0) for one in ("amy", "zoe")]
    assert first(chosen(crowd).executors) == name


def test_stars_never_go_before_a_measurement():
    crowd = [liked("amy", 5.0, score=71), liked("zoe", 1.0, score=72)]
    assert first(chosen(crowd).executors) == "zoe"


def test_stars_never_go_before_the_tier():
    crowd = [liked("amy", 5.0), liked("zoe", 1.0, tier="top")]
    assert first(chosen(crowd).executors) == "zoe"


# ── how it is said ────────────────────────────────────────────────────────────────────────────────────────────────
async def test_a_tiny_model_hears_exactly_its_own_words():
    from apps.tasks.engine.profiles.compact import CompactProfile

    prompt = CompactProfile().work_prompt(a_task(), a_subtask(), {}, ())
    assert voiced(prompt, DEVELOPER, replace(model("tiny"), profile="compact")) is prompt


async def test_everybody_hears_first_who_they_are_and_then_the_rules():
    play = play_with([DEVELOPER, EVERYBODY, REVIEWER, JUDGE, PLANNER])
    await play.run()
    systems = {asked.purpose: asked.request.messages[0].content for asked in play.world.asked}
    assert systems["plan"].startswith("You plan.\n\nYou plan work for other AIs.")
    assert systems["work"].startswith("You are a developer.\n\nYou are the author of one step")
    assert systems["check"].startswith("You review.\n\nYou check the work of another author.")
    temperatures = {asked.purpose: asked.request.temperature for asked in play.world.asked}
    assert temperatures["work"] == 0.1 and temperatures["check"] is None


async def test_it_is_recorded_who_spoke_as_whom():
    play = play_with([DEVELOPER, REVIEWER, PLANNER])
    await play.run()
    by_stage = {key.partition("#")[0].rpartition("/")[2]: voice for key, voice in play.memory.spoken_as.items()}
    assert by_stage == {"plan": "p-pla", "execute": "p-dev", "validate": "p-rev"}
    assert play.memory.step("plan")["planned_as"] == "Planner"


async def test_without_specialized_ais_nothing_is_different():
    play = scene()
    await play.run()
    assert set(play.memory.spoken_as.values()) == {""}


async def test_a_resumed_task_goes_on_as_it_began_although_somebody_changed_it_since():
    whole = play_with([DEVELOPER, REVIEWER])
    await whole.run()
    for at in range(1, whole.world.bomb.count + 1):
        play = play_with([DEVELOPER, REVIEWER])
        with pytest.raises(Killed):
            await play.run(bomb=Bomb(at=at))
        has_cast = "s1.r1.a1/cast" in play.memory.steps
        play.world.personas = [replace(DEVELOPER, id="p-new", system_prompt="You are new.")]
        await play.run()
        works = [asked for asked in play.world.asked if asked.purpose == "work"]
        if has_cast:
            assert works[-1].request.messages[0].content.startswith("You are a developer.")


def play_with(personas):
    play = scene(plan_of_code)
    play.world.personas = personas
    return play


def plan_of_code(asked):
    return plan(step(1, category="code")) if asked.purpose == "plan" else None
