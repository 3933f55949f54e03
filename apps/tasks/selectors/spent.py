"""What calls took, summed by the database or here; money and percentages as JSON has them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from apps.tasks.models import Call


@dataclass(frozen=True, slots=True)
class Spent:
    """What calls took. `unpriced` counts those whose price is unknown: they are not in `cost_usd`."""

    cost_usd: Decimal = Decimal(0)
    tokens: int = 0
    calls: int = 0
    unpriced: int = 0

    def __add__(self, other: Spent) -> Spent:
        return Spent(
            self.cost_usd + other.cost_usd, self.tokens + other.tokens, self.calls + other.calls, self.unpriced + other.unpriced
        )

    @property
    def cost(self) -> str | None:
        """None when every call that was made has an unknown price."""
        return None if self.calls and self.calls == self.unpriced else money(self.cost_usd)


_SPENT = {
    "cost": Coalesce(Sum("usage__cost_usd"), Decimal(0)),
    "tokens": Coalesce(Sum("usage__input_tokens"), 0) + Coalesce(Sum("usage__output_tokens"), 0),
    "calls": Count("usage"),
    "unpriced": Count("usage", filter=Q(usage__cost_usd__isnull=True)),
}


def spent_by(calls: QuerySet[Call], key: str) -> defaultdict[Any, Spent]:
    rows = calls.order_by().values(key).annotate(**_SPENT)
    found = {row[key]: Spent(Decimal(row["cost"]), row["tokens"], row["calls"], row["unpriced"]) for row in rows}
    return defaultdict(Spent, found)


def spent_of(calls: Iterable[Call]) -> defaultdict[Any, Spent]:
    """The same for calls that are read already, with their usage."""
    found: defaultdict[Any, Spent] = defaultdict(Spent)
    for call in calls:
        if usage := call.usage:
            tokens, is_unpriced = usage.input_tokens + usage.output_tokens, usage.cost_usd is None
            found[call.subtask_id] += Spent(usage.cost_usd or Decimal(0), tokens, 1, int(is_unpriced))
    return found


def money(value: Decimal | None) -> str | None:
    return None if value is None else f"{value:.8f}"


def percent(value: Decimal | None) -> float | None:
    return None if value is None else float(value)
