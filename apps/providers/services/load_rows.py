"""The rows of loads: taken up once, given signs of life, ended once; what came of it stands in the model's row, too."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime, timedelta
from functools import partial

from django.db import IntegrityError, transaction
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.common.db import again_after_deadlock
from apps.common.errors import BadInput, NotFound
from apps.common.said import gettext as _
from apps.providers.contract import LoadOptions, ModelInfo
from apps.providers.errors import NotSupported, ProviderError
from apps.providers.models import AIModel, ModelLoad
from apps.providers.services import bell
from apps.providers.services.breakers import model_failed, model_recovered
from apps.providers.services.states import changed, state_mark

LOST_AFTER_S = 20.0  # without a sign of life of its worker
NEVER_TAKEN_AFTER_S = 900.0
RECENT_S = 60.0  # a failure that is older says nothing of the load that is waited for
MOST_CONTEXT = 100_000_000
State = AIModel.State
LoadState = ModelLoad.State


def load_keep(actor: Actor, model: AIModel, context_length: int | None, options: LoadOptions, ring: bool) -> ModelLoad:
    """The load that was asked for, or the one of the model that is under way. Raises BadInput, and NotFound for a lost model."""
    if context_length is not None and not 0 < context_length <= MOST_CONTEXT:
        raise BadInput(_("The context is a number of tokens above zero."), field="context_length")
    said = {name: value for name, value in asdict(options).items() if value not in (None, False) or name in options.given}
    asked = {**said, **({"context_length": context_length} if context_length else {})}
    try:
        with transaction.atomic():
            load = ModelLoad.objects.create(team=actor.team, owner=actor.user, model=model, options=asked)
    except IntegrityError as error:
        under_way = ModelLoad.objects.filter(model=model).select_related("model__provider__key").order_by("-created_at").first()
        if under_way is None:  # the model is gone
            raise NotFound(_("There is no such model.")) from error
        return under_way  # it may have ended this very moment
    changed(actor.team.pk, models=[model.public_id])
    if ring:
        transaction.on_commit(partial(bell.ring, load.pk))
    return load


def load_take(load_id: int, worker: str) -> ModelLoad | None:
    """The load, which this worker alone carries out from now on; None where another has it, or it is over."""
    now = timezone.now()
    free = ModelLoad.objects.filter(pk=load_id, is_open=True, state=LoadState.QUEUED)
    if not free.update(state=LoadState.LOADING, worker=worker, started_at=now, alive_at=now, updated_at=now):
        return None
    load = ModelLoad.objects.select_related("model__provider__key").get(pk=load_id)
    state_mark(load.model, State.LOADING)
    return load


def load_is_unwanted(load: ModelLoad, progress: float | None) -> bool:
    """Give a sign of life, and say how far it is. True where it is over already or somebody gave it up."""
    now = timezone.now()
    news = {} if progress == load.progress else {"progress": progress}
    alive = ModelLoad.objects.filter(pk=load.pk, is_open=True).update(alive_at=now, updated_at=now, **news)
    if news:
        load.progress = progress
        changed(load.team_id, models=[load.model.public_id])
    return not alive or ModelLoad.objects.filter(pk=load.pk, is_unwanted=True).exists()


@again_after_deadlock
def load_succeeded(load: ModelLoad, model: AIModel, info: ModelInfo | None) -> None:
    load_end(load, LoadState.LOADED)
    model_is_loaded(model, info)


def model_is_loaded(model: AIModel, info: ModelInfo | None) -> None:
    """Keep that the model is in memory, with what its server says of that, and that it may be asked again."""
    details = info.details if info else {}
    state_mark(
        model,
        State.LOADED,
        memory_bytes=details.get("memory_bytes"),
        vram_bytes=details.get("vram_bytes"),
        loaded_context=info.context_window if info else None,
    )
    model_recovered(model)


@again_after_deadlock
def load_failed(load: ModelLoad, error: ProviderError) -> None:
    load_end(load, LoadState.FAILED, error.message)
    state_mark(load.model, State.AVAILABLE)
    if not isinstance(error, NotSupported):  # then nothing is wrong with the model
        model_failed(load.model, error)


@again_after_deadlock
def load_refused(load: ModelLoad, message: str) -> None:
    load_end(load, LoadState.FAILED, message)
    state_mark(load.model, State.AVAILABLE)


@again_after_deadlock
def load_cancelled(load: ModelLoad, message: str) -> None:
    load_end(load, LoadState.CANCELLED, message)
    state_mark(load.model, State.AVAILABLE)


def load_end(load: ModelLoad, state: str, message: str = "", *, only_from: str = "") -> bool:
    """End it with what came of it. False where it is over already or, with `only_from`, in another state."""
    now = timezone.now()
    rows = ModelLoad.objects.filter(pk=load.pk, is_open=True, **({"state": only_from} if only_from else {}))
    fields = {"state": state, "is_open": None, "message": message, "finished_at": now, "updated_at": now}
    if not rows.update(**fields):
        return False
    for field, value in fields.items():
        setattr(load, field, value)
    changed(load.team_id, models=[load.model.public_id])
    return True


def load_anew(load: ModelLoad) -> ModelLoad:
    """Its row as it is now, with its model and provider."""
    return ModelLoad.objects.select_related("model__provider__key").get(pk=load.pk)


def has_failed_lately(model: AIModel, since: datetime) -> bool:
    """The last load of it went wrong while somebody waited, or shortly before."""
    last = ModelLoad.objects.filter(model=model).order_by("-created_at").first()
    recent = since - timedelta(seconds=RECENT_S)
    return last is not None and last.state == LoadState.FAILED and bool(last.finished_at and last.finished_at > recent)


def loads_tidy() -> list[int]:
    """End the loads whose worker died, and give the keys of those that nobody has taken up yet."""
    now = timezone.now()
    opened = ModelLoad.objects.filter(is_open=True).select_related("model__provider__key")
    for load in opened.filter(state=LoadState.LOADING, alive_at__lt=now - timedelta(seconds=LOST_AFTER_S)):
        words = _("Whoever was loading it has died. Look whether its server has it, or load it again.")
        with transaction.atomic():
            if load_end(load, LoadState.FAILED, words, only_from=LoadState.LOADING):
                state_mark(load.model, State.AVAILABLE)
    for load in opened.filter(state=LoadState.QUEUED, created_at__lt=now - timedelta(seconds=NEVER_TAKEN_AFTER_S)):
        load_end(load, LoadState.FAILED, _("No worker was there to load it."), only_from=LoadState.QUEUED)
    return list(opened.filter(state=LoadState.QUEUED).order_by("pk").values_list("pk", flat=True))
