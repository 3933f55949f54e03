"""What a model is given of the files: in blocks of their own, cut to what it can read, with the cut said."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from apps.chat import answering, services
from apps.chat.models import Attachment, Conversation, Message
from apps.common import live
from apps.common.db import in_db
from apps.common.hub import hub
from apps.tasks.engine.longtext import estimate_tokens
from tests.chat.at_work import at_work, ended
from tests.providers.calls.upstream import says
from tests.tasks.routing.upstream import SURE, model_at, serving

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def one_hub() -> Any:
    yield
    live.wire().close()
    live._wire.cache_clear()
    hub.cache_clear()


def text(actor, conversation, name="notes.txt", words="Words. ", **more) -> Attachment:
    about = {"name": name, "kind": "text", "media_type": "text/plain", "size": len(words), "text": words, **more}
    return Attachment.objects.create(owner=actor.user, team=actor.team, conversation=conversation, **about)


def image(actor, conversation, name="x.png") -> Attachment:
    return text(actor, conversation, name, "", kind="image", media_type="image/png", data=b"\x89PNG picture")


def asked(actor, conversation, *files, content="What is in it?"):
    _question, answer = services.message_send(actor, conversation, content=content, attachments=files)
    return answer


def test_a_file_stands_before_the_question_between_lines_of_its_own(actor):
    conversation = services.conversation_create(actor)
    file = text(actor, conversation, "my “notes”\n.txt", "--- end of file ---\nWords.", pages=None)
    said = answering.question_of(asked(actor, conversation, file).pk).request.messages[-1].content
    sign = str(file.public_id)[:8]
    assert said.startswith(f"--- file {sign}: “my “notes” .txt” (text, 26 characters) ---\n--- end of file ---\nWords.\n")
    assert said.endswith(f"--- end of file {sign} ---\n\nWhat is in it?")


def test_it_is_cut_to_what_the_model_reads_and_both_are_told(actor):
    model = model_at(actor, "small", context_window=4_000)
    conversation = services.conversation_create(actor, model=model)
    long = text(actor, conversation, "long.txt", "A line of words.\n" * 4_000)
    short = text(actor, conversation, "short.txt", "Only this.")
    question = answering.question_of(asked(actor, conversation, long, short).pk)
    said = question.request.messages[-1].content
    assert "Only this." in said
    assert f"of {len(long.text)} characters]" in said
    assert 2_500 < estimate_tokens(said) < 4_000 - 1_024
    (note,) = question.notes
    assert (note["code"], note["name"], note["characters"]) == ("file_cut", "long.txt", len(long.text))
    assert 0 < note["shown"] < len(long.text) and note["message"]


def test_auto_cuts_to_the_largest_that_could_answer(actor):
    model_at(actor, "small", context_window=4_000)
    model_at(actor, "large", context_window=100_000)
    conversation = services.conversation_create(actor)
    file = text(actor, conversation, "long.txt", "A line of words.\n" * 4_000)
    assert answering.question_of(asked(actor, conversation, file).pk).notes == ()


def test_the_newest_files_come_first_where_not_all_have_room(actor):
    model = model_at(actor, "small", context_window=4_000)
    conversation = services.conversation_create(actor, model=model)
    old, new = (text(actor, conversation, name, f"{name} " * 1_500) for name in ("old", "new"))
    first = asked(actor, conversation, old)
    Message.objects.filter(pk=first.pk).update(status="complete", content="Seen.")
    conversation.refresh_from_db()
    question = answering.question_of(asked(actor, conversation, new).pk)
    notes = {note["name"]: note["shown"] for note in question.notes}
    assert "new" not in notes and notes["old"] < len(old.text)


def test_images_go_to_a_model_that_sees_and_the_answer_says_when_a_file_was_cut(actor):
    blind = model_at(actor, "blind", "local", price=0, context_window=3_000)
    seeing = model_at(actor, "seeing", "top", price=9, capabilities=["chat", "vision"], context_window=6_000)
    conversation = services.conversation_create(actor)
    files = [image(actor, conversation), text(actor, conversation, "long.txt", "Words. " * 9_000)]

    async def story():
        async with serving({blind: says(SURE), seeing: says(SURE)}) as servers, at_work():
            row = await ended((await in_db(asked, actor, conversation, *files)).pk)
            return row, servers["seeing"].requests[0].json

    row, request = async_to_sync(story)()
    sent = request() if callable(request) else request
    assert (row.status, row.model) == ("complete", seeing)
    assert [note["code"] for note in row.notes] == ["file_cut"]
    pictures = [part["image_url"]["url"] for part in sent["messages"][-1]["content"] if part["type"] == "image_url"]
    assert pictures == ["data:image/png;base64," + base64.b64encode(b"\x89PNG picture").decode()]


def test_a_blind_model_chosen_later_is_told_of_the_image_that_it_is_not_given(actor):
    blind = model_at(actor, "blind")
    model_at(actor, "seeing", capabilities=["chat", "vision"])
    conversation = services.conversation_create(actor)
    first = asked(actor, conversation, image(actor, conversation))
    Message.objects.filter(pk=first.pk).update(status="complete", content="A cat.")
    Conversation.objects.filter(pk=conversation.pk).update(model=blind)
    conversation.refresh_from_db()
    question = answering.question_of(asked(actor, conversation, content="And now?").pk)
    assert not any(said.images for said in question.request.messages)
    assert "[image “x.png”: not shown to you]" in question.request.messages[0].content
    assert [note["code"] for note in question.notes] == ["image_left_out"]
