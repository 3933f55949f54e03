"""Changing models by hand."""

from __future__ import annotations

from typing import Any

from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.db import again_after_deadlock
from apps.common.errors import BadInput, Conflict
from apps.providers.families import MAX_LENGTH, family_of
from apps.providers.models import AIModel, Provider
from apps.providers.services import checks
from apps.providers.services.checks import FieldErrors
from apps.providers.services.prices import BY_HAND, COLUMNS, prices_set_by

_CHANGEABLE = ("display_name", "family", "tier", "capabilities", "context_window", "is_active", "accepts", *BY_HAND)


def model_create(actor: Actor, provider: Provider, *, key: str, **fields: Any) -> AIModel:
    """A model that the provider does not list. Takes the fields of model_update; raises BadInput by field."""
    actor.must_own(provider.owner_id)
    errors = FieldErrors()
    model = AIModel(provider=provider, key=checks.text(key, "key", errors, most=190, required=True))
    model.display_name = model.key
    model.family = family_of(model.key)
    model.capabilities = ["chat"]
    model.tier = "local" if provider.is_local else "fast"
    _apply(actor, model, fields, errors)
    errors.raise_if_any()
    taken = BadInput(_("%(provider)s has a model “%(key)s” already.") % {"provider": provider, "key": model.key}, field="key")
    if provider.models.filter(key__iexact=model.key).exists():
        raise taken
    try:
        with transaction.atomic():
            model.save()
    except IntegrityError as error:
        raise taken from error
    return model


def model_update(actor: Actor, model: AIModel, **changes: Any) -> AIModel:
    """Change any of display_name, family, tier, capabilities, context_window, is_active, accepts (as in `contract.ACCEPTS`),
    price_input, price_output, price_cached, price_cache_write, price_cache_write_1h.

    Prices are US dollars for a million tokens, 0 for free, None for unknown; `price_reset` goes back to the file's.
    What is set here no sync changes. Raises BadInput by field.
    """
    actor.must_own(model.provider.owner_id)
    errors = FieldErrors()
    _apply(actor, model, changes, errors)
    errors.raise_if_any()
    written = {*changes, "human_edits", "updated_at"} | (set(COLUMNS) if set(changes) & set(BY_HAND) else set())
    model.save(update_fields=written)  # its state is another's to write: a load that ends meanwhile, or a sync
    return model


def model_delete(actor: Actor, model: AIModel) -> None:
    """Remove it. If the provider still lists it, the next sync brings it back; to keep it out, switch it off."""
    actor.must_own(model.provider.owner_id)
    if model.is_practice:
        raise Conflict(_("Practice models belong to the product. Switch them off instead."))
    again_after_deadlock(AIModel.objects.filter(pk=model.pk).delete)()


def _apply(actor: Actor, model: AIModel, changes: dict[str, Any], errors: FieldErrors) -> None:
    checks.unknown_fields(changes, _CHANGEABLE, errors)
    for field, value in changes.items():
        match field:
            case "display_name":
                model.display_name = checks.text(value, field, errors, most=190, required=True)
            case "family":
                model.family = checks.text(value, field, errors, most=MAX_LENGTH, required=True).lower()
            case "tier":
                model.tier = checks.tier(value, errors)
            case "capabilities":
                model.capabilities = checks.capabilities(value, errors)
            case "accepts":
                model.accepts = checks.accepts(value, errors)
            case "context_window":
                model.context_window = checks.whole_number(value, field, errors)
            case "is_active":
                model.is_active = bool(value)
            case _ if field in BY_HAND:
                setattr(model, field, checks.price(value, field, errors))
    model.human_edits = sorted({*model.human_edits, *changes})
    if set(changes) & set(BY_HAND):
        prices_set_by(actor, model)
