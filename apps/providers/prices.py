"""Prices, context windows and tiers of known models, from the dated file that ships with the product."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any

from apps.providers.contract import Usage
from apps.providers.families import family_of

FILE = Path(__file__).resolve().parent / "data" / "prices.json"
MILLION = Decimal(1_000_000)
_SNAPSHOT = re.compile(
    r"[-@](?:20\d\d-[01]\d-[0-3]\d|20\d\d[01]\d[0-3]\d)$"
)  # a dated name of a model costs what the model costs


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens. `long_prompt` is {above_tokens, input, output} or None: it re-prices the whole request."""

    input: Decimal
    output: Decimal
    cached: Decimal | None
    context_window: int | None
    tier: str
    long_prompt: Mapping[str, Any] | None


def price_of(kind: str, key: str) -> Price | None:
    """What the vendor itself charges for its model; None when the file does not know. Resellers have prices of their own."""
    name = key.strip().lower().removeprefix("models/")
    known = _prices()
    return known.get((kind, name)) or known.get((kind, _SNAPSHOT.sub("", name)))


def tier_of_family(family: str) -> str | None:
    """The tier of a known model, whoever serves it."""
    return _tiers().get(family)


def source() -> str:
    """Where the prices come from and of when they are, for people."""
    file = _file()
    return f"{file['source'].partition(',')[0]}, {file['date']}"


def cost(
    usage: Usage,
    *,
    price_input: Decimal,
    price_output: Decimal,
    price_cached: Decimal | None,
    long_prompt: Mapping[str, Any] | None,
) -> Decimal:
    """US dollars. Cached tokens are inside the input tokens, reasoning tokens inside the output tokens."""
    if long_prompt and usage.input_tokens > long_prompt["above_tokens"]:
        # The file gives no price of cached tokens in long prompts; vendors that have one raise it as they raise the input's.
        stretch = Decimal(long_prompt["input"]) / price_input if price_input else Decimal(1)
        price_cached = None if price_cached is None else price_cached * stretch
        price_input, price_output = Decimal(long_prompt["input"]), Decimal(long_prompt["output"])
    cached = min(usage.cached_tokens, usage.input_tokens)
    cached_price = price_input if price_cached is None else price_cached
    return ((usage.input_tokens - cached) * price_input + cached * cached_price + usage.output_tokens * price_output) / MILLION


@cache
def _file() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))


@cache
def _prices() -> dict[tuple[str, str], Price]:
    return {
        (row["kind"], row["key"]): Price(
            input=Decimal(row["input"]),
            output=Decimal(row["output"]),
            cached=Decimal(row["cached"]) if "cached" in row else None,
            context_window=row.get("context_window"),
            tier=row["tier"],
            long_prompt=row.get("long_prompt"),
        )
        for row in _file()["models"]
    }


@cache
def _tiers() -> dict[str, str]:
    return {family_of(row["key"]): row["tier"] for row in _file()["models"]}
