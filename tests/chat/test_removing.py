"""A message is removed with all below it, brought back, or said differently."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.test import Client
from django.utils import timezone

from apps.chat import answering, removing, selectors, services
from apps.chat.models import Conversation, Message
from apps.common.db import in_db
from apps.common.errors import NotFound
from apps.providers.models import CreditUsage
from tests.chat.at_work import Ear, at_work, until
from tests.chat.test_worker import one_hub, pieces  # noqa: F401
from tests.factories import make_actor
from tests.tasks.routing.upstream import model_at, serving

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def client(actor) -> Client:
    client = Client()
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


@pytest.fixture
def conversation(actor) -> Conversation:
    return services.conversation_create(actor)


def said(actor, conversation, content, answer="yes", **more) -> tuple[Message, Message]:
    question, row = services.message_send(actor, conversation, content=content, **more)
    Message.objects.filter(pk=row.pk).update(status="complete", content=answer)
    return question, Message.objects.get(pk=row.pk)


def again(actor, message, answer="no") -> Message:
    row = services.message_regenerate(actor, message)
    Message.objects.filter(pk=row.pk).update(status="complete", content=answer)
    return row


def shown(conversation) -> list[str]:
    conversation.refresh_from_db()
    return [turn.message.content for turn in selectors.thread_of(conversation).turns]


def url(message) -> str:
    return f"/api/messages/{message.public_id}/"


def test_what_lies_below_goes_with_it_in_every_branch_and_is_counted_in_words(client, actor, conversation):
    said(actor, conversation, "first")
    question, _answer = said(actor, conversation, "second", "2")
    again(actor, question)
    said(actor, conversation, "third", "3")
    gone = client.delete(url(question)).json()
    assert gone == {"removed": 5, "message": "Removed, with the 4 messages below it. They can be brought back for a day."}
    assert shown(conversation) == ["first", "yes"]
    assert client.get(url(question)).status_code == client.delete(url(question)).status_code == 404
    assert len(client.get(f"/api/conversations/{conversation.public_id}/messages/").json()["results"]) == 2


def test_the_branch_that_is_shown_goes_on_with_a_sibling_and_without_one_with_its_parent(actor, conversation):
    question, first = said(actor, conversation, "q", "one")
    second = again(actor, question, "two")
    removing.message_remove(actor, second)
    assert shown(conversation) == ["q", "one"]
    removing.message_remove(actor, first)
    assert shown(conversation) == ["q"]
    removing.message_remove(actor, question)
    assert shown(conversation) == [] and conversation.current_id is None


def test_what_is_removed_from_another_branch_leaves_the_shown_one(actor, conversation):
    question, first = said(actor, conversation, "q", "one")
    again(actor, question, "two")
    removing.message_remove(actor, first)
    assert shown(conversation) == ["q", "two"]


def test_it_comes_back_with_all_that_went_with_it_and_is_shown(client, actor, conversation):
    said(actor, conversation, "a", "b")
    question, answer = said(actor, conversation, "c", "d")
    removing.message_remove(actor, answer)  # went before, by itself
    removing.message_remove(actor, question)
    said(actor, conversation, "e", "f")
    assert client.post(f"{url(question)}restore/").json()["id"] == str(question.public_id)
    assert shown(conversation) == ["a", "b", "c"]
    assert client.post(f"{url(answer)}restore/").status_code == 200
    assert shown(conversation) == ["a", "b", "c", "d"]


def test_it_does_not_come_back_below_what_is_gone(client, actor, conversation):
    question, answer = said(actor, conversation, "a", "b")
    removing.message_remove(actor, answer)
    removing.message_remove(actor, question)
    assert client.post(f"{url(answer)}restore/").status_code == 409


def test_after_a_day_it_is_cleared_away_and_what_it_cost_stays(client, actor, conversation):
    question, answer = said(actor, conversation, "a", "b")
    CreditUsage.objects.create(
        team=actor.team, owner=actor.user, model_key="m", cost_usd=3, linked_execution=answer.public_id, purpose="chat"
    )
    removing.message_remove(actor, question)
    assert services.conversations_purge() == 0
    Message.every.update(removed_at=timezone.now() - timedelta(days=2))
    assert services.conversations_purge() == 2
    assert not Message.every.exists() and CreditUsage.objects.get().cost_usd == 3
    assert client.post(f"{url(question)}restore/").status_code == 404


def test_search_export_and_models_hear_no_more_of_it(client, actor, conversation):
    said(actor, conversation, "a", "b")
    _question, answer = said(actor, conversation, "umbrella", "parasol")
    removing.message_remove(actor, answer.parent)
    assert client.get("/api/conversations/?search=umbrella").json()["results"] == []
    export = client.get(f"/api/conversations/{conversation.public_id}/export/").content.decode()
    assert "umbrella" not in export and "parasol" not in export
    assert client.get("/api/messages/?search=parasol").json()["results"] == []
    _next, row = services.message_send(actor, conversation, content="next")
    assert [part.content for part in answering.question_of(row.pk).request.messages] == ["a", "b", "next"]


def test_an_answer_under_way_is_stopped_at_its_provider_and_what_was_paid_is_kept(actor, conversation):
    model = model_at(actor, "small")

    async def story():
        async with serving({model: pieces("One ", "two ", ending=False)}) as servers, at_work():
            ear = Ear(conversation)
            question, answer = await in_db(services.message_send, actor, conversation, content="count")
            while "two" not in ear.text:
                await ear.next()
            assert await in_db(removing.message_remove, actor, question) == 2
            row = await until(lambda: Message.every.filter(pk=answer.pk, status="stopped").first())
            return row, servers

    row, _servers = async_to_sync(story)()
    assert "two" in row.content and row.cost_usd is not None and row.lease_until is None
    assert CreditUsage.objects.filter(linked_execution=row.public_id).exists()
    removing.message_restore(actor, row.parent)
    assert shown(conversation) == ["count", row.content]


def test_one_that_waits_is_not_begun(actor, conversation):
    _question, waiting = services.message_send(actor, conversation, content="a")
    removing.message_remove(actor, waiting)
    assert not answering.claim("me", 5)
    assert Message.every.get(pk=waiting.pk).status == "stopped"


def test_an_answer_whose_worker_died_ends_though_it_was_removed(actor, conversation):
    question, answer = services.message_send(actor, conversation, content="a")
    answering.claim("dead", 5)
    removing.message_remove(actor, question)
    Message.every.filter(pk=answer.pk).update(lease_until=timezone.now() - timedelta(minutes=5))
    assert [row.pk for row in answering.interrupted_give_up()] == [answer.pk]
    assert Message.every.get(pk=answer.pk).status == "failed"


def test_nobody_says_or_asks_anything_below_what_is_gone(actor, conversation):
    question, answer = said(actor, conversation, "a", "b")
    removing.message_remove(actor, question)
    with pytest.raises(NotFound):
        services.message_regenerate(actor, answer)
    with pytest.raises(NotFound):
        services.message_send(actor, conversation, content="c", instead_of=question)


def test_only_who_owns_the_conversation_removes(actor, conversation):
    question, _answer = said(actor, conversation, "a", "b")
    services.conversation_update(actor, conversation, is_shared=True)
    other = Client()
    other.force_login(make_actor(team=actor.team).user, backend="django.contrib.auth.backends.ModelBackend")
    assert (other.get(url(question)).status_code, other.delete(url(question)).status_code) == (200, 403)
    services.conversation_update(actor, conversation, is_shared=False)
    assert other.delete(url(question)).status_code == 404


def test_its_files_go_with_it(client, actor, conversation):
    from django.core.files.uploadedfile import SimpleUploadedFile

    upload = {"file": SimpleUploadedFile("notes.txt", b"remember")}
    file = client.post(f"/api/conversations/{conversation.public_id}/attachments/", upload).json()["id"]
    question, _answer = said(actor, conversation, "a", attachments=[selectors.access_attachment(actor, file)])
    assert client.get(f"/api/attachments/{file}/content/").status_code == 200
    removing.message_remove(actor, question)
    assert client.get(f"/api/attachments/{file}/content/").status_code == 404
    removing.message_restore(actor, selectors.access_removed_message(actor, question.public_id))
    assert client.get(f"/api/attachments/{file}/content/").content == b"remember"


def test_a_page_that_shows_its_branch_goes_on_with_another(client, actor, conversation):
    question, first = said(actor, conversation, "q", "one")
    again(actor, question, "two")
    page = f"/chat/{conversation.public_id}/turns/?at={first.public_id}"
    removing.message_remove(actor, first)
    assert "two" in client.get(page).content.decode()
    assert client.get(f"/chat/{conversation.public_id}/turns/?at={conversation.public_id}").status_code == 404


def test_a_question_whose_answers_were_removed_can_be_answered(client, actor, conversation):
    question, answer = said(actor, conversation, "q", "one")
    removing.message_remove(actor, answer)
    assert "data-again>" in client.get(f"/chat/{conversation.public_id}/turns/").content.decode()
    assert client.post(f"{url(question)}regenerate/").json()["parent"] == str(question.public_id)
    assert "data-again>" not in client.get(f"/chat/{conversation.public_id}/turns/").content.decode()


def test_saying_it_differently_makes_a_message_beside_it(client, actor, conversation):
    said(actor, conversation, "a", "b")
    question, answer = said(actor, conversation, "c", "d")
    answer_said = client.patch(url(question), {"content": "C"}, content_type="application/json")
    sent = answer_said.json()
    assert answer_said.status_code == 201 and sent["question"]["content"] == "C"
    assert sent["question"]["parent"] == str(question.parent.public_id)
    assert client.get(url(question)).json()["content"] == "c"
    refused = client.patch(url(answer), {"content": "C"}, content_type="application/json")
    assert refused.json()["errors"][0]["field"] == "instead_of"
