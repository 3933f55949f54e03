"""What the parts of the chat tell one another between processes: pages of what happened, workers of what is wanted.

On `chat:<conversation>` go `chat:streaming` (a piece of text), `chat:done` (an answer has ended) and `chat:update` (read again).
On `chatwork:all` the workers listen. The database is the truth: whoever misses a message finds it there a little later.
"""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from celery import current_app
from django.db import transaction
from kombu.exceptions import KombuError, OperationalError

from apps.chat.models import Conversation, Message
from apps.common import live

log = logging.getLogger(__name__)

WORK_TOPIC = "chatwork:all"
WORK = "chat.work"  # the Celery task


def topic_of(conversation: Conversation) -> str:
    return f"chat:{conversation.public_id}"


def tell(conversation: Conversation, event: str, **data: Any) -> None:
    """That something of the conversation is to be read again."""
    about = {"event": event, "conversation_id": str(conversation.public_id), **data}
    live.publish(topic_of(conversation), "chat:update", about)


def tell_done(message: Message, about: dict[str, Any]) -> None:
    """That the answer has ended. `about`: all of it, as the API gives it."""
    live.publish(topic_of(message.conversation), "chat:done", about)


def tell_on_commit(conversation: Conversation, event: str, **data: Any) -> None:
    transaction.on_commit(partial(tell, conversation, event, **data))


def tell_list(person: Any, conversation: Conversation) -> None:
    """To whoever's conversation it is, wherever they look: their list is to be read again."""
    live.publish(f"user:{person.public_id}", "chat:list", {"conversation_id": str(conversation.public_id)})


def tell_list_on_commit(person: Any, conversation: Conversation) -> None:
    transaction.on_commit(partial(tell_list, person, conversation))


def ring_on_commit() -> None:
    """That there is work: to the workers that run, and by the broker to one that may be about to start."""
    transaction.on_commit(_ring)


def _ring() -> None:
    live.publish(WORK_TOPIC, "chat:work", {"do": "look"})
    try:
        current_app.send_task(WORK, retry=False, ignore_result=True)
    except (OperationalError, KombuError, OSError) as error:
        log.warning("the broker did not take a message (%s); a worker that looks will find the work", error)


def work_on_commit(what: str, message: Message) -> None:
    """Tell whoever writes this answer: "stop", or "alternative"."""
    transaction.on_commit(partial(live.publish, WORK_TOPIC, "chat:work", {"do": what, "message": message.pk}))


def catch_up(message: Message, at: int) -> None:
    """Ask who writes this answer to say again all from `at` (counted in UTF-16) on."""
    live.publish(WORK_TOPIC, "chat:work", {"do": "catch_up", "message": message.pk, "at": at})
