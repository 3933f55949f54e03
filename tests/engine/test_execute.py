"""The author's work: whole, never a summary; and who writes when an author fails."""

from __future__ import annotations

import pytest

from apps.providers.errors import AuthenticationFailed, Interrupted, Overloaded, ProviderTimeout
from apps.tasks.engine.errors import NoModelAnswered
from apps.tasks.engine.execute import MOST_PIECES, execute
from apps.tasks.engine.types import Cast, Draft
from tests.engine.fakes import Asked, Say, a_subtask, model, scene

ANN, BOB, CYD = model("ann"), model("bob"), model("cyd")
LOOP = "The same sentence again and again, for ever. "


async def written(play, *authors) -> Draft:
    cast = Cast(authors or (ANN, BOB, CYD), (), ())
    return await (await play.begin()).stage("execute", execute, a_subtask(), {}, cast, ())


def by_author(**answers):
    """Each author's answers, the last one for ever."""
    left = {name: list(given) if isinstance(given, (list, tuple)) else [given] for name, given in answers.items()}

    def script(asked: Asked):
        mine = left.get(asked.model.id)
        return None if mine is None else mine.pop(0) if len(mine) > 1 else mine[0]

    return script


async def test_the_first_author_writes_it() -> None:
    play = scene()
    draft = await written(play)
    assert (draft.text, draft.by, draft.pieces, draft.is_complete) == ("A whole work by ann.", ANN, 1, True)
    assert draft.tokens == 120


async def test_a_work_cut_by_length_is_continued_and_joined_without_loss() -> None:
    pieces = ["One, two, thr", "ee, four,\n\n    fi", "ve."]
    play = scene(by_author(ann=[Say(pieces[0], "length"), Say(pieces[1], "length"), Say(pieces[2])]))
    draft = await written(play)
    assert draft.text == "".join(pieces)
    assert (draft.pieces, draft.is_complete, draft.tokens) == (3, True, 360)
    second, third = play.world.asked[1], play.world.asked[2]
    assert [message.role for message in second.request.messages[-2:]] == ["assistant", "user"]
    assert second.request.messages[-2].content == pieces[0]
    assert third.request.messages[-2].content == pieces[0] + pieces[1]
    assert "Go on exactly where it stopped" in third.last
    assert play.memory.events == ["continued", "continued"]


async def test_it_takes_so_many_pieces_and_then_says_that_it_is_incomplete() -> None:
    play = scene(lambda asked: Say(f"piece {len(play.world.asked)} ", "length"))
    draft = await written(play)
    assert draft.pieces == MOST_PIECES == len(play.world.asked)
    assert draft.text == " ".join(f"piece {number}" for number in range(1, MOST_PIECES + 1))
    assert not draft.is_complete


async def test_a_server_that_names_no_reason_for_ending_has_still_given_a_whole_work() -> None:
    assert (await written(scene(by_author(ann=Say("All of it.", "unknown"))))).is_complete
    assert not (await written(scene(by_author(ann=Say("Half of", "content_filter"))))).is_complete


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (Say(" \n "), "empty_work"),
        (Say("", "length"), "empty_work"),
        (Overloaded("busy"), "overloaded"),
        (ProviderTimeout("late"), "timeout"),
        (AuthenticationFailed("The key is wrong."), "authentication"),
        (Say(LOOP * 10, endless=True), "runaway_answer"),
    ],
    ids=["blank", "empty by length", "busy", "late", "wrong key", "runaway"],
)
async def test_an_author_that_does_not_deliver_is_replaced_by_the_next(failure, code: str) -> None:
    play = scene(by_author(ann=failure))
    draft = await written(play)
    assert draft.by == BOB
    assert [(failed.model, failed.code) for failed in draft.failed_before] == [(ANN, code)]
    assert "author_failed" in play.memory.events


async def test_a_runaway_is_cut_early_while_it_streams() -> None:
    play = scene(by_author(ann=Say(LOOP * 10, endless=True)))
    await written(play)
    assert play.world.heard_chars < 2_500
    assert play.world.open_streams == 0


async def test_an_interrupted_stream_is_asked_once_more() -> None:
    play = scene(by_author(ann=[Say("Half of", then=Interrupted("cut")), "All of it."]))
    draft = await written(play)
    assert (draft.text, draft.by) == ("All of it.", ANN)
    assert play.world.by("work") == ["ann", "ann"]


async def test_a_stream_interrupted_twice_goes_to_the_next_author() -> None:
    play = scene(by_author(ann=Say("Half of", then=Interrupted("cut"))))
    assert (await written(play)).by == BOB
    assert play.world.by("work") == ["ann", "ann", "bob"]


async def test_an_interruption_in_a_later_piece_repeats_only_that_piece() -> None:
    play = scene(by_author(ann=[Say("One, ", "length"), Say("tw", then=Interrupted("cut")), "two."]))
    assert (await written(play)).text == "One, two."
    assert len(play.world.asked) == 3


async def test_when_every_author_fails_each_is_named_with_its_reason() -> None:
    play = scene(by_author(ann=Overloaded("busy"), bob=Say(""), cyd=AuthenticationFailed("The key is wrong.")))
    with pytest.raises(NoModelAnswered) as caught:
        await written(play)
    assert caught.value.extra["tried"] == {"Ann": "busy", "Bob": "The answer was empty.", "Cyd": "The key is wrong."}
    assert play.memory.step_errors == {"execute": "no_model_answered"}
    assert "execute" not in play.memory.steps


async def test_the_prompt_holds_the_task_the_step_what_it_builds_on_and_the_criteria() -> None:
    from tests.engine.test_conclude import an_outcome

    play = scene(description="The whole big task, costing $5 and ${more}.")
    subtask = a_subtask(3, depends_on=(1,), acceptance_criteria=("Has three parts", "Rhymes"))
    inputs = {1: an_outcome(text="What step one found: $x.")}
    await (await play.begin()).stage("execute", execute, subtask, inputs, Cast((ANN,), (), ()), ())
    prompt = play.world.prompts("work")[0]
    for words in ("The whole big task, costing $5 and ${more}.", "Do step 3.", "[Result of step 1]\nWhat step one found: $x.",
                  "- Has three parts\n- Rhymes", "never a summary"):  # fmt: skip
        assert words in prompt
    assert "earlier attempt" not in prompt
