"""Specialized AIs and prices as files: what one team exports another can import."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.errors import BadInput
from apps.common.importing import Imported, flag_in, list_in, store_all
from apps.providers.models import AIModel, SpecializedAI
from apps.providers.selectors.lookups import models_visible
from apps.providers.selectors.specialized import specialized_ais_visible
from apps.providers.services.models import model_update
from apps.providers.services.prices import BY_HAND
from apps.providers.services.specialized import specialized_ai_create, specialized_ai_update

SPECIALIZED_COLUMNS = (
    *("name", "role", "system_prompt", "categories", "default_model", "fallbacks"),
    *("temperature", "max_output_tokens", "is_active"),
)
MODEL_COLUMNS = (
    *("provider", "model", "display_name", "family", "tier", "capabilities", "context_window", "is_active"),
    *(*BY_HAND, "price_source"),
)


# ── specialized AIs ───────────────────────────────────────────────────────────────────────────────────────────────
def specialized_record(row: SpecializedAI) -> dict[str, Any]:
    """One as a file holds it: its models as provider/model, because ids mean nothing elsewhere."""
    return {
        "name": row.name,
        "role": row.role,
        "system_prompt": row.system_prompt,
        "categories": row.categories,
        "default_model": model_name(row.default_model),
        "fallbacks": [model_name(model) for model in row.ordered_fallbacks],
        "temperature": row.parameters.get("temperature"),
        "max_output_tokens": row.parameters.get("max_output_tokens"),
        "is_active": row.is_active,
    }


def specialized_ais_import(actor: Actor, rows: list[dict[str, Any]]) -> Imported:
    """Make those that are new, change those whose name is known. Raises BadInput with every row that cannot be used."""
    actor.must_work()
    known = {row.name.casefold(): row for row in specialized_ais_visible(actor)}
    models = _models_by_name(actor)

    def store(given: Mapping[str, Any]) -> bool:
        fields = {name: given[name] for name in SPECIALIZED_COLUMNS if name in given}
        if unknown := sorted(set(given) - set(SPECIALIZED_COLUMNS)):
            raise BadInput(_("There is no field “%(name)s”.") % {"name": unknown[0]}, field=unknown[0])
        if "default_model" in fields:
            fields["default_model"] = _model(models, fields["default_model"], "default_model")
        if "fallbacks" in fields:
            found = (_model(models, name, "fallbacks") for name in list_in(fields["fallbacks"]) or ())
            fields["fallbacks"] = [model for model in found if model]
        if "categories" in fields:
            fields["categories"] = list_in(fields["categories"])
        if "is_active" in fields:
            fields["is_active"] = flag_in(fields["is_active"])
        fields |= {name: None for name in ("temperature", "max_output_tokens") if fields.get(name) == ""}
        row = known.get(str(given.get("name", "")).strip().casefold())
        if row is None:
            made = specialized_ai_create(actor, **fields)
            known[made.name.casefold()] = made
        else:
            specialized_ai_update(actor, row, **fields)
        return row is None

    return store_all(rows, store)


def model_name(model: AIModel | None) -> str | None:
    return f"{model.provider.name}/{model.key}" if model else None


def _models_by_name(actor: Actor) -> dict[str, AIModel]:
    return {f"{model.provider.name}/{model.key}": model for model in models_visible(actor)}


def _model(models: Mapping[str, AIModel], name: Any, field: str) -> AIModel | None:
    if not name:
        return None
    if str(name) not in models:
        said = _("Your team has no model “%(name)s”. Add it, or take it out of the file.")
        raise BadInput(said % {"name": str(name)[:200]}, field=field)
    return models[str(name)]


# ── models and their prices ───────────────────────────────────────────────────────────────────────────────────────
def model_record(model: AIModel) -> dict[str, Any]:
    """A model with its prices, US dollars for a million tokens; empty: unknown."""
    plain = {name: getattr(model, name) for name in MODEL_COLUMNS if name not in ("provider", "model")}
    return {"provider": model.provider.name, "model": model.key, **plain}


def prices_import(actor: Actor, rows: list[dict[str, Any]]) -> Imported:
    """Set prices by hand, for models that are there: columns provider, model, and the prices. An empty cell leaves a price."""
    models = _models_by_name(actor)

    def store(given: Mapping[str, Any]) -> bool:
        model = _model(models, f"{given.get('provider', '')}/{given.get('model', '')}", "model")
        prices = {name: given[name] for name in BY_HAND if given.get(name) not in (None, "")}
        if not prices:
            raise BadInput(
                _("It has no price: there is a column for each of %(names)s.") % {"names": ", ".join(BY_HAND)}, field="model"
            )
        assert model is not None
        model_update(actor, model, **{name: str(value).replace(",", ".") for name, value in prices.items()})
        return False

    return store_all(rows, store)
