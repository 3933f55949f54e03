"""Bars of a chart, in the coordinates of its SVG. Every chart has a table beside it that says the same in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from decimal import Decimal
from typing import Any

HEIGHT = 100.0
STEP = 10.0  # of one day; a bar takes four fifths of it
BAR = 8.0


@dataclass(frozen=True, slots=True)
class Bar:
    """One part of a day's bar. `kind` names its colour; numbers are texts, so that no locale puts a comma into them."""

    x: str
    y: str
    height: str
    kind: str


@dataclass(frozen=True, slots=True)
class Chart:
    """`width` by 100. `most` is the value at the top. `is_zero`: something happened, and all of it counts nothing."""

    bars: tuple[Bar, ...]
    width: str
    most: Any
    first: date | None
    last: date | None
    is_zero: bool = False
    is_unknown: bool = False

    @property
    def is_empty(self) -> bool:
        return not self.bars


def daily_charts(days: Sequence[Mapping[str, Any]]) -> dict[str, Chart]:
    """Prompts a day (answered, escalated, failed, one on the other) and what they cost."""
    prompts = [
        {
            "ok": day["completed"] - min(day["escalated"], day["completed"]),
            "escalated": min(day["escalated"], day["completed"]),
            "failed": day["failed"],
        }
        for day in days
    ]
    costs = [{"cost": Decimal(day["cost"] or 0)} for day in days]
    asked = [day for day in days if day["total"]]
    cost = replace(
        _chart(days, costs),
        is_zero=bool(asked) and all(day["cost"] is not None and not Decimal(day["cost"]) for day in asked),
        is_unknown=any(day["cost"] is None or day["unpriced"] for day in asked),
    )
    return {"prompts": _chart(days, prompts), "cost": cost}


def _chart(days: Sequence[Mapping[str, Any]], parts: Sequence[Mapping[str, Any]]) -> Chart:
    most = max((sum(day.values()) for day in parts), default=0)
    bars = []
    for place, day in enumerate(parts):
        top = HEIGHT
        for kind, value in day.items():
            if value:
                height = HEIGHT * float(value) / float(most)
                top -= height
                bars.append(Bar(f"{place * STEP + (STEP - BAR) / 2:.1f}", f"{top:.2f}", f"{height:.2f}", kind))
    ends = (days[0]["date"], days[-1]["date"]) if days else (None, None)
    return Chart(tuple(bars), f"{len(days) * STEP:.0f}", most, *ends)
