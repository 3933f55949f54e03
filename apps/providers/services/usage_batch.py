"""Many calls written down together: the same rows and the same counting as `usage_record`, in one transaction."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from django.utils import timezone

from apps.common.db import again_after_deadlock
from apps.providers.contract import Usage
from apps.providers.models import AIModel, CreditUsage, Reservation
from apps.providers.services.keys import key_used
from apps.providers.services.prices import unit_prices
from apps.providers.services.reservations import reservation_draw, usage_count
from apps.providers.services.usage import cost_of


@dataclass(frozen=True, slots=True)
class CallNote:
    """One call of an AI that is over. `public_id` becomes its row's, so that a note that is handed in twice is one row.

    `model` is None when it was removed meanwhile.
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
    rows = [_row(note) for note in notes]
    CreditUsage.objects.bulk_create(rows)
    _count(rows)
    drawn: dict[UUID, tuple[Reservation, Decimal]] = {}
    for note, row in zip(notes, rows, strict=True):
        if note.reservation is not None and row.cost_usd:
            _, before = drawn.get(note.reservation.public_id, (None, Decimal(0)))
            drawn[note.reservation.public_id] = (note.reservation, before + row.cost_usd)
    for reservation, cost in drawn.values():
        reservation_draw(reservation, cost)
    for key in {note.model.provider.key_id for note in notes if note.model and note.has_answer}:
        key_used(key)


def _row(note: CallNote) -> CreditUsage:
    usage, model = note.usage, note.model
    return CreditUsage(
        public_id=note.public_id,
        team_id=note.team_id,
        owner_id=note.owner_id,
        key_id=note.key_id,
        model=model,
        provider_name=note.provider_name,
        model_key=note.model_key,
        purpose=note.purpose,
        linked_execution=note.linked_execution,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        is_estimated=usage.is_estimated,
        cost_usd=cost_of(model, usage) if model else None,
        price_source=model.price_source if model else "",
        unit_prices=unit_prices(model, usage) if model else {},
        latency_ms=note.latency_ms,
        first_token_ms=note.first_token_ms,
        error_code=note.error_code,
    )


def _count(rows: Sequence[CreditUsage]) -> None:
    """One look at the budgets for all calls of the same team, person and key."""
    sums: dict[tuple[int, int | None, UUID | None], Decimal] = defaultdict(Decimal)
    for row in rows:
        sums[row.team_id, row.owner_id, row.key_id] += row.cost_usd or Decimal(0)
    for (team_id, owner_id, key_id), cost in sums.items():
        whole = CreditUsage(team_id=team_id, owner_id=owner_id, key_id=key_id, cost_usd=cost, created_at=timezone.now())
        usage_count(whole)
