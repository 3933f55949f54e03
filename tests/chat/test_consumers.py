"""What a socket can do in a chat, and what it may not."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from apps.chat import services
from apps.common import live
from apps.common.db import in_db
from apps.common.hub import hub
from orquestrador.routing import Socket
from tests.chat.at_work import PATIENCE_S, at_work, ended
from tests.factories import make_actor
from tests.providers.calls.upstream import says
from tests.tasks.routing.upstream import SURE, model_at, serving

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def one_hub() -> Any:
    yield
    live.wire().close()
    live._wire.cache_clear()
    hub.cache_clear()


class Line:
    """A socket of `actor` without the network in between."""

    def __init__(self, actor: Any) -> None:
        from apps.common.hub import Listener

        self.socket = Socket()
        self.socket.scope = {"headers": [], "cookies": {}}
        self.socket.actor, self.socket.checks, self.socket.listener = actor, {}, Listener()

    async def ask(self, type: str, **data: Any) -> dict[str, Any]:
        return (await self.socket._answer({"type": type, "data": data}))[1]


def test_an_answer_that_has_ended_before_the_socket_listens_is_told_all_the_same(actor, monkeypatch):
    sending = services.message_send

    def sent_and_failed(*args: Any, **kwargs: Any) -> Any:
        question, answer = sending(*args, **kwargs)
        type(answer).objects.filter(pk=answer.pk).update(status="failed", error="No model.")
        return question, answer

    monkeypatch.setattr(services, "message_send", sent_and_failed)

    async def story():
        line = Line(actor)
        sent = await line.ask("chat:send", content="Hello")
        while (said := json.loads(await asyncio.wait_for(line.socket.listener.next(), PATIENCE_S)))["type"] != "chat:done":
            pass
        hub().leave(line.socket.listener)
        return sent, said["data"]

    sent, done = async_to_sync(story)()
    assert (done["id"], done["status"], done["error"]) == (str(sent["answer"]["id"]), "failed", "No model.")


def test_what_is_said_on_a_socket_is_answered_and_read_again(actor):
    model = model_at(actor, "small")

    async def story():
        async with serving({model: says(SURE)}), at_work():
            line = Line(actor)
            sent = await line.ask("chat:send", content="What is 2 + 2?")
            from apps.chat.models import Message

            answer = await in_db(lambda: Message.objects.get(public_id=sent["answer"]["id"]))
            await ended(answer.pk)
            history = await line.ask("chat:history", conversation_id=sent["conversation_id"])
            rest = await line.ask("chat:resume", message_id=str(sent["answer"]["id"]), seq=4)
            hub().leave(line.socket.listener)
            return history, rest

    history, rest = async_to_sync(story)()
    assert [row["content"] for row in history["messages"]] == ["What is 2 + 2?", SURE]
    assert (rest["at"], rest["delta"], rest["status"]) == (4, SURE[4:], "complete")


@pytest.mark.parametrize("type", ["chat:history", "chat:resume", "chat:stop", "chat:send"])
def test_another_persons_conversation_is_not_there(actor, type):
    from apps.common.errors import NotFound

    conversation = services.conversation_create(actor)
    _question, answer = services.message_send(actor, conversation, content="Secret")
    other = make_actor("member", team=actor.team)
    names = {"conversation_id": str(conversation.public_id), "message_id": str(answer.public_id), "content": "x"}

    async def story():
        line = Line(other)
        with pytest.raises(NotFound):
            await line.ask(type, **names)
        assert not line.socket.listener.topics

    async_to_sync(story)()
