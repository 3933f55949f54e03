"""The prices of models: from the files, by hand, and back."""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.errors import Conflict
from apps.providers import prices
from apps.providers.contract import Usage
from apps.providers.models import AIModel, Provider
from apps.providers.presets import vendor_of
from apps.providers.prices import Price, Rates

BY_HAND = ("price_input", "price_output", "price_cached", "price_cache_write", "price_cache_write_1h")
FIELDS = (*BY_HAND, "price_batch", "price_tiers", "price_source")
COLUMNS = (*FIELDS, "price_set_by", "price_set_at")


def file_price(provider: Provider, key: str) -> Price | None:
    """What the files of prices say of a provider's model; None where they know nothing of that vendor or model."""
    vendor = vendor_of(provider.kind, provider.base_url)
    return prices.price_of(vendor, key) if vendor else None


def price_facts(price: Price) -> dict[str, Any]:
    """The fields of a model that a file's price fills."""
    rates = price.rates
    return {
        "price_input": rates.input,
        "price_output": rates.output,
        "price_cached": rates.cached,
        "price_cache_write": rates.cache_write,
        "price_cache_write_1h": rates.cache_write_1h,
        "price_batch": dict(rates.batch),
        "price_tiers": [dict(step) for step in rates.steps],
        "price_source": price.source,
    }


def prices_set_by(actor: Actor, model: AIModel) -> None:
    """Its prices are a person's business from now on: all of them, since the file's others would not fit. Saves nothing."""
    model.human_edits = sorted({*model.human_edits, *FIELDS})
    model.price_batch, model.price_tiers = {}, []
    model.price_set_by, model.price_set_at = actor.user, timezone.now()
    model.price_source = ", ".join([_("set by hand"), timezone.localdate().isoformat()])


def price_reset(actor: Actor, model: AIModel) -> AIModel:
    """Back to what the files say; syncs change its prices again. Conflict where no file knows the model."""
    actor.must_own(model.provider.owner_id)
    price = file_price(model.provider, model.key)
    if price is None:
        raise Conflict(_("No file of prices knows “%s”.") % model)
    for field, value in price_facts(price).items():
        setattr(model, field, value)
    model.human_edits = [field for field in model.human_edits if field not in FIELDS]
    model.price_set_by, model.price_set_at = None, None
    model.save(update_fields=[*COLUMNS, "human_edits", "updated_at"])
    return model


def prices_apply() -> int:
    """Give every model the prices that the files say now, but for those that people set; gives how many changed."""
    changed = 0
    for model in AIModel.objects.select_related("provider").order_by("pk").iterator(chunk_size=500):
        price = None if "price_input" in model.human_edits else file_price(model.provider, model.key)
        facts = price_facts(price) if price else {}
        if fields := [field for field, value in facts.items() if getattr(model, field) != value]:
            for field in fields:
                setattr(model, field, facts[field])
            model.save(update_fields=[*fields, "updated_at"])
            changed += 1
    return changed


def rates_of_model(model: AIModel) -> Rates:
    """What a model is charged at now."""
    return Rates(
        input=model.price_input,
        output=model.price_output,
        cached=model.price_cached,
        cache_write=model.price_cache_write,
        cache_write_1h=model.price_cache_write_1h,
        batch=model.price_batch,
        steps=model.price_tiers,
    )


def unit_prices(model: AIModel, usage: Usage) -> dict[str, Any]:
    """What the tokens of a call were charged at, to be kept with it; {} where unknown, or where its requests differ in it."""
    requests = usage.requests or (usage,)
    units = {prices.units_of(rates_of_model(model), prompt_tokens=one.input_tokens) for one in requests}
    only = units.pop() if len(units) == 1 else None
    return only.as_json() if only else {}
