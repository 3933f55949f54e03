"""Many calls written down together: the same rows and the same counting as `usage_record`, in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db import connections, router
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import Field
from django.utils import timezone

from apps.common.db import again_after_deadlock
from apps.providers.contract import Usage
from apps.providers.models import AIModel, Budget, CreditUsage, Reservation
from apps.providers.services.budget_periods import budgets_locked
from apps.providers.services.keys import key_used
from apps.providers.services.prices import unit_prices
from apps.providers.services.reservations import reservation_draw, usage_count
from apps.providers.services.usage import cost_of

# Rows in one statement, the largest that fit first. Many at once, because SQLite lets go of the interpreter's lock for each
# statement and takes long to get it back beside busy code; of few sizes, because it keeps a plan for each text that it has met.
AT_ONCE = (256, 64, 16, 4, 1)


@dataclass(frozen=True, slots=True)
class CallNote:
    """One call of an AI that is over. `public_id` becomes its row's, so that a note that is handed in twice is one row.

    `model` is None when it was removed meanwhile. `cost_usd` is what `cost_of` said when the call was over, where `is_priced`.
    """

    public_id: UUID
    team_id: int
    owner_id: int | None
    key_id: UUID | None
    model: AIModel | None
    provider_name: str
    model_key: str
    purpose: str
    usage: Usage
    error_code: str = ""
    latency_ms: int = 0
    first_token_ms: int | None = None
    linked_execution: UUID | None = None
    reservation: Reservation | None = None
    has_answer: bool = True
    cost_usd: Decimal | None = None
    is_priced: bool = False


@again_after_deadlock
def usages_record(notes: Sequence[CallNote], *, may_repeat: bool = False) -> None:
    """Keep these calls, count what they cost against the budgets in force, and draw it from their reservations.

    `may_repeat`: some of them may have been written before, which a journal that is read again cannot know.
    """
    if may_repeat:
        known = set(
            CreditUsage.objects.filter(public_id__in=[note.public_id for note in notes]).values_list("public_id", flat=True)
        )
        notes = [note for note in notes if note.public_id not in known]
    if not notes:
        return
    costs = [_cost(note) for note in notes]
    for key in sorted({note.model.provider.key_id or 0 for note in notes if note.model and note.has_answer} - {0}):
        key_used(key)
    _insert(notes, costs)
    _count(notes, costs)
    drawn: dict[UUID, tuple[Reservation, Decimal]] = {}
    for note, cost in zip(notes, costs, strict=True):
        if note.reservation is not None and cost:
            _, before = drawn.get(note.reservation.public_id, (None, Decimal(0)))
            drawn[note.reservation.public_id] = (note.reservation, before + cost)
    for reservation, cost in drawn.values():
        reservation_draw(reservation, cost)


def _cost(note: CallNote) -> Decimal | None:
    if note.is_priced or note.model is None:
        return note.cost_usd
    return cost_of(note.model, note.usage)


def _insert(notes: Sequence[CallNote], costs: Sequence[Decimal | None]) -> None:
    """Without a row object for each call, which would cost several times as much as writing it."""
    db = connections[router.db_for_write(CreditUsage)]
    fields = [field for field in CreditUsage._meta.concrete_fields if not field.primary_key]
    stored = _Stored(db, fields)
    rows = [stored.row(note, cost) for note, cost in zip(notes, costs, strict=True)]
    columns = ", ".join(db.ops.quote_name(str(field.column)) for field in fields)
    head = f"INSERT INTO {db.ops.quote_name(CreditUsage._meta.db_table)} ({columns}) VALUES "
    marks = f"({', '.join(['%s'] * len(fields))})"
    with db.cursor() as cursor:
        for part in _parts(rows):
            cursor.execute(head + ", ".join([marks] * len(part)), [value for row in part for value in row])


class _Stored:
    """Notes as the database stores them. What is the same for many is made once."""

    def __init__(self, db: BaseDatabaseWrapper, fields: Sequence[Field]) -> None:
        self._db, self._names = db, [field.attname for field in fields]
        self._prepare = {field.attname: field.get_db_prep_save for field in fields}
        self._now = self._as("created_at", timezone.now())
        self._keys: dict[UUID | None, Any] = {}
        self._prices: dict[int, Any] = {}

    def row(self, note: CallNote, cost: Decimal | None) -> list[Any]:
        """In the order of the fields."""
        usage, model = note.usage, note.model
        values = {
            "public_id": self._as("public_id", note.public_id),
            "created_at": self._now,
            "updated_at": self._now,
            "team_id": note.team_id,
            "owner_id": note.owner_id,
            "model_id": model.pk if model else None,
            "key_id": self._key_of(note),
            "provider_name": note.provider_name,
            "model_key": note.model_key,
            "purpose": note.purpose,
            "linked_execution": note.linked_execution and self._as("linked_execution", note.linked_execution),
            "input_tokens": usage.input_tokens,
            "output_tokens": usage.output_tokens,
            "cached_tokens": usage.cached_tokens,
            "cache_write_tokens": usage.cache_write_tokens,
            "cache_write_1h_tokens": usage.cache_write_1h_tokens,
            "reasoning_tokens": usage.reasoning_tokens,
            "is_estimated": usage.is_estimated,
            "cost_usd": self._as("cost_usd", cost),
            "price_source": model.price_source if model else "",
            "unit_prices": self._prices_of(note),
            "latency_ms": note.latency_ms,
            "first_token_ms": note.first_token_ms,
            "attempts": 1,
            "error_code": note.error_code[:40],
        }
        return [values[name] for name in self._names]

    def _as(self, name: str, value: Any) -> Any:
        return self._prepare[name](value, connection=self._db)

    def _key_of(self, note: CallNote) -> Any:
        if note.key_id not in self._keys:
            self._keys[note.key_id] = self._as("key_id", note.key_id)
        return self._keys[note.key_id]

    def _prices_of(self, note: CallNote) -> Any:
        """Of models whose prices do not depend on the length of the prompt they are the same for all calls."""
        model = note.model
        if model is None:
            return self._as("unit_prices", {})
        if model.price_tiers:
            return self._as("unit_prices", unit_prices(model, note.usage))
        if model.pk not in self._prices:
            self._prices[model.pk] = self._as("unit_prices", unit_prices(model, note.usage))
        return self._prices[model.pk]


def _parts(rows: list[Any]) -> Iterator[list[Any]]:
    start = 0
    for size in AT_ONCE:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


def _lock_budgets(groups: Iterable[tuple[int, int | None, UUID | None]]) -> None:
    """All that are about to be counted, in the order of their keys: group by group, two batches could wait crosswise."""
    keys: set[int] = set()
    for team_id, owner_id, key_id in groups:
        found = Budget.objects.in_force_for(team_id=team_id, owner_id=owner_id, key_id=key_id)
        keys.update(found.order_by().values_list("pk", flat=True))
    if keys:
        budgets_locked(sorted(keys))


def _count(notes: Sequence[CallNote], costs: Sequence[Decimal | None]) -> None:
    """One look at the budgets for all calls of the same team, person and key."""
    sums: dict[tuple[int, int | None, UUID | None], Decimal] = defaultdict(Decimal)
    for note, cost in zip(notes, costs, strict=True):
        sums[note.team_id, note.owner_id, note.key_id] += cost or Decimal(0)
    if len(sums) > 1:
        _lock_budgets(sums)
    for (team_id, owner_id, key_id), cost in sums.items():
        whole = CreditUsage(team_id=team_id, owner_id=owner_id, key_id=key_id, cost_usd=cost, created_at=timezone.now())
        usage_count(whole)
