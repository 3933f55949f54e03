"""Every call has its row, also when the process is killed: noted in a file before it goes out, then written in batches.

A call is a line in this process's journal before anything is asked, and another when it is over. Up to four times a second the
calls that are over become rows, in one transaction; less often where that takes long, so that writing takes little of the time.
The journal of a process that died is read by the next one that starts: calls that were over get their rows, and those that were
not are rows with an estimate, marked. A call that is in the journal twice, or was written just before the end, is one row all
the same.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import Error as DatabaseTrouble
from django.db.models import Q
from django.utils import timezone

from apps.accounts.models import Team, User
from apps.common.db import in_db
from apps.gateway.admission import Admitted
from apps.gateway.holds import PURPOSE, Hold, Holds, release
from apps.gateway.ids import new_id
from apps.gateway.journal import Journal, left_behind
from apps.gateway.models import VirtualKey
from apps.providers.contract import Usage
from apps.providers.models import AIModel
from apps.providers.services.usage import cost_of
from apps.providers.services.usage_batch import CallNote, usages_record

log = logging.getLogger(__name__)

WRITE_EVERY_S = 0.25
WRITE_AT_LEAST_EVERY_S = 1.5
REST_FOR_EACH_S = 30.0  # of writing: so that it takes a small part of the time, however slow the database is
TRY_AGAIN_AFTER_S = 1.0
MOST_AT_ONCE = 1_000
LOOK_FOR_IDLE_EVERY_S = 5.0
USED_TO_THE_S = 60.0


@dataclass(slots=True)
class Entry:
    """One call, from before it goes out until its row is written."""

    who: Admitted
    model: AIModel
    expected: Usage  # of the question, estimated
    hold: Hold | None
    public_id: UUID = field(default_factory=new_id)
    linked_execution: UUID | None = None
    began: float = field(default_factory=time.monotonic)
    first_token_ms: int | None = None
    note: CallNote | None = None

    @property
    def latency_ms(self) -> int:
        return round((time.monotonic() - self.began) * 1000)

    def saw_token(self) -> None:
        if self.first_token_ms is None:
            self.first_token_ms = self.latency_ms


class Ledger:
    """The books of this process, for one event loop."""

    def __init__(self) -> None:
        self.holds = Holds()
        self._journal = Journal()
        self._over: list[Entry] = []
        self._writing: asyncio.Task[None] | None = None
        self._idle: asyncio.Task[None] | None = None
        self._used: dict[int, float] = {}  # keys, and when their use was last noted
        self._to_note: set[int] = set()
        self._is_unsure = False  # whether the last batch was written
        self._wrote_in_s = 0.0

    def used(self, who: Admitted) -> None:
        """The key was let in: noted to the minute, and not each time."""
        now = time.monotonic()
        if now - self._used.get(who.key_pk, -USED_TO_THE_S) >= USED_TO_THE_S:
            self._used[who.key_pk] = now
            self._to_note.add(who.key_pk)
            self._wake()

    def begin(self, entry: Entry) -> None:
        """Before the call goes out."""
        who, model = entry.who, entry.model
        self._journal.begin(
            entry.public_id,
            {
                "team": who.team_pk,
                "owner": who.owner_pk,
                "key": who.key_id.hex,
                "model": model.pk,
                "provider": model.provider.name,
                "name": model.key,
                "in": entry.expected.input_tokens,
            },
        )

    def end(self, entry: Entry, usage: Usage, *, error_code: str = "", has_answer: bool = True) -> Any:
        """When it is over; gives what it cost in US dollars, None where nobody knows. A second time changes nothing."""
        if entry.note is not None:
            return None
        cost = cost_of(entry.model, usage)
        entry.note = CallNote(
            public_id=entry.public_id,
            team_id=entry.who.team_pk,
            owner_id=entry.who.owner_pk,
            key_id=entry.who.key_id,
            model=entry.model,
            provider_name=entry.model.provider.name,
            model_key=entry.model.key,
            purpose=PURPOSE,
            usage=usage,
            error_code=error_code,
            latency_ms=entry.latency_ms,
            first_token_ms=entry.first_token_ms,
            linked_execution=entry.linked_execution,
            reservation=entry.hold.reservation if entry.hold else None,
            has_answer=has_answer,
            cost_usd=cost,
            is_priced=True,
        )
        self._journal.end(entry.public_id, _usage_out(usage), error_code, entry.note.latency_ms, entry.first_token_ms)
        entry.who.correct_tokens(entry.expected.input_tokens, usage.input_tokens + usage.output_tokens)
        if entry.hold is not None:
            entry.hold.settle(cost)
        self._over.append(entry)
        self._wake()
        return cost

    def drop(self, entry: Entry) -> None:
        """Nobody was asked, so there is nothing to keep."""
        entry.who.correct_tokens(entry.expected.input_tokens, 0)
        self._journal.forget([entry.public_id])
        if entry.hold is not None:
            entry.hold.settle(None)
            entry.hold.written()
            self._wake()

    async def flush(self) -> None:
        """Write everything that is over now, and give back what is set aside for nothing."""
        while self._over or self._to_note:
            batch, self._over = self._over[:MOST_AT_ONCE], self._over[MOST_AT_ONCE:]
            keys, self._to_note = self._to_note, set()
            try:
                notes = [entry.note for entry in batch if entry.note is not None]
                await in_db(_write, notes, keys, may_repeat=self._is_unsure)
            except (DatabaseTrouble, asyncio.CancelledError):
                self._over, self._to_note = batch + self._over, keys | self._to_note
                self._is_unsure = True
                raise
            self._is_unsure = False
            self._journal.forget([entry.public_id for entry in batch])
            for entry in batch:
                if entry.hold is not None:
                    entry.hold.written()
        if reservations := self.holds.to_release():
            await in_db(release, reservations)

    async def aclose(self) -> None:
        for task in (self._writing, self._idle):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        for block in list(self.holds._current.values()):
            block.used_at = 0.0
        await self.flush()
        self._journal.close()

    def _wake(self) -> None:
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write_on())

    async def _write_on(self) -> None:
        """As long as there is something to write. A database that is away is waited for: the journal keeps it all."""
        while self._over or self._to_note:
            await asyncio.sleep(min(WRITE_AT_LEAST_EVERY_S, max(WRITE_EVERY_S, REST_FOR_EACH_S * self._wrote_in_s)))
            began = time.monotonic()
            try:
                await self.flush()
                self._wrote_in_s = time.monotonic() - began
            except DatabaseTrouble:
                log.exception("calls through the gateway could not be written down; they are kept, and tried again")
                await asyncio.sleep(TRY_AGAIN_AFTER_S)
        if not self.holds.is_empty and (self._idle is None or self._idle.done()):
            self._idle = asyncio.get_running_loop().create_task(self._give_back_idle())

    async def _give_back_idle(self) -> None:
        while not self.holds.is_empty:
            await asyncio.sleep(LOOK_FOR_IDLE_EVERY_S)
            try:
                if reservations := self.holds.to_release():
                    await in_db(release, reservations)
            except DatabaseTrouble:
                log.exception("money that was set aside could not be given back; it is free when the reservation expires")


def recover() -> int:
    """Write down what processes that died had not; gives how many calls. For the start of a process, in a thread."""
    count = 0
    for journal in left_behind():
        calls = journal.calls()
        teams = set(Team.objects.filter(pk__in={call["team"] for call in calls}).values_list("pk", flat=True))
        notes = [_note_again(call) for call in calls if call["team"] in teams]
        for start in range(0, len(notes), MOST_AT_ONCE):
            usages_record(notes[start : start + MOST_AT_ONCE], may_repeat=True)
        journal.remove()
        count += len(notes)
    if count:
        log.warning("%d calls of a gateway that was stopped hard were written down from its journal", count)
    return count


def _write(notes: list[CallNote], keys: Collection[int], *, may_repeat: bool) -> None:
    if notes:
        usages_record(notes, may_repeat=may_repeat)
    if keys:
        now = timezone.now()
        stale = Q(last_used_at=None) | Q(last_used_at__lt=now - timedelta(seconds=USED_TO_THE_S))
        VirtualKey.objects.filter(stale, pk__in=keys).update(last_used_at=now)


def _note_again(line: dict[str, Any]) -> CallNote:
    """A call as the journal has it. One without an end is counted by its question, and marked."""
    is_over = "usage" in line
    usage = _usage_in(line["usage"]) if is_over else Usage(line["in"], 0, is_estimated=True)
    return CallNote(
        public_id=UUID(line["id"]),
        team_id=line["team"],
        owner_id=User.objects.filter(pk=line["owner"]).values_list("pk", flat=True).first(),
        key_id=UUID(line["key"]),
        model=AIModel.objects.filter(pk=line["model"]).select_related("provider").first(),
        provider_name=line["provider"],
        model_key=line["name"],
        purpose=PURPOSE,
        usage=usage,
        error_code=line["error"] if is_over else "interrupted",
        latency_ms=line.get("ms", 0),
        first_token_ms=line.get("first"),
        has_answer=is_over,
    )


def _usage_in(counts: list[int]) -> Usage:
    inputs, outputs, cached, reasoning, is_estimated, written, for_an_hour = counts
    return Usage(inputs, outputs, cached, reasoning, bool(is_estimated), written, for_an_hour)


def _usage_out(usage: Usage) -> list[int]:
    return [
        usage.input_tokens,
        usage.output_tokens,
        usage.cached_tokens,
        usage.reasoning_tokens,
        int(usage.is_estimated),
        usage.cache_write_tokens,
        usage.cache_write_1h_tokens,
    ]
