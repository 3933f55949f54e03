"""Loading and unloading models: in the background with progress, one after the other on each host, with a look at the memory.

A load is a row (`ai_model_loads`). Whoever takes the row up, a worker or a request that waits for it, gives signs of life while
it is at it; a row without them was left by a process that died, and `loads_tidy` ends it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager
from typing import Any

from django.db import DatabaseError
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.common.db import in_db
from apps.common.errors import Conflict, OrquestradorError
from apps.common.machine import holder
from apps.common.said import gettext as _
from apps.common.said import ngettext
from apps.providers.adapters import load_options_of, make_adapter
from apps.providers.adapters.lmstudio.locks import held, lock_file, usual_folder
from apps.providers.contract import NO_OPTIONS, Connection, LoadOptions, LocalAdapter, ModelInfo
from apps.providers.errors import LoadUnderWay, ModelInUse, NotSupported, ProviderError, ProviderTimeout
from apps.providers.models import AIModel, ModelLoad
from apps.providers.services.fitting import in_flight_models, must_fit
from apps.providers.services.load_rows import (
    has_failed_lately,
    load_anew,
    load_cancelled,
    load_end,
    load_failed,
    load_is_unwanted,
    load_keep,
    load_refused,
    load_succeeded,
    load_take,
    model_is_loaded,
)
from apps.providers.services.providers import must_work
from apps.providers.services.states import changed, state_mark

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5  # how soon a load that is no longer wanted is given up; how often progress is kept
State = AIModel.State
LoadState = ModelLoad.State


# ── What people ask for ───────────────────────────────────────────────────────────────────────────────────────────────
async def model_load(
    actor: Actor, model: AIModel, *, context_length: int | None = None, options: LoadOptions = NO_OPTIONS
) -> AIModel:
    """Have its server load it, and wait until it has.

    Raises Conflict where the provider cannot do that, DoesNotFit, ProviderError, or Conflict when somebody gave the load up.
    """
    load = await load_start(actor, model, context_length=context_length, options=options, ring=False)
    if error := await load_run(load.pk):
        raise error
    load = await in_db(load_anew, load)
    while load.is_open:  # somebody else had begun it
        await asyncio.sleep(LOOK_EVERY_S)
        load = await in_db(load_anew, load)
    await in_db(model.refresh_from_db)
    if load.state != LoadState.LOADED:
        raise Conflict(load.message or _("Loading “%s” was given up.") % model)
    return model


async def load_start(
    actor: Actor,
    model: AIModel,
    *,
    context_length: int | None = None,
    options: LoadOptions = NO_OPTIONS,
    ring: bool = True,
) -> ModelLoad:
    """Have it loaded by a worker. A load of it that is under way already is given back as it is.

    Raises Conflict where the provider cannot do that, NotSupported for an option that its server does not take, DoesNotFit.
    """
    await in_db(must_work, actor)
    await in_db(must_load, model, options)
    await in_db(must_fit, model, context_length=context_length, options=options)
    return await in_db(load_keep, actor, model, context_length, options, ring)


def load_cancel(actor: Actor, model: AIModel) -> ModelLoad:
    """Give up the load of it that is under way; whoever is at it sees to it within half a second. Conflict when there is none."""
    actor.must_work()
    load = ModelLoad.objects.filter(model=model, is_open=True).first()
    if load is None:
        raise Conflict(_("“%s” is not being loaded.") % model)
    if load_end(load, LoadState.CANCELLED, only_from=LoadState.QUEUED):  # nobody has begun it
        return load
    ModelLoad.objects.filter(pk=load.pk).update(is_unwanted=True, updated_at=timezone.now())
    load.is_unwanted = True
    changed(load.team_id, models=[model.public_id])
    return load


async def model_unload(actor: Actor, model: AIModel, *, force: bool = False) -> AIModel:
    """Have its server give back the memory.

    Raises ModelInUse when it is answering (with `force` it is unloaded all the same, and those answers break off),
    LoadUnderWay, Conflict where the provider cannot do that, or ProviderError.
    """
    await in_db(must_work, actor)
    await in_db(_must_be_idle, model, force)
    async with aclosing(_local_adapter(model)) as adapter:
        await adapter.unload(model.key)
    await in_db(state_mark, model, State.AVAILABLE)
    return model


async def model_wait(actor: Actor, model: AIModel, *, timeout_s: float = 60.0) -> AIModel:
    """Wait until its server has it in memory, at most `timeout_s`; whoever loads it. Its `state` says what came of it.

    Ends early when a load of it fails. Raises Conflict where the provider does not load, or ProviderError.
    """
    await in_db(must_work, actor)
    began, deadline = timezone.now(), time.monotonic() + timeout_s
    async with aclosing(_local_adapter(model)) as adapter:
        while True:
            if info := _named(await adapter.loaded(), model.key):
                await in_db(model_is_loaded, model, info)
                return model
            await in_db(model.refresh_from_db, fields=["state"])
            if model.state == State.LOADED:  # it was, and is no longer
                await in_db(state_mark, model, State.AVAILABLE)
            if await in_db(has_failed_lately, model, began) or time.monotonic() >= deadline:
                return model
            await asyncio.sleep(min(LOOK_EVERY_S, max(0.0, deadline - time.monotonic())))


# ── Doing it ──────────────────────────────────────────────────────────────────────────────────────────────────────────
async def load_run(load_id: int, *, worker: str = "") -> OrquestradorError | None:
    """Take this load up, unless another has, and see it to its end. Gives what went wrong, which the row keeps in words."""
    load = await in_db(load_take, load_id, worker or holder())
    if load is None:
        return None
    model, seen = load.model, _Progress()
    work = asyncio.create_task(_load(load, seen))
    try:
        await _attend(load, work, seen)
        info = await work
    except asyncio.CancelledError:
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)
        await _give_up(load)
        if not load.is_unwanted:  # it is we who have to end
            raise
    except ProviderError as error:
        await in_db(load_failed, load, error)
        return error
    except OrquestradorError as error:
        await in_db(load_refused, load, error.message)
        return error
    except Exception:
        await in_db(load_refused, load, _("Loading it ended unexpectedly. It was logged."))
        raise
    else:
        await in_db(load_succeeded, load, model, info)
    return None


async def _load(load: ModelLoad, seen: _Progress) -> ModelInfo | None:
    model = load.model
    asked = dict(load.options)
    context_length, options = asked.pop("context_length", None), LoadOptions(**asked)
    async with _in_line(model), aclosing(_local_adapter(model)) as adapter:
        await in_db(must_fit, model, context_length=context_length, options=options)  # others were before us
        more = {"options": options} if options != NO_OPTIONS else {}
        await adapter.load(model.key, context_length=context_length, on_progress=seen.say, **more)
        return _named(await adapter.loaded(), model.key)


@asynccontextmanager
async def _in_line(model: AIModel) -> AsyncIterator[None]:
    """One load at a time on each host, whichever process does it, so that each finds the memory as the one before left it."""
    connection = model.provider.connection
    async with contextlib.AsyncExitStack() as line:
        try:
            file = lock_file(usual_folder(), connection.base_url or f"http://{connection.kind}", "\n")
            await line.enter_async_context(held(file, timeout_s=connection.total_timeout_s))
        except TimeoutError as error:
            words = {"provider": model.provider, "seconds": connection.total_timeout_s}
            raise ProviderTimeout(_("%(provider)s was still loading another model after %(seconds)g s.") % words) from error
        yield


async def _attend(load: ModelLoad, work: asyncio.Task[Any], seen: _Progress) -> None:
    """Gives signs of life and keeps the progress until the work is done, or nobody wants it any more."""
    while not work.done():
        await asyncio.wait({work}, timeout=LOOK_EVERY_S)
        try:
            is_unwanted = not work.done() and await in_db(load_is_unwanted, load, seen.value)
        except DatabaseError as error:
            log.warning("the database does not answer (%s); trying again", error)
            continue
        if is_unwanted:
            load.is_unwanted = True
            raise asyncio.CancelledError


async def _give_up(load: ModelLoad) -> None:
    """Leaves nothing of it in memory, and the row says so. Runs to its end, also when whoever waits has gone."""
    await asyncio.shield(asyncio.ensure_future(_clean_up(load)))


async def _clean_up(load: ModelLoad) -> None:
    message = ""
    try:
        async with aclosing(_local_adapter(load.model)) as adapter:
            cancel = getattr(adapter, "load_cancel", adapter.unload)
            await cancel(load.model.key)
    except ProviderError as error:
        message = _("It was given up, but its server may still load it: %s") % error.message
    await in_db(load_cancelled, load, message)


class _Progress:
    """The last that a server said of how far it is."""

    def __init__(self) -> None:
        self.value: float | None = None

    def say(self, value: float) -> None:
        self.value = min(1.0, max(0.0, value))


# ── What must hold ────────────────────────────────────────────────────────────────────────────────────────────────────
def must_load(model: AIModel, options: LoadOptions = NO_OPTIONS) -> None:
    """Conflict where its server loads nothing for others, NotSupported for an option that it has no word for."""
    known = load_options_of(model.provider.kind)
    if known is None:
        raise Conflict(_decides_itself(model))
    if unknown := sorted(set(options.given) - known):
        words = {"provider": model.provider, "options": ", ".join(unknown)}
        raise NotSupported(_("%(provider)s cannot be told how to load a model by: %(options)s. Leave that out.") % words)


def _must_be_idle(model: AIModel, force: bool) -> None:
    must_load(model)
    if ModelLoad.objects.filter(model=model, is_open=True).exists():
        raise LoadUnderWay(_("“%s” is being loaded just now. Give that up first.") % model)
    calls = in_flight_models([model.pk]).get(model.pk, 0)
    if calls and not force:
        said = ngettext(
            "“%(model)s” is answering %(n)d call just now. Unloading it would break that off.",
            "“%(model)s” is answering %(n)d calls just now. Unloading it would break them off.",
            calls,
        )
        raise ModelInUse(said % {"model": model, "n": calls} + " " + _("Wait for it, or unload it all the same."), calls=calls)


def _named(infos: list[ModelInfo], key: str) -> ModelInfo | None:
    return next((info for info in infos if info.key.casefold() == key.casefold()), None)


def _local_adapter(model: AIModel) -> LocalAdapter:
    """Its provider's adapter, which must be one that loads and unloads."""
    return local_adapter(model.provider.connection, _decides_itself(model))


def _decides_itself(model: AIModel) -> str:
    message = _("%(provider)s decides by itself what it keeps in memory; “%(model)s” cannot be loaded or unloaded from here.")
    return message % {"provider": model.provider, "model": model}


def local_adapter(connection: Connection, refusal: str) -> LocalAdapter:
    """Its adapter, to be closed by the caller; Conflict with these words where it is none of a local server."""
    adapter = make_adapter(connection)
    if not isinstance(adapter, LocalAdapter):
        raise Conflict(refusal)
    return adapter
