"""What people think of answers: one thumb for each person and answer."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.chat import wire
from apps.chat.models import AnswerThumb, Message
from apps.common import events
from apps.common.db import again_after_deadlock
from apps.common.errors import BadInput, Conflict
from apps.common.events import AnswerRated

THUMBS = {"up": AnswerThumb.Thumb.UP, "down": AnswerThumb.Thumb.DOWN}
LONGEST_COMMENT_CHARS = 2_000


@again_after_deadlock
def message_rate(actor: Actor, message: Message, *, thumb: str | None, comment: str = "") -> None:
    """Keep what the person thinks of an answer ("up" or "down"), or with None take it back. Publishes AnswerRated.

    Whoever may read an answer may rate it. Raises Conflict for what is no answer, or is not there yet.
    """
    actor.must_work()
    if thumb is not None and thumb not in THUMBS:
        raise BadInput(_("A thumb is “up”, “down” or nothing."), field="thumb")
    if not message.is_answer or message.is_unfinished or not message.content:
        raise Conflict(_("Only an answer that is there can be rated."))
    comment = comment.replace("\x00", "").strip()
    if len(comment) > LONGEST_COMMENT_CHARS:
        raise BadInput(_("A comment has at most %d characters.") % LONGEST_COMMENT_CHARS, field="comment")
    mine: dict[str, Any] = {"message": message, "person": actor.user}
    if thumb is None:
        AnswerThumb.objects.filter(**mine).delete()
    else:
        AnswerThumb.objects.update_or_create(**mine, defaults={"thumb": THUMBS[thumb], "comment": comment})
    if message.execution is not None:
        value = int(THUMBS[thumb]) if thumb else 0
        events.publish(AnswerRated(message.execution.public_id, actor.user.pk, value))  # type: ignore[arg-type]
    wire.tell_on_commit(message.conversation, "changed", message_id=str(message.public_id))
