"""What is too long for a model is read in parts, each a stored call, and the result says how many."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.providers.errors import ContextTooLong
from apps.tasks.engine.errors import NoModelAnswered
from apps.tasks.engine.execute import execute
from apps.tasks.engine.longtext import estimate_tokens
from apps.tasks.engine.types import Cast, Draft
from apps.tasks.engine.validate import validate
from tests.engine.fakes import Bomb, Killed, Say, a_subtask, model, scene
from tests.engine.test_conclude import an_outcome

ANN = replace(model("ann"), context_window=4_000)
BOB = replace(model("bob"), context_window=4_000)
LONG = " ".join(f"Fact {number} stands here." for number in range(3_000))


def inputs_of(text: str) -> dict:
    return {1: replace(an_outcome(), text=text)}


def notes(asked):
    return f"Notes of {asked.prompt.count('Fact')} facts." if asked.purpose == "read" else None


async def written(play, author=ANN, inputs=None, subtask=None) -> Draft:
    cast = Cast((author,), (), ())
    return await (await play.begin()).stage("execute", execute, subtask or a_subtask(2), inputs or inputs_of(LONG), cast, ())


async def test_what_fits_is_given_whole():
    play = scene()
    draft = await written(play, inputs=inputs_of("Short."))
    assert draft.parts_read == 1 and play.world.by("read") == []


async def test_a_model_whose_context_nobody_knows_gets_it_whole():
    play = scene()
    draft = await written(play, author=model("ann"))
    assert draft.parts_read == 1 and "Fact 2999" in play.world.prompts("work")[0]


async def test_what_does_not_fit_is_read_in_parts_and_the_draft_says_how_many():
    play = scene(notes)
    draft = await written(play)
    reads = play.world.prompts("read")
    assert draft.parts_read == len(reads) > 5
    assert all(any(f"Fact {number} " in read for read in reads) for number in range(3_000)), "a fact was cut in silence"
    [work] = play.world.prompts("work")
    assert "Notes of" in work and "Fact 5" not in work and f"all {len(reads)} parts" in work
    assert "read_in_parts" in play.memory.events


async def test_no_request_is_larger_than_the_context():
    play = scene(notes)
    await written(play)
    for asked in play.world.asked:
        size = sum(estimate_tokens(message.content) for message in asked.request.messages)
        room = asked.request.max_output_tokens if asked.purpose == "read" else min(asked.request.max_output_tokens, 1_000)
        assert size + room <= ANN.context_window


async def test_a_long_text_in_the_step_itself_keeps_the_request_at_both_ends():
    subtask = replace(a_subtask(1), description=f"Summarise this for Lena: {LONG} Answer in Portuguese.")
    play = scene(notes)
    await written(play, inputs={}, subtask=subtask)
    for prompt in (*play.world.prompts("read"), *play.world.prompts("work")):
        assert "Summarise this for Lena" in prompt and "Answer in Portuguese." in prompt


async def test_a_description_that_is_also_the_step_is_read_once():
    text = f"Summarise: {LONG}"
    play = scene(notes, description=text)
    await written(play, inputs={}, subtask=replace(a_subtask(1), description=text))
    assert sum(read.count("Fact 1500 ") for read in play.world.prompts("read")) <= 2  # the overlap may hold it again


async def test_notes_that_are_still_too_long_are_read_again():
    def script(asked):
        return "A long note. " * 60 if asked.purpose == "read" and "Fact" in asked.prompt else notes(asked)

    play = scene(script)
    draft = await written(play, inputs=inputs_of(" ".join([LONG] * 3)))
    reads = play.world.prompts("read")
    assert draft.parts_read == sum("Fact" in read for read in reads) < len(reads)


async def test_notes_that_were_cut_are_taken_again_of_each_half():
    cut = []

    def script(asked):
        if asked.purpose == "read" and not cut:
            cut.append(asked)
            return Say("Half a no", "length")
        return notes(asked)

    play = scene(script)
    draft = await written(play)
    assert len(play.world.by("read")) - draft.parts_read in (2, 3)  # a third where a sentence stands across the middle
    assert "Half a no" not in play.world.prompts("work")[0]


async def test_a_server_that_finds_it_too_long_is_believed():
    def script(asked):
        size = sum(len(message.content) for message in asked.request.messages)
        return ContextTooLong("too long") if size > 20_000 else notes(asked)

    play = scene(script)
    draft = await written(play, author=model("ann"))
    assert draft.parts_read > 1 and draft.by.id == "ann"


async def test_a_context_in_which_nothing_fits_fails_that_author_with_words():
    play = scene(notes)
    with pytest.raises(NoModelAnswered) as error:
        await written(play, author=replace(ANN, context_window=300))
    assert "not even in parts" in error.value.message


async def test_a_tiny_model_is_never_asked_to_take_notes():
    play = scene(lambda asked: ContextTooLong("too long"))
    with pytest.raises(NoModelAnswered):
        await written(play, author=replace(ANN, profile="compact"))
    assert play.world.by("read") == []


async def test_a_restart_asks_no_part_twice():
    play = scene(notes)
    with pytest.raises(Killed):
        await (await play.begin(bomb=Bomb(at=14))).stage(
            "execute", execute, a_subtask(2), inputs_of(LONG), Cast((ANN,), (), ()), ()
        )
    before = len(play.world.by("read"))
    draft = await written(play)
    assert before > 1
    assert len(play.world.by("read")) <= draft.parts_read + 1  # one more: its answer may have been on its way


async def test_a_checker_reads_in_parts_too_and_says_so():
    play = scene(notes)
    draft = Draft("A work.", ANN)
    cast = Cast((ANN,), (BOB,), ())
    check = await (await play.begin()).stage("validate", validate, a_subtask(2), inputs_of(LONG), draft, cast)
    assert check.parts_read > 1 and check.verdict is not None and check.verdict.by == BOB
