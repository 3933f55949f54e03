"""Answers that are begun at once take turns, and what they say leaves together."""

from __future__ import annotations

import asyncio

import pytest

from apps.chat import beginnings, mouth
from apps.chat.beginnings import Beginnings
from apps.chat.mouth import Mouth
from apps.common.live import LiveMessage

PATIENCE_S = 10.0


async def test_only_a_few_begin_at_once_and_in_the_order_in_which_they_came() -> None:
    room, inside, begun = Beginnings(), [], []

    async def one(number: int) -> None:
        async with room.enter():
            inside.append(number)
            assert len(inside) <= beginnings.AT_ONCE
            await asyncio.sleep(0)
            begun.append(number)
            inside.remove(number)

    await asyncio.gather(*(one(number) for number in range(20)))
    assert begun == list(range(20))


@pytest.mark.parametrize("says_so", [True, False])
async def test_who_has_asked_its_model_or_waits_long_makes_room(monkeypatch: pytest.MonkeyPatch, says_so: bool) -> None:
    monkeypatch.setattr(beginnings, "LONGEST_S", PATIENCE_S if says_so else 0.01)
    room, go, came = Beginnings(), asyncio.Event(), []

    async def one(number: int) -> None:
        async with room.enter() as begun:
            came.append(number)
            if says_so:
                begun()
                begun()  # room is made once
            await go.wait()

    works = [asyncio.create_task(one(number)) for number in range(10)]
    async with asyncio.timeout(PATIENCE_S):
        while len(came) < 10:
            await asyncio.sleep(0.005)
        go.set()
        await asyncio.gather(*works)
    assert room._room._value == beginnings.AT_ONCE


async def test_what_is_said_in_one_moment_leaves_together_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    turns: list[list[LiveMessage]] = []
    monkeypatch.setattr(mouth, "publish_together", lambda messages: turns.append(list(messages)))
    speaking = Mouth()
    said = [LiveMessage.of("chat:1", "chat:streaming", {"n": n}) for n in range(50)]
    for one in said[:40]:
        speaking.say(one)
    async with asyncio.timeout(PATIENCE_S):
        while not turns:
            await asyncio.sleep(0.001)
    assert turns == [said[:40]]
    for one in said[40:]:
        speaking.say(one)
    speaking.pass_on()  # whoever has ended does not wait
    assert turns[1:] == [said[40:]]
    speaking.pass_on()
    assert len(turns) == 2
