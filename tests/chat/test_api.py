"""Conversations over REST."""

from __future__ import annotations

import pytest
from django.test import Client

from apps.accounts.models import Role
from apps.chat import answering, selectors, services
from apps.chat.models import Conversation, Message
from apps.providers.models import SpecializedAI
from tests.factories import make_actor
from tests.tasks.routing.upstream import model_at

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(actor) -> Client:
    client = Client()
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


BODIES = ({}, {"model": "auto"}, {"model": None})


def post(client, url, data=None):
    return client.post(url, data or {}, content_type="application/json")


def answered(actor, conversation, content, answer):
    question, row = services.message_send(actor, conversation, content=content)
    Message.objects.filter(pk=row.pk).update(status="complete", content=answer)
    conversation.refresh_from_db()
    return question, Message.objects.select_related("conversation", "parent").get(pk=row.pk)


def test_a_conversation_is_made_named_pinned_and_deleted_and_brought_back(client, actor):
    made = post(client, "/api/conversations/", {"title": "  My   chat "}).json()
    assert (made["title"], made["model"]) == ("My chat", "auto")
    url = f"/api/conversations/{made['id']}/"
    assert client.patch(url, {"is_pinned": True}, content_type="application/json").json()["is_pinned"] is True
    assert client.delete(url).status_code == 204
    assert client.get(url).status_code == 404
    assert post(client, f"{url}restore/").json()["title"] == "My chat"
    assert client.get(url).status_code == 200


def test_a_conversation_keeps_by_which_strategy_auto_chooses(client):
    url = f"/api/conversations/{post(client, '/api/conversations/', {'strategy': 'cheapest'}).json()['id']}/"
    assert client.get(url).json()["strategy"] == "cheapest"
    assert client.patch(url, {"strategy": "best"}, content_type="application/json").json()["strategy"] == "best"
    refused = client.patch(url, {"strategy": "luckiest"}, content_type="application/json")
    assert refused.status_code == 400 and "strategy" in refused.content.decode()
    assert post(client, "/api/conversations/").json()["strategy"] == "auto"


def test_a_message_is_answered_by_itself_and_an_empty_one_is_refused(client, actor):
    conversation = services.conversation_create(actor)
    url = f"/api/conversations/{conversation.public_id}/messages/"
    said = post(client, url, {"content": "Hello"}).json()
    assert (said["question"]["content"], said["answer"]["status"]) == ("Hello", "queued")
    assert said["answer"]["parent"] == said["question"]["id"]
    assert [row["role"] for row in client.get(url).json()["results"]] == ["user", "assistant"]
    assert post(client, url, {"content": "  "}).status_code == 400
    assert post(client, url, {"content": "x" * 400_001}).json()["errors"][0]["field"] == "content"


def test_a_queued_answer_is_stopped_at_once(client, actor):
    conversation = services.conversation_create(actor)
    _question, answer = services.message_send(actor, conversation, content="Hello")
    assert post(client, f"/api/messages/{answer.public_id}/stop/").json()["status"] == "stopped"


def test_another_answer_is_a_sibling_and_an_edited_question_a_branch(client, actor):
    conversation = services.conversation_create(actor)
    question, answer = answered(actor, conversation, "Hello", "Hi")
    again = post(client, f"/api/messages/{answer.public_id}/regenerate/").json()
    assert again["parent"] == str(question.public_id)
    conversation.refresh_from_db()
    last = selectors.thread_of(conversation).turns[-1]
    assert (last.number, len(last.siblings)) == (2, 2)
    edited = {"content": "Good day", "instead_of": str(question.public_id)}
    said = post(client, f"/api/conversations/{conversation.public_id}/messages/", edited).json()
    assert said["question"]["parent"] is None
    conversation.refresh_from_db()
    assert selectors.thread_of(conversation).turns[0].message.content == "Good day"
    services.branch_choose(actor, answer)
    conversation.refresh_from_db()
    assert [turn.message.content for turn in selectors.thread_of(conversation).turns] == ["Hello", "Hi"]


