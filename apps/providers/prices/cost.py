"""What a call costs, to the last digit. Decimals only; nothing here knows a table or a file."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from apps.providers.contract import Usage

MILLION = Decimal(1_000_000)
SHOWN_TO = Decimal("0.000001")  # a price that follows another one may have no end


@dataclass(frozen=True, slots=True)
class Rates:
    """US dollars for a million tokens; None is unknown, 0 is free.

    `steps` are {above_tokens, input, output, cached?, cache_write?, cache_write_1h?}: a prompt longer than that re-prices the
    whole request (LiteLLM's and Anthropic's reading of such prices). `batch` is {input, output, cached?, cache_write?} or {}.
    """

    input: Decimal | None
    output: Decimal | None
    cached: Decimal | None = None
    cache_write: Decimal | None = None
    cache_write_1h: Decimal | None = None
    batch: Mapping[str, Any] = field(default_factory=dict)
    steps: Sequence[Mapping[str, Any]] = ()


@dataclass(frozen=True, slots=True)
class Units:
    """The prices that one request was charged at: those of its length, and of a batch if it was in one."""

    input: Decimal
    output: Decimal | None
    cached: Decimal
    cache_write: Decimal
    cache_write_1h: Decimal
    above_tokens: int | None = None
    is_batch: bool = False

    def as_json(self) -> dict[str, Any]:
        """For keeping beside what was charged. Prices as plain decimal text."""
        prices = {name: getattr(self, name) for name in ("input", "output", "cached", "cache_write", "cache_write_1h")}
        shown: dict[str, Any] = {name: plain(price.quantize(SHOWN_TO)) for name, price in prices.items() if price is not None}
        if self.above_tokens is not None:
            shown["above_tokens"] = self.above_tokens
        return {**shown, "is_batch": True} if self.is_batch else shown


def units_of(rates: Rates, *, prompt_tokens: int, is_batch: bool = False) -> Units | None:
    """What a request of this length is charged at; None where that is unknown.

    A price that is not given for cached or written tokens is that of the input. One that is given for short prompts alone,
    or for calls outside batches alone, follows the input's: vendors raise and lower them together.
    """
    if rates.input is None or (is_batch and "input" not in rates.batch):
        return None
    if not rates.steps and not is_batch:
        return _flat_units(rates.input, rates.output, rates.cached, rates.cache_write, rates.cache_write_1h)
    base = _known(rates)
    passed = [one for one in rates.steps if prompt_tokens > one["above_tokens"]]
    step = max(passed, key=lambda one: one["above_tokens"], default=None)
    prices = base if step is None else _following(base, _decimals(step))
    if is_batch:
        named = _decimals(rates.batch)
        prices = _following(prices, {name: _scaled(prices[name], price, base[name]) for name, price in named.items()})
    return Units(**prices, above_tokens=step["above_tokens"] if step else None, is_batch=is_batch)


@functools.lru_cache(maxsize=4_000)
def _flat_units(
    input: Decimal, output: Decimal | None, cached: Decimal | None, cache_write: Decimal | None, cache_write_1h: Decimal | None
) -> Units:
    """Of prices that are the same for every length: those of nearly all models, for nearly all calls."""
    return Units(**_known(Rates(input, output, cached, cache_write, cache_write_1h)))


def cost(usage: Usage, rates: Rates, *, is_batch: bool = False) -> Decimal | None:
    """US dollars for a call; None where a price that it needs is unknown.

    Cached and written tokens are inside the input tokens, reasoning tokens inside the output tokens. A call that took several
    requests is the sum of these, each at the prices of its own length.
    """
    total = Decimal(0)
    for request in usage.requests or (usage,):
        units = units_of(rates, prompt_tokens=request.input_tokens, is_batch=is_batch)
        if units is None or (units.output is None and request.output_tokens):
            return None
        total += _charge(request, units)
    return total


def plain(price: Decimal) -> str:
    """0.1 and 10, never 0.100000 or 1E+1."""
    return f"{price.normalize():f}"


def _known(rates: Rates) -> dict[str, Any]:
    """Every price, those that are not given in the place of the one that they are charged at."""
    written = rates.input if rates.cache_write is None else rates.cache_write
    return {
        "input": rates.input,
        "output": rates.output,
        "cached": rates.input if rates.cached is None else rates.cached,
        "cache_write": written,
        "cache_write_1h": written if rates.cache_write_1h is None else rates.cache_write_1h,
    }


def _following(prices: Mapping[str, Any], named: Mapping[str, Decimal]) -> dict[str, Any]:
    """The named prices, and the others raised or lowered as the input's is."""
    return {
        name: named[name] if name in named else price and _scaled(price, named["input"], prices["input"])
        for name, price in prices.items()
    }


def _scaled(price: Decimal | None, after: Decimal, before: Decimal | None) -> Decimal:
    return price * after / before if price is not None and before else after


def _decimals(prices: Mapping[str, Any]) -> dict[str, Decimal]:
    return {name: Decimal(price) for name, price in prices.items() if name != "above_tokens"}


def _charge(usage: Usage, units: Units) -> Decimal:
    cached = min(usage.cached_tokens, usage.input_tokens)  # a vendor that counts oddly is not paid below zero
    written = min(usage.cache_write_tokens, usage.input_tokens - cached)
    for_an_hour = min(usage.cache_write_1h_tokens, written)
    return (
        (usage.input_tokens - cached - written) * units.input
        + cached * units.cached
        + (written - for_an_hour) * units.cache_write
        + for_an_hour * units.cache_write_1h
        + usage.output_tokens * (units.output or 0)
    ) / MILLION
