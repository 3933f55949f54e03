"""A local model that is not in memory is loaded before it is asked: with its progress told, and another offered instead.

Between two looks at the load, half a second apart, nothing of the database is held.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any

from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.models import Membership
from apps.chat import wire
from apps.chat.answering import Question
from apps.chat.models import Message
from apps.common.db import in_db
from apps.common.errors import Conflict, NotAllowed, OrquestradorError
from apps.common.said import gettext as _
from apps.providers.adapters import load_options_of
from apps.providers.errors import ProviderError
from apps.providers.models import AIModel, ModelLoad
from apps.providers.services import load_cancel, load_run, load_start
from apps.providers.services.loading import local_adapter
from apps.providers.services.states import state_mark
from apps.tasks.engine.routing.types import RoutedPrompt
from apps.tasks.runner.foresight import foresee
from apps.tasks.services.cache import cache_has

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.5
SEEN_FOR_S = 60.0  # a model that was in memory so short a time ago is believed to be there still
_seen: dict[int, float] = {}  # primary keys of models, and when each was last found in memory
Keep = Callable[[asyncio.Task[Any]], None]


@dataclass(frozen=True, slots=True)
class Made:
    """Who is to be asked: a public id, or "" to leave it to the route; and what is to be said about it."""

    forced_model: str
    notes: tuple[dict[str, Any], ...] = ()


async def made_ready(question: Question, prompt: RoutedPrompt, wanted: asyncio.Event, keep: Keep) -> Made:
    """Have the model that will be asked in memory, or say who answers instead.

    `wanted` is set when a person may have asked for the alternative. `keep` is given the load, which goes on when this answer
    no longer waits for it. A chosen model that cannot be loaded is an error; where auto chose it, another one answers and a
    note says why. Raises what `load_start` raises, and Conflict for a load that failed or was given up.
    """
    first, others = await in_db(_sleeping, question, prompt)
    if first is None or await _is_in_memory(first) or await cache_has(question.asker, prompt, first.family):
        return Made(prompt.forced_model)
    alternative = await _first_awake(others)
    try:
        took_alternative = await _loaded(question, first, alternative, wanted, keep)
    except (OrquestradorError, ProviderError) as error:
        if question.model is not None:
            raise
        words = _("“%(model)s” could not be loaded: %(why)s") % {"model": first, "why": error.message}
        note = {"code": "not_loaded", "name": str(first), "message": words}
        return Made(str(alternative.public_id) if alternative else "", (note,))
    finally:
        await asyncio.shield(in_db(_stage_end, question.message))
    if took_alternative and alternative is not None:
        words = _("“%(other)s” answered, so as not to wait for “%(model)s”.") % {"other": alternative, "model": first}
        return Made(str(alternative.public_id), ({"code": "alternative", "name": str(first), "message": words},))
    return Made(prompt.forced_model)


# ── Whether it has to be loaded ───────────────────────────────────────────────────────────────────────────────────
def _sleeping(question: Question, prompt: RoutedPrompt) -> tuple[AIModel | None, list[AIModel]]:
    """The model that will be asked if it may have to be loaded, and who could answer instead. One query where none may."""
    team = question.message.conversation.team_id
    ours = AIModel.objects.in_use().filter(provider__team=team, provider__is_local=True)
    if question.model is not None:
        ours = ours.filter(pk=question.model.pk)
    places = ours.values_list("pk", "state", "provider__kind")
    if all(load_options_of(kind) is None or _was_seen(pk, state) for pk, state, kind in places):
        return None, []
    first, others = foresee(question.asker, prompt)
    if first is None or not _is_loadable(first) or _was_seen(first.pk, first.state):
        return None, []
    return AIModel.objects.select_related("provider__key").get(pk=first.pk), others


def _is_loadable(row: AIModel) -> bool:
    return row.provider.is_local and load_options_of(row.provider.kind) is not None


def _was_seen(pk: int, state: str) -> bool:
    return state == AIModel.State.LOADED and time.monotonic() - _seen.get(pk, -SEEN_FOR_S) < SEEN_FOR_S


async def _is_in_memory(model: AIModel) -> bool:
    """As its server says now: many give the memory back by themselves. One that does not answer is asked all the same."""
    try:
        async with aclosing(local_adapter(model.provider.connection, str(model))) as adapter:
            found = any(info.key.casefold() == model.key.casefold() for info in await adapter.loaded())
    except ProviderError as error:
        log.info("%s does not say what it has in memory (%s)", model.provider, error)
        return True
    if found:
        _seen[model.pk] = time.monotonic()
        if model.state != AIModel.State.LOADED:
            await in_db(state_mark, model, AIModel.State.LOADED)
    return found


async def _first_awake(others: list[AIModel]) -> AIModel | None:
    """The first of them that can answer at once."""
    return next((row for row in others if not _is_loadable(row) or row.state == AIModel.State.LOADED), None)


# ── Loading it ────────────────────────────────────────────────────────────────────────────────────────────────────
async def _loaded(question: Question, model: AIModel, alternative: AIModel | None, wanted: asyncio.Event, keep: Keep) -> bool:
    """Load it, and tell how far it is. True when a person would rather have the alternative."""
    message = question.message
    actor = await in_db(_actor_of, message)
    load = await load_start(actor, model, ring=False)
    is_mine = load.owner_id == actor.user.pk and load.state == ModelLoad.State.QUEUED
    keep(asyncio.create_task(load_run(load.pk)))  # does nothing where somebody else is at it
    told: dict[str, Any] = {}
    try:
        while True:
            load, takes_alternative = await in_db(_look, load.pk, message.pk)
            if takes_alternative and alternative is not None:
                return True
            if not load.is_open:
                return _ended(load, model)
            stage = stage_json(load, model, alternative)
            if stage != told:
                await in_db(_stage_keep, message, stage)
                told = stage
            await _rest(wanted)
    except asyncio.CancelledError:
        if is_mine:
            await asyncio.shield(in_db(_give_up, actor, model, message))
        raise


def stage_json(load: ModelLoad, model: AIModel, alternative: AIModel | None) -> dict[str, Any]:
    """What an answer waits for, as messages tell it. `percent` None: the server does not say how far it is."""
    return {
        "name": "loading_model",
        "model": str(model),
        "percent": load.percent,
        "since": (load.started_at or load.created_at).isoformat(),
        "alternative": {"id": str(alternative.public_id), "name": str(alternative)} if alternative else None,
    }


def _ended(load: ModelLoad, model: AIModel) -> bool:
    if load.state != ModelLoad.State.LOADED:
        raise Conflict(load.message or _("Loading “%s” was given up.") % model)
    _seen[model.pk] = time.monotonic()
    return False


async def _rest(wanted: asyncio.Event) -> None:
    try:
        await asyncio.wait_for(wanted.wait(), LOOK_EVERY_S)
    except TimeoutError:
        pass
    wanted.clear()


# ── Rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def _actor_of(message: Message) -> Actor:
    team = message.conversation.team_id
    membership = Membership.objects.select_related("user", "team").filter(user=message.asked_by, team=team).first()
    if membership is None:
        raise NotAllowed(_("Whoever asked this is no longer in the team."))
    return Actor(membership.user, membership.team, membership.role)


def _look(load_pk: int, message_pk: int) -> tuple[ModelLoad, bool]:
    load = ModelLoad.objects.get(pk=load_pk)
    return load, Message.objects.filter(pk=message_pk, takes_alternative=True).exists()


def _stage_keep(message: Message, stage: dict[str, Any]) -> None:
    Message.objects.filter(pk=message.pk, status=Message.Status.STREAMING).update(stage=stage)
    wire.tell(message.conversation, "stage", message_id=str(message.public_id), stage=stage)


def _stage_end(message: Message) -> None:
    """The waiting is over."""
    waiting = Message.objects.filter(pk=message.pk)
    if waiting.values_list("stage", flat=True).first():
        waiting.update(stage={}, updated_at=timezone.now())
        wire.tell(message.conversation, "stage", message_id=str(message.public_id), stage=None)


def _give_up(actor: Actor, model: AIModel, message: Message) -> None:
    """The person stopped the answer for which this load was begun. It goes on where another answer waits for it, too."""
    others = Message.objects.filter(status=Message.Status.STREAMING, stage__model=str(model)).exclude(pk=message.pk)
    if others.exists():
        return
    try:
        load_cancel(actor, model)
    except Conflict as error:
        log.info("nothing was left to give up of the load of %s (%s)", model, error)
