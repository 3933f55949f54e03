"""Two at the same conversation at the same moment: one comes after the other, and nobody has to give way."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connections

from apps.accounts.actor import Actor
from apps.chat import answering, services
from apps.chat.models import Conversation, Message
from apps.common.errors import OrquestradorError
from tests.common.crosswise import Meeting

pytestmark = pytest.mark.django_db(transaction=True)
PATIENCE_S = 60.0


@pytest.fixture
def conversation(actor: Actor) -> Conversation:
    return services.conversation_create(actor, title="One")


def answered(actor: Actor, conversation: Conversation, content: str = "Hello") -> Message:
    _question, row = services.message_send(actor, conversation, content=content)
    Message.objects.filter(pk=row.pk).update(status=Message.Status.COMPLETE, content="Hi")
    return Message.objects.select_related("conversation").get(pk=row.pk)


def meet(one: Callable[[], Any], other: Callable[[], Any]) -> None:
    meeting = Meeting(one, other).hold()
    assert meeting.gave_way == []
    assert [error for error in meeting.raised if not isinstance(error, OrquestradorError)] == []


def test_two_have_the_same_answered_anew(actor: Actor, conversation: Conversation) -> None:
    rows = [answered(actor, conversation), Message.objects.select_related("conversation").latest("pk")]
    meet(*[lambda row=row: services.message_regenerate(actor, row) for row in rows])
    assert conversation.messages.filter(role="assistant").count() == 3


def test_a_question_comes_while_another_is_answered_anew(actor: Actor, conversation: Conversation) -> None:
    row = answered(actor, conversation)
    meet(
        lambda: services.message_regenerate(actor, row),
        lambda: services.message_send(actor, Conversation.objects.get(pk=conversation.pk), content="More"),
    )
    assert conversation.messages.count() == 5


def test_what_has_come_is_stored_while_the_conversation_is_deleted(actor: Actor, conversation: Conversation) -> None:
    """The worker's words come in whatever order; the newest first here."""
    first = answered(actor, conversation)
    more = [services.message_regenerate(actor, first).pk for _number in range(3)]
    Message.objects.filter(pk__in=more).update(status=Message.Status.STREAMING, lease_owner="me")
    texts = dict.fromkeys(sorted(more, reverse=True), "What has come.")
    meet(
        lambda: services.conversation_delete(actor, Conversation.objects.get(pk=conversation.pk)),
        lambda: answering.keep_texts("me", texts, more, renew=True),
    )
    assert Message.objects.filter(pk__in=more, stop_asked=True, content="What has come.").count() == 3


def test_messages_are_sent_while_the_conversation_is_renamed_answered_and_deleted(
    actor: Actor, conversation: Conversation
) -> None:
    """Many times, as it comes."""
    wrong: list[BaseException] = []
    is_over = threading.Event()

    def mine() -> Conversation:
        return Conversation.objects.get(pk=conversation.pk)

    def send() -> None:
        for number in range(8):
            services.message_send(actor, mine(), content=f"Question {number}")

    def rename() -> None:
        for number in range(20):
            services.conversation_update(actor, mine(), title=f"Title {number}")

    def work() -> None:
        while not is_over.is_set():
            for pk in answering.claim("me", 4):
                answering.keep_texts("me", {pk: "What has come."}, [pk], renew=True)
                answering.ended_early("me", pk, "What has come.", status=Message.Status.STOPPED)

    def told(job: Callable[[], None]) -> threading.Thread:
        def run() -> None:
            try:
                job()
            except BaseException as error:
                wrong.append(error)
            finally:
                connections.close_all()

        thread = threading.Thread(target=run)
        thread.start()
        return thread

    people, worker = [told(job) for job in (send, send, rename)], told(work)
    for thread in people:
        thread.join(PATIENCE_S)
    services.conversation_delete(actor, mine())
    is_over.set()
    worker.join(PATIENCE_S)
    assert wrong == [] and not any(thread.is_alive() for thread in (*people, worker))
    assert conversation.messages.count() == 32
    assert not conversation.messages.filter(status=Message.Status.QUEUED).exists()
