"""What people think of answers."""

from __future__ import annotations

import pytest

from apps.accounts.models import Role
from apps.chat import services
from apps.chat.models import AnswerThumb, Conversation, Message
from apps.common import events
from apps.common.events import AnswerRated
from tests.factories import execution_of, make_actor, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def answer(actor) -> Message:
    conversation = services.conversation_create(actor)
    _question, row = services.message_send(actor, conversation, content="Hello")
    Message.objects.filter(pk=row.pk).update(status="complete", content="Hi", execution=execution_of(actor))
    return Message.objects.select_related("execution").get(pk=row.pk)


@pytest.fixture
def heard(monkeypatch) -> list:
    said: list = []
    monkeypatch.setitem(events._handlers, AnswerRated, [said.append])
    return said


def rate(client, answer, thumb, **more):
    url = f"/api/messages/{answer.public_id}/rate/"
    return client.post(url, {"thumb": thumb, **more}, content_type="application/json")


def test_a_thumb_is_kept_changed_and_taken_back_and_others_hear_of_it(actor, answer, heard):
    client = signed_in(actor)
    assert rate(client, answer, "up", comment="Good").json()["thumb"] == "up"
    assert rate(client, answer, "down").json()["thumb"] == "down"
    assert AnswerThumb.objects.get().thumb == -1
    assert client.get(f"/api/messages/{answer.public_id}/").json()["thumb"] == "down"
    listed = client.get(f"/api/conversations/{answer.conversation.public_id}/messages/").json()["results"]
    assert [row["thumb"] for row in listed] == [None, "down"]
    assert rate(client, answer, None).json()["thumb"] is None
    assert not AnswerThumb.objects.exists()
    execution = answer.execution.public_id
    assert heard == [AnswerRated(execution, actor.user.pk, value) for value in (1, -1, 0)]


def test_each_person_has_one_of_their_own(actor, answer, heard):
    mate = make_actor(Role.MEMBER, team=actor.team)
    assert rate(signed_in(mate), answer, "up").status_code == 404
    Conversation.objects.update(is_shared=True)
    assert rate(signed_in(mate), answer, "up").json()["thumb"] == "up"
    assert rate(signed_in(actor), answer, "down").json()["thumb"] == "down"
    assert signed_in(mate).get(f"/api/messages/{answer.public_id}/").json()["thumb"] == "up"
    viewer = make_actor(Role.VIEWER, team=actor.team)
    assert rate(signed_in(viewer), answer, "up").status_code == 403


@pytest.mark.parametrize("thumb", ["sideways", 1, ""])
def test_what_is_no_thumb_is_refused(actor, answer, thumb):
    assert rate(signed_in(actor), answer, thumb).status_code == 400


def test_only_an_answer_that_is_there_is_rated(actor, answer, heard):
    client = signed_in(actor)
    assert rate(client, answer.parent, "up").status_code == 409
    Message.objects.filter(pk=answer.pk).update(status="streaming")
    assert rate(client, answer, "up").status_code == 409
    assert heard == []
