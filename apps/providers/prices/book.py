"""The prices that hold now: those of the file that ships with the product, and of the one that was fetched since.

The newer file goes first; what only the older one knows still holds, and is shown with that one's date.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import lru_cache
from pathlib import Path
from typing import Any

from django.conf import settings

from apps.providers.families import family_of
from apps.providers.prices.cost import Rates, plain
from apps.providers.prices.layouts import UnusableFile, checked

log = logging.getLogger(__name__)
SHIPPED = Path(__file__).resolve().parent.parent / "data" / "prices.json"
PRICES = ("input", "output", "cached", "cache_write", "cache_write_1h")
_SNAPSHOT = re.compile(
    r"[-@](?:20\d\d-[01]\d-[0-3]\d|20\d\d[01]\d[0-3]\d)$"
)  # a dated name of a model costs what the model costs


@dataclass(frozen=True, slots=True)
class Price:
    """What one vendor charges for one model, and which file of which date says so."""

    rates: Rates
    context_window: int | None
    tier: str
    source: str


def price_of(vendor: str, key: str) -> Price | None:
    """What `vendor` (a kind or a preset's name) charges for its model; None when no file knows."""
    name = key.strip().lower().removeprefix("models/")
    known = _prices(*_stamps())
    return known.get((vendor, name)) or known.get((vendor, _SNAPSHOT.sub("", name)))


def tier_of_family(family: str) -> str | None:
    """The tier of a known model, whoever serves it."""
    return _tiers().get(family)


def source() -> str:
    """Where the newest prices come from and of when they are, for people."""
    return _said(files()[0])


def files() -> list[dict[str, Any]]:
    """The files that hold, the newest first."""
    return _files(*_stamps())


def stored_file() -> Path:
    """Where the fetched file is kept; it need not exist."""
    return Path(settings.ORQ_HOME) / "prices" / "prices.json"


def exact_row(kind: str, key: str) -> dict[str, Any] | None:
    """The row that holds for this very name, as its file has it."""
    return _rows(*_stamps()).get((kind, key))


def same(price: str) -> str:
    """One spelling for each price: 0.10 and 0.1 are the same."""
    return plain(Decimal(price))


def rates_of(row: Mapping[str, Any]) -> Rates:
    """The prices of one row of a file."""
    given = {name: Decimal(row[name]) if name in row else None for name in PRICES}
    return Rates(**given, batch=row.get("batch", {}), steps=tuple(row.get("long_prompts", ())))


def _stamps() -> tuple[int, str, int]:
    """What tells whether the files are still those that were read, also when another process stored a new one."""
    stored = stored_file()
    try:
        return SHIPPED.stat().st_mtime_ns, str(stored), stored.stat().st_mtime_ns
    except FileNotFoundError:
        return SHIPPED.stat().st_mtime_ns, str(stored), 0


@lru_cache(maxsize=2)
def _files(_shipped_at: int, stored: str, stored_at: int) -> list[dict[str, Any]]:
    shipped = json.loads(SHIPPED.read_text(encoding="utf-8"))
    if not stored_at:
        return [shipped]
    try:
        fetched = checked(json.loads(Path(stored).read_text(encoding="utf-8")))
    except (UnusableFile, ValueError, OSError) as error:
        log.error("the prices in %s cannot be used (%s); those that ship with the product hold", stored, error)
        return [shipped]
    return [fetched, shipped] if fetched["date"] >= shipped["date"] else [shipped, fetched]


@lru_cache(maxsize=2)
def _prices(*stamps: Any) -> dict[tuple[str, str], Price]:
    """Older files first, so that newer ones go over them."""
    return {
        (row["kind"], row["key"]): Price(rates_of(row), row.get("context_window"), row.get("tier", ""), _said(file))
        for file in reversed(_files(*stamps))
        for row in file["models"]
    }


@lru_cache(maxsize=2)
def _rows(*stamps: Any) -> dict[tuple[str, str], dict[str, Any]]:
    return {(row["kind"], row["key"]): row for file in reversed(_files(*stamps)) for row in file["models"]}


@lru_cache(maxsize=1)
def _tiers() -> dict[str, str]:
    """Of the shipped file alone: fetched ones know no tiers."""
    rows = json.loads(SHIPPED.read_text(encoding="utf-8"))["models"]
    return {family_of(row["key"]): row["tier"] for row in rows}


def _said(file: Mapping[str, Any]) -> str:
    return f"{file['source'].partition(',')[0][:100]}, {file['date']}"
