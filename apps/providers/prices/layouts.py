"""Files of prices as they come: our own layout, LiteLLM's and models.dev's. Each becomes one in our layout, checked whole.

LiteLLM: dollars for one token, by "<provider>/<model>" (docs.litellm.ai/docs/proxy/model_cost_map of 2026-10-19, and the file
in its package 1.109.1). models.dev: dollars for a million tokens, provider by provider (its published schema, read 2026-11-21).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal, InvalidOperation
from functools import cache
from pathlib import Path
from typing import Any

from django.utils.translation import gettext as _
from jsonschema import Draft202012Validator, FormatChecker
from jsonschema.exceptions import best_match

from apps.common.errors import BadInput
from apps.providers.prices.cost import MILLION, SHOWN_TO, plain

SCHEMA = Path(__file__).resolve().parent.parent / "data" / "prices.schema.json"
MOST_BYTES = 32 * 1024 * 1024
# Their names of vendors → ours.
LITELLM = {
    "openai": "openai", "anthropic": "anthropic", "gemini": "google", "mistral": "mistral", "deepseek": "deepseek",
    "openrouter": "openrouter", "groq": "groq", "together_ai": "together", "novita": "novita", "nebius": "nebius",
    "sambanova": "sambanova",
}  # fmt: skip
MODELS_DEV = {
    "openai": "openai", "anthropic": "anthropic", "google": "google", "mistral": "mistral", "deepseek": "deepseek",
    "openrouter": "openrouter", "groq": "groq", "togetherai": "together", "novita-ai": "novita", "nebius": "nebius",
}  # fmt: skip
_TOKENS = {
    "input": "input_cost_per_token",
    "output": "output_cost_per_token",
    "cached": "cache_read_input_token_cost",
    "cache_write": "cache_creation_input_token_cost",
    "cache_write_1h": "cache_creation_input_token_cost_above_1hr",
}
_ABOVE = re.compile(r"^input_cost_per_token_above_(\d+)k_tokens$")
_MODES = ("chat", "responses", "completion", "embedding")


class UnusableFile(BadInput):
    """The file of prices cannot be used; the message says what is wrong with it and where."""


def read(text: bytes, *, source: str, today: str) -> dict[str, Any]:
    """A file of prices in any of the three layouts, as one in ours. `source` and `today` are for those that name neither.

    Raises UnusableFile for one that cannot be used as a whole: then none of it is.
    """
    if len(text) > MOST_BYTES:
        raise UnusableFile(_("The file of prices is larger than %d MB.") % (MOST_BYTES // 1024**2))
    try:
        data = json.loads(text, parse_float=Decimal, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise UnusableFile(_("The file of prices is not JSON: %s") % error) from error
    if not isinstance(data, dict):
        raise UnusableFile(_("The file of prices is not a JSON object."))
    if "version" in data and "models" in data:
        return checked(data)
    rows = list(_litellm(data) if _is_litellm(data) else _models_dev(data))
    if not rows:
        raise UnusableFile(_("The file is in none of the known layouts: ours, LiteLLM's or models.dev's."))
    return checked({"version": 2, "date": today, "source": source, "models": rows})


def checked(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same, once it is certain that all of it can be used."""
    error = best_match(_validator().iter_errors(data))
    if error is not None:
        raise UnusableFile(_("%(where)s: %(what)s") % {"where": _where(data, list(error.absolute_path)), "what": _what(error)})
    seen: set[tuple[str, str]] = set()
    for row in data["models"]:
        named = (row["kind"], row["key"])
        if named in seen or row["key"] != row["key"].strip().lower():
            what = _("is there twice") if named in seen else _("is not in small letters")
            raise UnusableFile(_("%(where)s: %(what)s") % {"where": " ".join(named), "what": what})
        seen.add(named)
    return dict(data)


def _is_litellm(data: Mapping[str, Any]) -> bool:
    return any(isinstance(entry, dict) and "litellm_provider" in entry for entry in data.values())


