"""Everything that changes conversations. What is to be answered is written down first; workers hear of it after the commit."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from enum import Enum
from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.chat import wire
from apps.chat.attaching import attach, attached_json, check_attached, must_be_mine, must_see
from apps.chat.models import Attachment, Conversation, Message
from apps.chat.selectors import leaf_below
from apps.common.db import again_after_deadlock
from apps.common.errors import BadInput, Conflict, NotFound
from apps.providers.models import AIModel

LONGEST_CHARS = 400_000
LONGEST_SYSTEM_CHARS = 50_000
UNDO_FOR = timedelta(days=1)


class AsChosen(Enum):
    """Instead of a model: the one that was chosen for the conversation, by itself or with its specialized AI."""

    AS_CHOSEN = "as_chosen"


AS_CHOSEN = AsChosen.AS_CHOSEN
FIELDS = ("title", "model", "strategy", "specialized_ai", "system_prompt", "is_pinned", "is_archived", "is_shared")


def conversation_create(actor: Actor, **fields: Any) -> Conversation:
    """An empty conversation of the actor; FIELDS may be given."""
    actor.must_work()
    conversation = Conversation(owner=actor.user, team=actor.team, **_checked(fields))
    conversation.save()
    return conversation


def conversation_update(actor: Actor, conversation: Conversation, **fields: Any) -> Conversation:
    must_be_mine(actor, conversation)
    for name, value in _checked(fields).items():
        setattr(conversation, name, value)
    conversation.save(update_fields=[*fields, "updated_at"])
    wire.tell_on_commit(conversation, "changed")
    wire.tell_list_on_commit(actor.user, conversation)
    return conversation


def _checked(fields: dict[str, Any]) -> dict[str, Any]:
    if unknown := set(fields) - set(FIELDS):
        raise BadInput(_("A conversation has no %(names)s.") % {"names": ", ".join(sorted(unknown))})
    if "title" in fields:
        fields["title"] = " ".join(str(fields["title"]).split())[:200]
    if len(fields.get("system_prompt") or "") > LONGEST_SYSTEM_CHARS:
        raise BadInput(
            _("A system prompt has at most %(most)s characters.") % {"most": LONGEST_SYSTEM_CHARS}, field="system_prompt"
        )
    return fields


@again_after_deadlock
def conversation_delete(actor: Actor, conversation: Conversation) -> None:
    """Gone from every list at once; for a day it can be brought back. Answers that are being written are stopped."""
    must_be_mine(actor, conversation)
    Conversation.objects.filter(pk=conversation.pk).update(deleted_at=timezone.now())
    for message in conversation.messages.filter(status__in=Message.UNFINISHED).order_by("pk"):
        ask_to_stop(message)
    wire.tell_on_commit(conversation, "deleted")
    wire.tell_list_on_commit(actor.user, conversation)


def conversation_restore(actor: Actor, conversation: Conversation) -> Conversation:
    must_be_mine(actor, conversation)
    conversation.deleted_at = None
    conversation.save(update_fields=["deleted_at"])
    return conversation


@again_after_deadlock
def conversations_purge() -> int:
    """Clear away what was deleted or removed more than a day ago, and files that were never sent. Gives how many rows went."""
    past = timezone.now() - UNDO_FOR
    gone, _rows = Conversation.objects.filter(deleted_at__lt=past).delete()
    removed, _rows = Message.every.filter(removed_at__lt=past).delete()
    unsent, _rows = Attachment.objects.filter(message=None, created_at__lt=past).delete()
    return gone + removed + unsent


# ── Messages ──────────────────────────────────────────────────────────────────────────────────────────────────────
@again_after_deadlock
def message_send(
    actor: Actor,
    conversation: Conversation,
    *,
    content: str,
    attachments: Sequence[Attachment] = (),
    instead_of: Message | None = None,
) -> tuple[Message, Message]:
    """What a person says, and the answer that is to come: waiting, or queued behind one that is being written.

    `instead_of`: an earlier message of the person, which this one is an edited version of; it begins a branch there.
    """
    must_be_mine(actor, conversation)
    content = content.replace("\x00", "").strip()
    _check_content(content, attachments)
    check_attached(conversation, attachments, instead_of=instead_of)
    conversation = Conversation.objects.select_for_update().get(pk=conversation.pk)
    must_see(actor, asked_model(conversation), [file.kind for file in attachments])
    if instead_of is not None and (instead_of.is_answer or instead_of.conversation_id != conversation.pk):
        raise BadInput(_("Only what a person said here can be sent anew."), field="instead_of")
    _must_stand(instead_of)
    parent_id = instead_of.parent_id if instead_of else conversation.current_id
    question = Message.objects.create(
        conversation=conversation,
        parent_id=parent_id,
        role=Message.Role.USER,
        content=content,
        asked_by=actor.user,
    )
    if attachments:
        question.attachments = [attached_json(file) for file in attach(question, attachments)]
        question.save(update_fields=["attachments"])
    answer = _answer_to(actor, question, conversation.model_id)
    conversation.title = conversation.title or _title_from(content, attachments)
    _move_to(conversation, answer)
    wire.ring_on_commit()
    wire.tell_on_commit(conversation, "added", message_id=str(answer.public_id))
    wire.tell_list_on_commit(actor.user, conversation)
    return question, answer


@again_after_deadlock
def message_regenerate(actor: Actor, message: Message, *, model: AIModel | AsChosen | None = AS_CHOSEN) -> Message:
    """Another answer to the same question, beside the first; by `model` where one is given. None: auto, whatever was chosen."""
    conversation = message.conversation
    must_be_mine(actor, conversation)
    question = message.parent if message.is_answer else message
    if question is None:
        raise Conflict(_("There is no question to be answered anew."))
    if message.is_answer and message.is_unfinished:
        raise Conflict(_("It is still being answered. Stop it first."))
    wanted = asked_model(conversation) if isinstance(model, AsChosen) else model
    must_see(actor, wanted, [file["kind"] for file in question.attachments])
    conversation = Conversation.objects.select_for_update().get(pk=conversation.pk)
    _must_stand(question)
    answer = _answer_to(actor, question, wanted.pk if wanted else None, is_again=True)
    _move_to(conversation, answer)
    wire.ring_on_commit()
    wire.tell_on_commit(conversation, "added", message_id=str(answer.public_id))
    wire.tell_list_on_commit(actor.user, conversation)
    return answer


@again_after_deadlock
def message_stop(actor: Actor, message: Message) -> Message:
    """Have the answer end where it is. What has come stays, and what it cost is counted."""
    must_be_mine(actor, message.conversation)
    ask_to_stop(message)
    message.refresh_from_db()
    return message


def message_use_alternative(actor: Actor, message: Message) -> Message:
    """While its model is being loaded: have the alternative that is offered answer now."""
    must_be_mine(actor, message.conversation)
    if not message.is_at(Message.Status.STREAMING) or not message.stage.get("alternative"):
        raise Conflict(_("This answer waits for no model, or no other could answer instead."))
    Message.objects.filter(pk=message.pk, status=Message.Status.STREAMING).update(takes_alternative=True)
    wire.work_on_commit("alternative", message)
    message.refresh_from_db()
    return message


def message_verify(actor: Actor, message: Message) -> Message:
    """Have a different AI read the answer. The verdict comes to the message."""
    must_be_mine(actor, message.conversation)
    if not message.is_answer or message.status not in (Message.Status.COMPLETE, Message.Status.STOPPED) or not message.content:
        raise Conflict(_("Only an answer that is there can be checked."))
    if message.execution_id is None:
        raise Conflict(_("How this answer came about is no longer on record, so it cannot be checked. Ask anew."))
    free = Message.objects.filter(pk=message.pk).exclude(check_state__in=("queued", "running"))
    if free.update(check_state=Message.Check.QUEUED, check_result={}):
        wire.ring_on_commit()
        wire.tell_on_commit(message.conversation, "changed", message_id=str(message.public_id))
    message.refresh_from_db()
    return message


@again_after_deadlock
def branch_choose(actor: Actor, message: Message) -> Conversation:
    """Show the branch that goes through this message."""
    must_be_mine(actor, message.conversation)
    Conversation.objects.filter(pk=message.conversation_id).update(current=leaf_below(message))
    message.conversation.refresh_from_db()
    wire.tell_on_commit(message.conversation, "branch", message_id=str(message.public_id))
    return message.conversation


def asked_model(conversation: Conversation) -> AIModel | None:
    """The model that was chosen for it, by itself or with its specialized AI; None: auto."""
    persona = conversation.specialized_ai
    return conversation.model or (persona.default_model if persona else None)


# ── the parts ─────────────────────────────────────────────────────────────────────────────────────────────────────
def _must_stand(message: Message | None) -> None:
    """NotFound where it was removed since it was looked up."""
    if message is not None and not Message.objects.filter(pk=message.pk).exists():
        raise NotFound(_("There is no such message."))


def _check_content(content: str, attachments: Sequence[Attachment]) -> None:
    if not content and not attachments:
        raise BadInput(_("Write something, or attach a file."), field="content")
    if len(content) > LONGEST_CHARS:
        words = {"most": LONGEST_CHARS, "has": len(content)}
        raise BadInput(_("A message has at most %(most)s characters; this one has %(has)s.") % words, field="content")


def _answer_to(actor: Actor, question: Message, model_id: int | None, *, is_again: bool = False) -> Message:
    return Message.objects.create(
        conversation_id=question.conversation_id,
        parent=question,
        role=Message.Role.ASSISTANT,
        status=Message.Status.QUEUED,
        wants_model_id=model_id,
        is_again=is_again,
        asked_by=actor.user,
    )


def _move_to(conversation: Conversation, answer: Message) -> None:
    conversation.current = answer
    conversation.last_message_at = timezone.now()
    conversation.save(update_fields=["current", "last_message_at", "title", "updated_at"])


def ask_to_stop(message: Message) -> None:
    """One that waits is stopped here and now; one that is being written, by its worker, who hears of it over the live wire."""
    Message.objects.select_for_update().filter(pk=message.pk).values_list("pk").first()  # by its key, before what it is at
    waiting = Message.objects.filter(pk=message.pk, status=Message.Status.QUEUED)
    if waiting.update(status=Message.Status.STOPPED, finished_at=timezone.now(), cost_usd=0):
        wire.ring_on_commit()
        wire.tell_on_commit(message.conversation, "changed", message_id=str(message.public_id))
    elif Message.objects.filter(pk=message.pk, status=Message.Status.STREAMING).update(stop_asked=True):
        wire.work_on_commit("stop", message)


def _title_from(content: str, attachments: Sequence[Attachment]) -> str:
    words = " ".join(content.split()) or ", ".join(file.name for file in attachments)
    return words if len(words) <= 60 else words[:60].rsplit(" ", 1)[0] + "…"
