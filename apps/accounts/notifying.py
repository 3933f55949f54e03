"""Telling people things: in the bell, live in the pages that they have open, and by e-mail where it can be sent."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator, Sequence
from typing import Any

from celery import current_app
from django.conf import settings
from django.core.mail import send_mail
from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.accounts.models import Notification, Team, User
from apps.common import live
from apps.common.bulk import in_parts
from apps.common.said import packed, unpacked

MOST_OF_TITLE = 500


def notify(person: User, *, kind: str, title: str, text: str = "", url: str = "", team: Team | None = None) -> Notification:
    """Tell a person something, with the commit of the caller's transaction. `url` leads to the thing, which is `team`'s.

    Sentences of `said` are read later in the language of then; the caller makes them in the person's.
    """
    title = title[:MOST_OF_TITLE]
    note = Notification.objects.create(user=person, team=team, kind=kind, title=title, body=text, url=url[:300])
    transaction.on_commit(lambda: live.publish(_topic(person), "notification", _told(note)))
    if settings.EMAIL_HOST:
        public_id = str(note.public_id)
        transaction.on_commit(lambda: current_app.send_task("apps.accounts.jobs.notification_mail", [public_id]))
    return note


def notifications_read(actor: Actor, *, only: uuid.UUID | Sequence[uuid.UUID] | None = None) -> int:
    """Mark the person's unread notifications as read, or only one or some of them; gives how many that were."""
    unread = Notification.objects.filter(user=actor.user, read_at=None)
    now, count = timezone.now(), 0
    for rows in _parts(unread, [only] if isinstance(only, uuid.UUID) else only):
        count += rows.update(read_at=now, updated_at=now)
    _tell_seen(actor, count)
    return count


def notifications_delete(actor: Actor, ids: Sequence[uuid.UUID]) -> int:
    """Throw these of the person's notifications away; gives how many that were. What they told of stays."""
    count = 0
    for rows in _parts(Notification.objects.filter(user=actor.user), ids):
        count += rows.delete()[0]
    _tell_seen(actor, count)
    return count


def _parts(rows: QuerySet[Notification], ids: Sequence[uuid.UUID] | None) -> Iterator[QuerySet[Notification]]:
    """All the rows at once, or those with the ids some hundred at a time."""
    if ids is None:
        yield rows
    for part in in_parts(ids or ()):
        yield rows.filter(public_id__in=part)


def _tell_seen(actor: Actor, count: int) -> None:
    if count:
        transaction.on_commit(lambda: live.publish(_topic(actor.user), "notification", notifications_state(actor.user)))


def notifications_state(person: User) -> dict[str, Any]:
    """What every open page of this person is told when none is new: how many are unread."""
    return {"event": "read", **_counted(person)}


def notification_send_mail(notification: Notification) -> None:
    """One notification as an e-mail in the person's language."""
    with translation.override(notification.user.language or settings.LANGUAGE_CODE):
        title, text = unpacked(packed([notification.title, notification.body]))  # they were loaded in the worker's language
        body = "\n\n".join(part for part in (text, _("Open Orquestrador to see it.")) if part)
        send_mail(f"Orquestrador: {title}", body, None, [notification.user.email])


def _topic(person: User) -> str:
    return f"user:{person.public_id}"


def _told(note: Notification) -> dict[str, Any]:
    """`unread` is the number beside the bell from now on: pages show it as it is, so that none counts twice."""
    return {
        "event": "new",
        "id": str(note.public_id),
        "kind": note.kind,
        "title": note.title,
        "body": note.body,
        "url": note.url,
        "created_at": note.created_at.isoformat(),
        **_counted(note.user),
    }


def _counted(person: User) -> dict[str, Any]:
    """With the moment before the count, in seconds: of two that cross on their way, the later one holds."""
    as_of = time.time()
    return {"unread": Notification.objects.filter(user=person, read_at=None).count(), "as_of": as_of}