def _litellm(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Entries of vendors that we know, with a price for tokens. The first of two names for one model holds."""
    seen = set()
    for name, entry in data.items():
        if not isinstance(entry, dict) or name == "sample_spec":
            continue
        theirs = entry.get("litellm_provider")
        kind = LITELLM.get(theirs) if isinstance(theirs, str) else None
        if kind is None or entry.get("mode") not in _MODES or "input_cost_per_token" not in entry:
            continue
        key = name.removeprefix(f"{theirs}/").lower()
        if (kind, key) not in seen:
            seen.add((kind, key))
            yield {"kind": kind, "key": key, **_litellm_prices(entry, name)}


def _litellm_prices(entry: Mapping[str, Any], name: str) -> dict[str, Any]:
    def named(suffix: str) -> dict[str, str]:
        fields = {ours: f"{theirs}{suffix}" for ours, theirs in _TOKENS.items()}
        return {ours: _price(entry[field], name, times=MILLION) for ours, field in fields.items() if entry.get(field) is not None}

    row: dict[str, Any] = named("")
    batch = named("_batches")
    if "input" in batch:
        row["batch"] = {ours: price for ours, price in batch.items() if ours != "cache_write_1h"}
    thousands = sorted(int(found[1]) for found in map(_ABOVE.match, entry) if found)
    steps = [{"above_tokens": 1000 * one, **named(f"_above_{one}k_tokens")} for one in thousands]
    if steps := [step for step in steps if {"input", "output"} <= step.keys()]:
        row["long_prompts"] = steps
    return row | _context(entry.get("max_input_tokens"))


def _models_dev(data: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for theirs, kind in MODELS_DEV.items():
        provider = data.get(theirs)
        models = provider.get("models") if isinstance(provider, dict) else None
        for key, model in (models if isinstance(models, dict) else {}).items():
            cost = model.get("cost") if isinstance(model, dict) else None
            if not isinstance(cost, dict) or "input" not in cost:
                continue
            row: dict[str, Any] = {"kind": kind, "key": key.lower(), **_models_dev_prices(cost, key)}
            if isinstance(longer := cost.get("context_over_200k"), dict):
                row["long_prompts"] = [{"above_tokens": 200_000, **_models_dev_prices(longer, key)}]
            limit = model.get("limit")
            yield row | _context(limit.get("context") if isinstance(limit, dict) else None)


def _models_dev_prices(cost: Mapping[str, Any], name: str) -> dict[str, str]:
    names = {"input": "input", "output": "output", "cached": "cache_read", "cache_write": "cache_write"}
    return {ours: _price(cost[theirs], name) for ours, theirs in names.items() if cost.get(theirs) is not None}


def _price(value: Any, name: str, *, times: Decimal = Decimal(1)) -> str:
    """As plain decimal text to six decimals: theirs are binary fractions, and say 0.8900000000000001 for 0.89.

    A number that is none or is below zero makes the whole file unusable.
    """
    try:
        price = Decimal(value) * times if not isinstance(value, bool) else Decimal("NaN")
    except (InvalidOperation, TypeError, ValueError):
        price = Decimal("NaN")
    if not price.is_finite() or price < 0:
        raise UnusableFile(_("%(where)s: “%(value)s” is no price; a price is zero or more.") % {"where": name, "value": value})
    return plain(price.quantize(SHOWN_TO))


def _context(tokens: Any) -> dict[str, int]:
    whole = int(tokens) if isinstance(tokens, int | Decimal) and not isinstance(tokens, bool) and tokens == int(tokens) else 0
    return {"context_window": whole} if whole > 0 else {}


def _no_number(text: str) -> Any:
    raise ValueError(f"{text} is no number")


@cache
def _validator() -> Draft202012Validator:
    return Draft202012Validator(json.loads(SCHEMA.read_text(encoding="utf-8")), format_checker=FormatChecker())


def _where(data: Mapping[str, Any], path: list[Any]) -> str:
    """The model's name rather than its number in the list."""
    if len(path) >= 2 and path[0] == "models" and isinstance(row := data["models"][path[1]], dict):
        return " ".join([str(row.get("kind", "?")), str(row.get("key", "?")), *map(str, path[2:])])
    return "/".join(map(str, path)) or _("the file")


def _what(error: Any) -> str:
    if error.validator == "pattern" and error.validator_value.startswith("^\\d{1,6}"):
        return _('“%s” is no price; a price is text such as "0.15", zero or more, with six decimals at most.') % error.instance
    return str(error.message)[:300]
