"""The audit log of a team: a chain in which each row holds the hash of the one before, so that a change shows.

A row's hash is SHA-256 over the canonical JSON of what it says and of the hash before it; the head remembers the last one. Who
may write to the database can forge a whole chain anew. The hash of the head, kept elsewhere, shows that as well.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import UUID

from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.models import Team
from apps.common.db import again_after_deadlock
from apps.common.said import packed
from apps.tasks.models import AuditHead, AuditLog

ROWS_AT_ONCE = 1_000
MOST_PROBLEMS = 100  # told; a chain with more is not read any more closely by reading more
LOOK_AROUND = 500  # places before and after its own in which a moved row is looked for
FIRST = "0" * 64

ProblemKind = Literal["changed", "removed", "moved", "added"]


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """What is to be added to the log. `data` may hold what JSON can, and decimals, dates and ids."""

    category: str
    data: Mapping[str, Any] = field(default_factory=dict)
    time: datetime = field(default_factory=timezone.now)
    actor_id: int | None = None
    actor_name: str = ""
    object_type: str = ""
    object_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class AuditProblem:
    """Something that is not as it was written. `last` is the last of several rows that were removed together."""

    kind: ProblemKind
    number: int
    last: int | None = None
    was: int | None = None  # the place from which a row was moved


@dataclass(frozen=True, slots=True)
class AuditReport:
    """`rows` were read; `hash` is that of the head, to be kept elsewhere. `has_more`: not all problems are told."""

    team_id: int
    rows: int
    hash: str
    problems: tuple[AuditProblem, ...] = ()
    has_more: bool = False


@again_after_deadlock
def audit_append(team_id: int, entries: Sequence[AuditEntry], *, head: AuditHead | None = None) -> None:
    """Add rows to the team's chain, in one transaction or in the caller's.

    It waits for a lock, so that in a transaction with other work it comes first; or `audit_lock` does, which gives the `head`.
    """
    if not entries:
        return
    head = head or audit_lock(team_id)
    rows = []
    for entry in entries:
        head.number += 1
        row = AuditLog(
            team_id=team_id,
            number=head.number,
            time=entry.time,
            category=entry.category,
            actor_id=entry.actor_id,
            actor_name=entry.actor_name[:250],
            object_type=entry.object_type,
            object_id=entry.object_id,
            data=packed(plain(entry.data)),
            previous_hash=head.hash or FIRST,
        )
        row.hash = head.hash = hash_of(row)
        rows.append(row)
    AuditLog.objects.bulk_create(rows)
    head.save(update_fields=["number", "hash"])


def audit_lock(team_id: int) -> AuditHead:
    """The end of the chain, locked until the caller's transaction ends."""
    heads = AuditHead.objects.select_for_update()
    if head := heads.filter(pk=team_id).first():
        return head
    # The first of a team: who meets it while it is being made shares its place, and would want it alone after that, like others.
    Team.objects.select_for_update().get(pk=team_id)
    AuditHead.objects.get_or_create(team_id=team_id)
    return heads.get(pk=team_id)


def audit_setting(actor: Actor, what: str, *, object_id: UUID | None = None, object_type: str = "", **data: Any) -> None:
    """A person changed a setting: one row, in the caller's transaction."""
    entry = AuditEntry(
        "settings",
        {"what": what, **data},
        actor_id=actor.user.pk,
        actor_name=str(actor.user),
        object_type=object_type,
        object_id=object_id,
    )
    audit_append(actor.team.pk, [entry])


def audit_verify(team_id: int) -> AuditReport:
    """Read the whole chain, a part at a time, and say of each row that is not as it was written what was done to it."""
    head = AuditHead.objects.filter(pk=team_id).first() or AuditHead(team_id=team_id)
    problems: list[AuditProblem] = []
    before, expected, rows = FIRST, 1, 0
    for row in _rows_up_to(team_id, head.number):
        rows += 1
        became = None if row.hash == hash_of(row) else _what_became_of(row)
        is_moved = became is not None and became.kind == "moved"  # the row before a moved one is another: that says nothing of it
        if row.number > expected:
            problems.append(AuditProblem("removed", expected, last=row.number - 1))
        elif row.previous_hash != before and not is_moved and not _is_told(problems, expected - 1):
            problems.append(AuditProblem("changed", expected - 1))  # with a hash that was made to fit
        if became is not None:
            problems.append(became)
        before, expected = row.hash, row.number + 1
        if len(problems) > MOST_PROBLEMS:
            return AuditReport(team_id, rows, head.hash, tuple(problems[:MOST_PROBLEMS]), has_more=True)
    if expected <= head.number:
        problems.append(AuditProblem("removed", expected, last=head.number))
    elif head.number and before != head.hash and not _is_told(problems, head.number):
        problems.append(AuditProblem("changed", head.number))
    problems += [AuditProblem("added", number) for number in _beyond_the_head(team_id)]
    return AuditReport(team_id, rows, head.hash, tuple(problems))


def hash_of(row: AuditLog, *, number: int | None = None) -> str:
    """Of all that the row says but the key of its person, who may be erased: the name stays."""
    said = {
        "team": row.team_id,
        "number": row.number if number is None else number,
        "time": row.time.astimezone(UTC).isoformat(timespec="microseconds"),
        "category": row.category,
        "actor": row.actor_name,
        "object_type": row.object_type,
        "object_id": str(row.object_id) if row.object_id else None,
        "data": row.data,
        "previous": row.previous_hash,
    }
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def plain(value: Any) -> Any:
    """The same as JSON that every database gives back as it was."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return round(value, 6) + 0.0 if math.isfinite(value) else None  # + 0.0: there is no -0.0
        case Mapping():
            return {str(name): plain(inner) for name, inner in value.items()}
        case Decimal():
            return f"{value.normalize():f}"  # 0 and 0.0001, never 0E-8
        case UUID():
            return str(value)
        case datetime():
            return value.isoformat()
        case list() | tuple() | set() | frozenset():
            return [plain(inner) for inner in value]
    return str(value)


def _rows_up_to(team_id: int, most: int) -> Iterator[AuditLog]:
    last = 0
    while True:
        found = AuditLog.objects.filter(team=team_id, number__gt=last, number__lte=most).order_by("number")
        rows = list(found[:ROWS_AT_ONCE])
        yield from rows
        if len(rows) < ROWS_AT_ONCE:
            return
        last = rows[-1].number


def _what_became_of(row: AuditLog) -> AuditProblem:
    around = range(max(1, row.number - LOOK_AROUND), row.number + LOOK_AROUND + 1)
    was = next((number for number in around if hash_of(row, number=number) == row.hash), None)
    return AuditProblem("changed" if was is None else "moved", row.number, was=was)


def _is_told(problems: list[AuditProblem], number: int) -> bool:
    return any(problem.number <= number <= (problem.last or problem.number) for problem in problems[-2:])


def _beyond_the_head(team_id: int) -> list[int]:
    """Rows that nobody appended. Those that were appended since this began are within the head of now."""
    head = AuditHead.objects.filter(pk=team_id).values_list("number", flat=True).first() or 0
    found = AuditLog.objects.filter(team=team_id, number__gt=head).order_by("number")
    return list(found.values_list("number", flat=True)[:MOST_PROBLEMS])
