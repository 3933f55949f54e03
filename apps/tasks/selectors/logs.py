"""The log as people look at it: which lines they may see, and which of these they asked for.

What is asked is read once from an address (`LogQuery.of`) and means the same to the database (`logs_found`) and to a line that
has just been written (`LogQuery.fits`), so that a list that is followed live shows what reading it again would.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from django.db.models import Model, Q, QuerySet
from django.utils import timezone, translation
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.accounts.models import User
from apps.common.errors import BadInput
from apps.common.lookups import access_row
from apps.common.paging import page_of
from apps.common.said import packed, unpacked
from apps.common.searching import Searched, searched
from apps.providers.models import AIModel
from apps.tasks.event_words import event_label
from apps.tasks.messages import EVENTS, describe
from apps.tasks.models import ExecutionLog, Subtask, Task, TaskExecution

LEVELS = ("info", "warning", "error")
PERIODS = {"hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(days=7), "month": timedelta(days=30)}
MOST_WORDS = 8
ORDER = ("-created_at",)
LINES = 100  # on a page
SHOWN = (  # never the texts of tasks and answers, which can be long
    *(field.attname for field in ExecutionLog._meta.concrete_fields),
    *("task__public_id", "task__title", "task__deleted_at", "subtask__public_id", "subtask__order"),
    *("execution__public_id", "person__public_id", "person__name", "person__email"),
)
LOOKED_THROUGH = 10_000  # lines that one search for words reads at most; the page says so and goes on from there


@dataclass(frozen=True)
class LogQuery:
    """What of the log is asked for. Empty: everything. Times are aware."""

    level: str = ""
    event: str = ""
    task: str = ""
    subtask: str = ""
    prompt: str = ""
    model: str = ""
    provider: str = ""
    person: str = ""
    request_id: str = ""
    period: str = ""
    since: str = ""
    until: str = ""
    words: str = ""

    @classmethod
    def of(cls, asked: Mapping[str, Any]) -> LogQuery:
        """From an address or a message. Raises BadInput that names the field that cannot be used."""
        values = {one.name: str(asked.get(one.name) or "").strip()[:200] for one in fields(cls)}
        query = cls(**values)
        query._check()
        return query

    def _check(self) -> None:
        if self.level and not self.levels <= set(LEVELS):
            raise BadInput(_("A level is one of: %(known)s.") % {"known": ", ".join(LEVELS)}, field="level")
        if self.period and self.period not in PERIODS:
            raise BadInput(_("A period is one of: %(known)s.") % {"known": ", ".join(PERIODS)}, field="period")
        for name in ("task", "subtask", "prompt", "person"):
            _as_uuid(getattr(self, name), name)
        for name in ("since", "until"):
            _as_time(getattr(self, name), name)

    @property
    def given(self) -> dict[str, str]:
        """What was asked, as an address holds it."""
        return {one.name: value for one in fields(self) if (value := getattr(self, one.name))}

    @property
    def levels(self) -> set[str]:
        return {one for one in self.level.split(",") if one}

    @cached_property
    def first(self) -> datetime | None:
        """No line before it."""
        starts = [_as_time(self.since, "since"), timezone.now() - PERIODS[self.period] if self.period else None]
        return max((start for start in starts if start), default=None)

    @cached_property
    def last(self) -> datetime | None:
        return _as_time(self.until, "until")

    @property
    def is_live(self) -> bool:
        """Whether lines that are still to come may fit."""
        return self.last is None or self.last > timezone.now()

    def fits(self, line: Mapping[str, Any], *, models_of_provider: frozenset[str] = frozenset()) -> bool:
        """Whether a fresh line (as `log_line` gives it) is among what was asked."""
        same = (
            ("event", line["event"]),
            ("task", line["task"] or ""),
            ("subtask", line["subtask"] or ""),
            ("prompt", line["prompt"] or ""),
            ("model", line["model"]),
            ("person", line["person"] or ""),
            ("request_id", line["request_id"]),
        )
        if any(getattr(self, name) not in ("", value) for name, value in same):
            return False
        if self.level and line["level"] not in self.levels:
            return False
        if self.provider and line["model"] not in models_of_provider:
            return False
        if self.last and line["created_at"] > self.last:
            return False
        text = " ".join((line["text"], line["message"], line["model"], line["event"])).casefold()
        return all(word.casefold() in text for word in self.words.split()[:MOST_WORDS])


def _as_uuid(text: str, name: str) -> uuid.UUID | None:
    try:
        return uuid.UUID(text) if text else None
    except ValueError as error:
        raise BadInput(_("“%(text)s” is not an id.") % {"text": text[:60]}, field=name) from error


def _as_time(text: str, name: str) -> datetime | None:
    if not text:
        return None
    try:
        found = parse_datetime(text)
    except ValueError:
        found = None
    if found is None:
        raise BadInput(_("“%(text)s” is not a date and time, such as 2026-11-20T14:30.") % {"text": text[:60]}, field=name)
    return found if found.tzinfo else found.replace(tzinfo=timezone.get_current_timezone()).astimezone(UTC)


# ── looking up ────────────────────────────────────────────────────────────────────────────────────────────────────


def logs_visible(actor: Actor) -> QuerySet[ExecutionLog]:
    """The lines that the actor may see: of the team's tasks, and of prompts as `executions_visible` has them."""
    return as_shown(ExecutionLog.objects.filter(_seen_by(actor), team=actor.team))


