"""`/ws/logs/`: the log as it is written, for whoever follows it.

A process that writes a line says so; each web process reads fresh lines once for a team, at most twelve times a second, and
only while somebody follows. Each socket then lets through what its person may see and has asked for, so much in a second.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from typing import Any

from channels.db import database_sync_to_async
from django.utils.dateparse import parse_datetime

from apps.accounts.actor import Actor
from apps.common.consumers import Answer, LiveSocket, ping
from apps.common.errors import NotFound
from apps.common.live import LiveMessage
from apps.common.said import packed
from apps.tasks.logbook import topic_of
from apps.tasks.models import ExecutionLog
from apps.tasks.selectors.logs import (
    LogQuery,
    access_log,
    as_shown,
    in_words_of,
    is_seen_by,
    log_line,
    logs_found,
    logs_with_words,
    models_of_provider,
)

LINES = "logs:lines"
READ_AT_ONCE = 100  # of the lines that are written within one reading; the rest is counted
MOST_A_SECOND = 50  # that one socket is sent
MISSED_AT_MOST = 200  # lines from before that a subscription is given
LONGEST_DATA = 4_000  # characters of JSON that travel with a line; its page has all of it


def read_lines(topic: str, hints: list[dict[str, Any]]) -> list[LiveMessage]:
    """What the followers of a team are told: its fresh lines, and how many more there were."""
    keys = [key for hint in hints for key in hint["lines"]]
    team = int(topic.partition(":")[2])
    rows = as_shown(ExecutionLog.objects.filter(pk__in=keys[:READ_AT_ONCE], team=team)).order_by("created_at", "pk")
    lines = [_for_the_way(log_line(row)) for row in rows]
    skipped = max(0, len(keys) - READ_AT_ONCE) + sum(hint["skipped"] for hint in hints)
    half = max(1, len(lines) // 4)  # a message has a largest size
    parts = [lines[start : start + half] for start in range(0, len(lines), half)] or [[]]
    told = [{"lines": part, "skipped": 0} for part in parts]
    told[-1]["skipped"] = skipped
    return [LiveMessage.of(topic, LINES, data) for data in told]


def _for_the_way(line: dict[str, Any]) -> dict[str, Any]:
    is_long = len(json.dumps(line["data"], default=str)) > LONGEST_DATA
    return packed({**line, "message": line["message"][:LONGEST_DATA], "data": {} if is_long else line["data"]})


class Tail:
    """What one socket has asked for, and how much of it may still be sent in this second."""

    def __init__(self, query: LogQuery, provider_models: frozenset[str]) -> None:
        self.query, self.provider_models = query, provider_models
        self.is_paused = False
        self.skipped = 0
        self._second, self._sent = 0, 0

    def take(self, lines: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        """As many of these as may be sent now; the others are counted."""
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._sent = second, 0
        free = 0 if self.is_paused else max(0, MOST_A_SECOND - self._sent)
        taken = list(lines[:free])
        self._sent += len(taken)
        self.skipped += len(lines) - len(taken)
        return taken

    def skipped_since(self) -> int:
        told, self.skipped = self.skipped, 0
        return told


class LogSocket(LiveSocket):
    """`logs:subscribe {filters, after?}`, `logs:pause`, `logs:resume {after?}`, `logs:unsubscribe`; then `logs:lines`."""

    tail: Tail | None = None

    async def forward(self, text: str) -> None:
        if self.tail is None or self.actor is None:
            return
        data = json.loads(text)["data"]
        if data.get("event") == "reload":
            await self.send_message("logs:gap", {})  # lines may have been missed: subscribe again with `after`
            return
        fitting = [line for line in map(self._as_mine, data["lines"]) if line]
        taken = self.tail.take(fitting)
        self.tail.skipped += data["skipped"]
        if taken or (self.tail.skipped and not self.tail.is_paused):
            await self.send_message(LINES, {"lines": [shown(line) for line in taken], "skipped": self.tail.skipped_since()})

    def _as_mine(self, line: dict[str, Any]) -> dict[str, Any] | None:
        """The line in this person's language, if they may see it and asked for it."""
        if not is_seen_by(self.actor, line):
            return None
        told = in_words_of(self.language(), {**line, "created_at": parse_datetime(line["created_at"])})
        assert self.tail is not None
        return told if self.tail.query.fits(told, models_of_provider=self.tail.provider_models) else None


def shown(line: dict[str, Any]) -> dict[str, Any]:
    """A line as a page gets it."""
    return {name: value for name, value in line.items() if name not in ("message", "audience")}


async def logs_subscribe(socket: LiveSocket, data: dict[str, Any]) -> Answer:
    """Listens first and reads then, so that nothing falls between; a second subscription takes the place of the first."""
    assert isinstance(socket, LogSocket)
    query = LogQuery.of(data.get("filters") or {})
    await _listen(socket)
    names = await database_sync_to_async(models_of_provider)(socket.actor, query.provider) if query.provider else frozenset()
    socket.tail = Tail(query, names)
    return "logs:subscribed", await database_sync_to_async(_missed)(socket.actor, query, data.get("after"), socket.language())


async def logs_pause(socket: LiveSocket, data: dict[str, Any]) -> Answer:
    assert isinstance(socket, LogSocket)
    _tail_of(socket).is_paused = True
    return "logs:paused", {}


async def logs_resume(socket: LiveSocket, data: dict[str, Any]) -> Answer:
    """Goes on; with `after`, the answer has the lines that came meanwhile."""
    assert isinstance(socket, LogSocket)
    tail = _tail_of(socket)
    tail.is_paused = False
    skipped = tail.skipped_since()
    if not data.get("after"):
        return "logs:resumed", {"lines": [], "skipped": skipped}
    missed = await database_sync_to_async(_missed)(socket.actor, tail.query, data["after"], socket.language())
    return "logs:resumed", missed


async def logs_unsubscribe(socket: LiveSocket, data: dict[str, Any]) -> Answer:
    assert isinstance(socket, LogSocket)
    for topic in tuple(socket.checks):
        socket.stop_listening_to(topic)
    socket.tail = None
    return "logs:unsubscribed", {}


def _tail_of(socket: LogSocket) -> Tail:
    if socket.tail is None:
        raise NotFound
    return socket.tail


async def _listen(socket: LogSocket) -> None:
    """To the log of the team in which this person acts, for as long as they act in it."""
    team = socket.actor.team.pk

    async def check(actor: Actor) -> None:
        if actor.team.pk != team:
            raise NotFound

    await socket.listen_to(topic_of(team), check)


def _missed(actor: Actor, query: LogQuery, after: Any, language: str) -> dict[str, Any]:
    """The lines behind the one that the page knows as its newest; without one nothing was missed."""
    if not after:
        return {"lines": [], "skipped": 0}
    known = access_log(actor, str(after))
    lines = logs_with_words(logs_found(actor, query), query.words)
    newer = lines.filter(created_at__gte=known.created_at).exclude(pk=known.pk).order_by("-created_at", "-pk")
    rows = list(newer[: MISSED_AT_MOST + 1])
    told = [shown(in_words_of(language, log_line(row))) for row in reversed(rows[:MISSED_AT_MOST])]
    return {"lines": told, "skipped": 0, "has_more": len(rows) > MISSED_AT_MOST}


HANDLERS = {
    "ping": ping,
    "logs:subscribe": logs_subscribe,
    "logs:pause": logs_pause,
    "logs:resume": logs_resume,
    "logs:unsubscribe": logs_unsubscribe,
}
