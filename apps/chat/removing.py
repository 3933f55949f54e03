"""A message is taken out of its conversation, with all that lies below it in every branch; for a day it can be brought back.

What it cost stays on record: calls, and how answers came about, are rows of their own.
"""

from __future__ import annotations

from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.accounts.actor import Actor
from apps.chat import wire
from apps.chat.attaching import must_be_mine
from apps.chat.models import Conversation, Message
from apps.chat.selectors import leaf_below
from apps.chat.services import ask_to_stop
from apps.common.db import again_after_deadlock
from apps.common.errors import Conflict, NotFound


@again_after_deadlock
def message_remove(actor: Actor, message: Message) -> int:
    """Take it out with all below it, and give how many messages that were.

    Answers that are being written there are stopped. Where the branch that is shown went through it, a sibling's is shown then,
    else the conversation up to its parent.
    """
    conversation = _locked(actor, message)
    going = _with_all_below(message)
    for row in Message.objects.filter(pk__in=going, status__in=Message.UNFINISHED).select_related("conversation").order_by("pk"):
        ask_to_stop(row)
    Message.objects.filter(pk__in=going).update(removed_at=timezone.now())
    if conversation.current_id in going:
        Conversation.objects.filter(pk=conversation.pk).update(current=_shown_instead(message))
    _tell(actor, conversation, "removed", message)
    return len(going)


@again_after_deadlock
def message_restore(actor: Actor, message: Message) -> Message:
    """Bring back what was removed with it, and show it. Raises Conflict where what it belongs to is not there."""
    conversation = _locked(actor, message)
    if message.parent is not None and message.parent.removed_at is not None:
        raise Conflict(_("What this belongs to was removed as well. Bring that back first."))
    Message.every.filter(conversation=conversation, removed_at=message.removed_at).update(removed_at=None)
    message.removed_at = None
    Conversation.objects.filter(pk=conversation.pk).update(current=leaf_below(message))
    _tell(actor, conversation, "restored", message)
    return message


def removed_words(count: int) -> str:
    """What a person is told after `count` messages went."""
    below = count - 1
    if not below:
        return _("Removed. It can be brought back for a day.")
    words = ngettext(
        "Removed, with the message below it. They can be brought back for a day.",
        "Removed, with the %(n)s messages below it. They can be brought back for a day.",
        below,
    )
    return words % {"n": below}


def _locked(actor: Actor, message: Message) -> Conversation:
    must_be_mine(actor, message.conversation)
    return Conversation.objects.select_for_update().get(pk=message.conversation_id)


def _with_all_below(message: Message) -> set[int]:
    """Raises NotFound where somebody was quicker to remove it."""
    children: dict[int | None, list[int]] = {}
    there = set()
    for pk, parent in message.conversation.messages.filter(pk__gte=message.pk).values_list("pk", "parent_id"):
        there.add(pk)
        children.setdefault(parent, []).append(pk)
    if message.pk not in there:
        raise NotFound(_("There is no such message."))
    found, waiting = set(), [message.pk]
    while waiting:
        found.add(at := waiting.pop())
        waiting += children.get(at, ())
    return found


def _shown_instead(message: Message) -> Message | None:
    siblings = message.conversation.messages.filter(parent=message.parent_id)
    before, after = siblings.filter(pk__lt=message.pk), siblings.filter(pk__gt=message.pk)
    sibling = before.order_by("-pk").first() or after.order_by("pk").first()
    return leaf_below(sibling) if sibling else message.parent


def _tell(actor: Actor, conversation: Conversation, event: str, message: Message) -> None:
    wire.tell_on_commit(conversation, event, message_id=str(message.public_id))
    wire.tell_list_on_commit(actor.user, conversation)