def as_shown(lines: QuerySet[ExecutionLog]) -> QuerySet[ExecutionLog]:
    """With what a line is about, in one query."""
    return lines.select_related("task", "subtask", "execution", "person").only(*SHOWN)


def _seen_by(actor: Actor) -> Q:
    audiences = [ExecutionLog.Audience.TEAM, *([ExecutionLog.Audience.MANAGERS] if actor.can_manage else [])]
    return Q(audience__in=audiences) | Q(person=actor.user)


def is_seen_by(actor: Actor, line: Mapping[str, Any]) -> bool:
    """The same rule for a line that is already read."""
    if line["audience"] == ExecutionLog.Audience.TEAM or line["person"] == str(actor.user.public_id):
        return True
    return line["audience"] == ExecutionLog.Audience.MANAGERS and bool(actor.can_manage)


def access_log(actor: Actor, public_id: uuid.UUID | str) -> ExecutionLog:
    """A line with its task and step, or NotFound."""
    return access_row(logs_visible(actor), public_id, _("There is no such log entry."))


def logs_found(actor: Actor, query: LogQuery) -> QuerySet[ExecutionLog]:
    """The lines that were asked for, in no order. Words are looked for by `logs_with_words`. At most two queries before."""
    lines = logs_visible(actor)
    if query.level:
        lines = lines.filter(level__in=sorted(query.levels))
    if query.event:
        lines = lines.filter(event=query.event)
    if query.request_id:
        lines = lines.filter(request_id=query.request_id)
    if query.task:
        lines = lines.filter(task=_key_of(Task, query.task))
    if query.subtask:
        lines = lines.filter(subtask=_key_of(Subtask, query.subtask))
    if query.prompt:
        lines = lines.filter(execution=_key_of(TaskExecution, query.prompt))
    if query.model:
        lines = lines.filter(model_name=query.model)
    if query.provider:
        lines = lines.filter(model_name__in=sorted(models_of_provider(actor, query.provider)))
    if query.person:
        lines = lines.filter(person=_key_of(User, query.person))
    if query.first:
        lines = lines.filter(created_at__gte=query.first)
    if query.last:
        lines = lines.filter(created_at__lte=query.last)
    return lines


def _key_of(model: type[Model], public_id: str) -> int:
    """Its key, by which an index is read; 0 where there is none."""
    return model._default_manager.filter(public_id=public_id).values_list("pk", flat=True).first() or 0


def models_of_provider(actor: Actor, name: str) -> frozenset[str]:
    """What the models of a provider are called in lines of the log. One query."""
    rows = AIModel.objects.filter(provider__team=actor.team, provider__name=name).only("display_name", "key")
    return frozenset(str(row)[:190] for row in rows)


def logs_with_words(lines: QuerySet[ExecutionLog], words: str) -> QuerySet[ExecutionLog]:
    """Lines in which every word occurs: in what was stored, in the model's name, or in what is said of such events."""
    for word in words.split()[:MOST_WORDS]:
        said = Q(message__icontains=word) | Q(model_name__icontains=word)
        lines = lines.filter(said | Q(event__in=_events_saying(word)))
    return lines


def _events_saying(word: str) -> list[str]:
    """Events whose name or sentence, without what fills it, holds the word, in the language of now."""
    word = word.casefold()
    return [event for event in EVENTS if word in event or word in describe(event, {}).casefold()]


def logs_page(actor: Actor, query: LogQuery, *, cursor: str = "", limit: int = LINES) -> Searched:
    """The newest lines that fit, or those that `cursor` names. A search for words reads `LOOKED_THROUGH` lines at most."""
    lines = logs_found(actor, query)
    if not query.words:
        return Searched(page_of(lines, ordering=ORDER, limit=limit, cursor=cursor))
    return searched(lines, lambda rows: logs_with_words(rows, query.words), limit=limit, cursor=cursor, most=LOOKED_THROUGH)


# ── as they are shown ─────────────────────────────────────────────────────────────────────────────────────────────


def log_line(line: ExecutionLog) -> dict[str, Any]:
    """A line with all that a list shows of it. Needs task, subtask, execution and person selected; no query."""
    task = line.task if line.task and line.task.deleted_at is None else None
    return {
        "id": str(line.public_id),
        "level": line.level,
        "event": line.event,
        "event_label": event_label(line.event),
        "text": log_text(line.event, line.message, line.data),
        "message": line.message,
        "data": line.data,
        "task": str(line.task.public_id) if line.task else None,
        "task_title": task.title if task else "",
        "subtask": str(line.subtask.public_id) if line.subtask else None,
        "order": line.subtask.order if line.subtask else None,
        "prompt": str(line.execution.public_id) if line.execution else None,
        "model": line.model_name,
        "person": str(line.person.public_id) if line.person else None,
        "person_name": line.person.short_name if line.person else "",
        "audience": line.audience,
        "request_id": line.request_id,
        "created_at": line.created_at,
    }


def log_text(event: str, message: str, data: Mapping[str, Any]) -> str:
    """The line in words, in the language of now."""
    return describe(event, {"message": message, **data}, default=message)


def in_words_of(language: str, line: Mapping[str, Any]) -> dict[str, Any]:
    """The same line in another language."""
    with translation.override(language):
        line = unpacked(packed(line))  # what was read here is in the language of whoever read it
        return {
            **line,
            "text": log_text(line["event"], line["message"], line["data"]),
            "event_label": event_label(line["event"]),
        }
