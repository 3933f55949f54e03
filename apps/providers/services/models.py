"""Changing models: by hand, by loading and unloading them, and by what happens when they are asked."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from datetime import timedelta
from typing import Any

from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.db import in_db
from apps.common.errors import BadInput, Conflict, OrquestradorError
from apps.providers.adapters import make_adapter
from apps.providers.contract import Connection, LocalAdapter
from apps.providers.errors import NotSupported, ProviderError
from apps.providers.families import MAX_LENGTH, family_of
from apps.providers.models import AIModel, Provider
from apps.providers.services import checks
from apps.providers.services.checks import FieldErrors
from apps.providers.services.providers import must_work

_PRICES = ("price_input", "price_output", "price_cached")
_CHANGEABLE = ("display_name", "family", "tier", "capabilities", "context_window", "is_active", *_PRICES)
FAILED_FOR_S = 60.0
LOOK_EVERY_S = 0.5  # while waiting for a load
State = AIModel.State


def model_create(actor: Actor, provider: Provider, *, key: str, **fields: Any) -> AIModel:
    """A model that the provider does not list. Takes the fields of model_update; raises BadInput by field."""
    actor.must_own(provider.owner_id)
    errors = FieldErrors()
    model = AIModel(provider=provider, key=checks.text(key, "key", errors, most=190, required=True))
    model.display_name = model.key
    model.family = family_of(model.key)
    model.capabilities = ["chat"]
    model.tier = "local" if provider.is_local else "fast"
    _apply(model, fields, errors)
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
    """Change any of display_name, family, tier, capabilities, context_window, is_active, price_input, price_output, price_cached.

    Prices are US dollars for a million tokens, None for unknown. What is set here no sync changes. Raises BadInput by field.
    """
    actor.must_own(model.provider.owner_id)
    errors = FieldErrors()
    _apply(model, changes, errors)
    errors.raise_if_any()
    model.save()
    return model


def model_delete(actor: Actor, model: AIModel) -> None:
    """Remove it. If the provider still lists it, the next sync brings it back; to keep it out, switch it off."""
    actor.must_own(model.provider.owner_id)
    if model.is_practice:
        raise Conflict(_("Practice models belong to the product. Switch them off instead."))
    model.delete()


async def model_load(actor: Actor, model: AIModel, *, context_length: int | None = None) -> AIModel:
    """Have its server load it, and wait until it has. Raises Conflict where the provider cannot do that, or ProviderError."""
    await in_db(must_work, actor)
    await in_db(_mark, model, State.LOADING)
    try:
        async with aclosing(_local_adapter(model)) as adapter:
            await adapter.load(model.key, context_length=context_length)
    except NotSupported:  # nothing is wrong with the model
        await in_db(_mark, model, State.AVAILABLE)
        raise
    except ProviderError as error:
        await in_db(model_failed, model, error)
        raise
    except BaseException:  # also when the person goes away: nobody knows then how far it got
        await in_db(_mark, model, State.AVAILABLE)
        raise
    await in_db(model_recovered, model)
    await in_db(_mark, model, State.LOADED)
    return model


async def model_unload(actor: Actor, model: AIModel) -> AIModel:
    """Have its server give back the memory. Raises Conflict where the provider cannot do that, or ProviderError."""
    await in_db(must_work, actor)
    async with aclosing(_local_adapter(model)) as adapter:
        await adapter.unload(model.key)
    await in_db(_mark, model, State.AVAILABLE)
    return model


async def model_wait(actor: Actor, model: AIModel, *, timeout_s: float = 60.0) -> AIModel:
    """Wait until its server has it in memory, at most `timeout_s`; whoever loads it. Its `state` says what came of it.

    Ends early when a load of it fails. Raises Conflict where the provider does not load, or ProviderError.
    """
    await in_db(must_work, actor)
    deadline = time.monotonic() + timeout_s
    async with aclosing(_local_adapter(model)) as adapter:
        while True:
            if model.key in [info.key for info in await adapter.loaded()]:
                await in_db(model_recovered, model)
                await in_db(_mark, model, State.LOADED)
                return model
            await in_db(model.refresh_from_db, fields=["state", "last_error", "failed_until"])
            if model.state == State.LOADED:  # it was, and is no longer
                await in_db(_mark, model, State.AVAILABLE)
            if model.state == State.FAILED or time.monotonic() >= deadline:
                return model
            await asyncio.sleep(min(LOOK_EVERY_S, max(0.0, deadline - time.monotonic())))


def model_failed(model: AIModel, error: OrquestradorError | str, *, for_s: float = FAILED_FOR_S) -> None:
    """Remember that it failed and why; it is left out of routing for `for_s` seconds."""
    model.state = State.FAILED
    model.last_error = error.message if isinstance(error, OrquestradorError) else str(error)
    model.failed_until = timezone.now() + timedelta(seconds=for_s)
    _store(model, "state", "last_error", "failed_until")


def model_recovered(model: AIModel) -> None:
    """It answered: forget an earlier failure."""
    model.last_error, model.failed_until = "", None
    fields = {"state": State.AVAILABLE, "last_error": "", "failed_until": None, "updated_at": timezone.now()}
    if AIModel.objects.filter(pk=model.pk, state=State.FAILED).update(**fields):
        model.state = State.AVAILABLE


def _apply(model: AIModel, changes: dict[str, Any], errors: FieldErrors) -> None:
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
            case "context_window":
                model.context_window = checks.whole_number(value, field, errors)
            case "is_active":
                model.is_active = bool(value)
            case "price_input" | "price_output" | "price_cached":
                setattr(model, field, checks.price(value, field, errors))
    edited = set(model.human_edits) | set(changes)
    if edited & set(_PRICES):  # one price by hand makes all of them a person's business
        edited |= {*_PRICES, "price_long_prompt", "price_source"}
    if set(changes) & set(_PRICES):
        model.price_long_prompt, model.price_source = None, _("set by hand")
    model.human_edits = sorted(edited)


def _local_adapter(model: AIModel) -> LocalAdapter:
    """Its provider's adapter, which must be one that loads and unloads."""
    message = _("%(provider)s decides by itself what it keeps in memory; “%(model)s” cannot be loaded or unloaded from here.")
    return local_adapter(model.provider.connection, message % {"provider": model.provider, "model": model})


def local_adapter(connection: Connection, refusal: str) -> LocalAdapter:
    """Its adapter, to be closed by the caller; Conflict with these words where it is none of a local server."""
    adapter = make_adapter(connection)
    if not isinstance(adapter, LocalAdapter):
        raise Conflict(refusal)
    return adapter


def _mark(model: AIModel, state: str) -> None:
    model.state = state
    _store(model, "state")


def _store(model: AIModel, *fields: str) -> None:
    AIModel.objects.filter(pk=model.pk).update(**{field: getattr(model, field) for field in fields}, updated_at=timezone.now())