def test_anew_with_auto_asks_no_chosen_model_and_anew_alone_asks_the_same(client, actor):
    model = model_at(actor, "small")
    persona = SpecializedAI.objects.create(team=actor.team, owner=actor.user, name="Poet", default_model=model)
    for chosen in ({"model": model}, {"specialized_ai": persona}):
        conversation = services.conversation_create(actor, **chosen)
        _question, answer = answered(actor, conversation, "Hello", "Hi")
        url = f"/api/messages/{answer.public_id}/regenerate/"
        asked = [answering.question_of(Message.objects.get(public_id=post(client, url, body).json()["id"]).pk) for body in BODIES]
        assert [one.model for one in asked] == [model, None, None], chosen


def test_it_is_found_by_what_was_said_in_it(client, actor):
    conversation = services.conversation_create(actor, title="Weather")
    answered(actor, conversation, "Will it rain?", "Take an umbrella")
    services.conversation_create(actor, title="Other")
    found = client.get("/api/conversations/?search=umbrella").json()["results"]
    assert [row["title"] for row in found] == ["Weather"]


@pytest.mark.parametrize("words", ["UMBRELLA (50% off)", "[a-z]+", "50% off", "\\\\d"])
def test_signs_of_patterns_are_looked_for_as_they_stand(client, actor, words):
    conversation = services.conversation_create(actor, title="Weather")
    answered(actor, conversation, "What?", r"An umbrella (50% off), matched by [a-z]+ and \\d")
    other = services.conversation_create(actor, title="Other")
    answered(actor, other, "What?", "An umbrella 50 off, 7 letters")
    found = client.get("/api/conversations/", {"search": words}).json()["results"]
    assert [row["title"] for row in found] == ["Weather"]


def test_it_is_exported_as_json_and_as_markdown(client, actor):
    conversation = services.conversation_create(actor, title="Weather")
    answered(actor, conversation, "Will it rain?", "Yes.")
    url = f"/api/conversations/{conversation.public_id}/export/"
    assert [row["content"] for row in client.get(url).json()["messages"]] == ["Will it rain?", "Yes."]
    text = client.get(f"{url}?as=md").content.decode()
    assert text.startswith("# Weather") and "Will it rain?" in text and "Yes." in text


def test_it_is_its_owners_until_it_is_shared_and_then_only_to_be_read(actor):
    conversation = services.conversation_create(actor)
    _question, answer = answered(actor, conversation, "Hello", "Hi")
    for role in (Role.ADMIN, Role.MEMBER):
        other = make_actor(role, team=actor.team)
        reader = Client()
        reader.force_login(other.user, backend="django.contrib.auth.backends.ModelBackend")
        url = f"/api/conversations/{conversation.public_id}/"
        Conversation.objects.filter(pk=conversation.pk).update(is_shared=False)
        assert reader.get(url).status_code == 404
        assert reader.get(f"/api/messages/{answer.public_id}/").status_code == 404
        Conversation.objects.filter(pk=conversation.pk).update(is_shared=True)
        assert reader.get(url).status_code == 200
        assert post(reader, f"{url}messages/", {"content": "x"}).status_code == 403
        assert post(reader, f"/api/messages/{answer.public_id}/regenerate/").status_code == 403
        assert reader.delete(url).status_code == 403


def test_a_long_thread_is_read_in_pieces_with_two_queries(actor, django_assert_num_queries):
    conversation = services.conversation_create(actor)
    parent = None
    for number in range(120):
        parent = Message.objects.create(conversation=conversation, parent=parent, role="user", content=str(number))
    conversation.current = parent
    conversation.save()
    with django_assert_num_queries(2):
        thread = selectors.thread_of(conversation)
        [selectors.message_json(turn.message) for turn in thread.turns]
    assert [turn.message.content for turn in thread.turns] == [str(number) for number in range(70, 120)]
    older = selectors.thread_of(conversation, before=thread.before)
    assert [turn.message.content for turn in older.turns] == [str(number) for number in range(20, 70)]
