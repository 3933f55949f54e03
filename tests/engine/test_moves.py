"""Another server of the same AI takes over in the middle of an answer; a call waits for a free place."""

from __future__ import annotations

from collections.abc import AsyncIterator
from decimal import Decimal

from apps.providers.contract import Completion, Delta, Usage
from apps.tasks.engine.moves import Moved, Queued
from apps.tasks.engine.types import Prompt
from tests.engine.fakes import FakeAIs, like, model, scene

QUESTION = Prompt(messages=(), max_output_tokens=100)
HERE = model("ann", provider="here")
THERE = like(HERE, id="ann-there", provider="there")


async def answered(*items: object) -> tuple:
    """What comes of a call in which these items arrive: the answer, and the scene."""

    class AIs(FakeAIs):
        async def ask(self, asked, request) -> AsyncIterator:
            for item in items:
                yield item

    stage = scene()
    stage.prices = {HERE.id: Decimal("0.5"), THERE.id: Decimal("0.25")}
    context = await stage.begin()
    stage.the_run.ais = AIs(stage.world)
    return (await context.ask(HERE, QUESTION)).completion, stage


def whole(text: str) -> Completion:
    return Completion(text, "stop", Usage(10, 5), "ann-v1")


async def test_a_server_that_failed_is_noted_its_words_are_void_and_its_cost_counts():
    partial = Completion("Half", "unknown", Usage(10, 1, is_estimated=True), "ann-v1")
    moved = Moved(HERE, THERE, "interrupted", "It broke off.", was_asked=True, after_first_token=True, partial=partial)
    items = (Delta("Half"), moved, Delta(restarted=True), Delta("Whole."), whole("Whole."))
    completion, stage = await answered(*items)
    assert completion.text == "Whole."
    assert [(key.split("#")[1], move) for key, move in stage.memory.moves] == [("ann.1", moved)]
    [(event, said)] = stage.memory.notes
    assert (event, said["server"], said["next"], said["restarted"]) == ("server_failed", "here", "there", True)
    assert [heard["model"].provider for heard in stage.audience.heard if heard["restarted"]] == ["there"]
    assert stage.the_run.spent_usd == Decimal("1.0")  # the half that was thrown away, and the whole


async def test_a_server_that_was_merely_less_busy_is_kept_with_the_call_and_no_news():
    completion, stage = await answered(Moved(HERE, THERE), whole("Fine."))
    assert (completion.text, len(stage.memory.moves), stage.memory.notes) == ("Fine.", 1, [])


async def test_waiting_for_a_place_is_noted():
    _, stage = await answered(Queued(HERE, 600.0), whole("At last."))
    assert stage.memory.notes == [("queued", {"model": "Ann", "at_most_s": 600})]
