"""What state models are in, and telling everybody who watches when it changes."""

from __future__ import annotations

from collections.abc import Iterable
from functools import partial
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from apps.accounts.models import Team
from apps.common import live
from apps.providers.models import AIModel

HINT_TYPE = "models:changed"  # read by web processes, which tell pages and programs "model:update"
LIVE_TYPE = "model:update"
State = AIModel.State
_GONE: dict[str, Any] = {"memory_bytes": None, "vram_bytes": None, "loaded_context": None}


def state_mark(model: AIModel, state: str, **facts: Any) -> None:
    """Its new state; `facts` are memory_bytes, vram_bytes and loaded_context, which nothing outside memory has."""
    given = facts if state == State.LOADED else {**_GONE, **facts}
    model.state = state
    for field, value in given.items():
        setattr(model, field, value)
    state_store(model, "state", *given)


def answered(model: AIModel) -> None:
    """A model of our own machines has just answered: whoever loaded it, it is in memory now. A server may load by itself."""
    if model.provider.is_local and model.state in (State.UNKNOWN, State.AVAILABLE):
        state_mark(model, State.LOADED)


def state_store(model: AIModel, *fields: str) -> None:
    AIModel.objects.filter(pk=model.pk).update(**{field: getattr(model, field) for field in fields}, updated_at=timezone.now())
    changed(model.provider.team_id, models=[model.public_id])


def changed(team_id: int, *, models: Iterable[UUID] = (), downloads: Iterable[UUID] = (), found_models: bool = False) -> None:
    """Say, once this is committed, that these have changed; web processes read them for whoever has a page open."""
    hint = {"models": [str(one) for one in models], "downloads": [str(one) for one in downloads], "found": found_models}
    if not (hint["models"] or hint["downloads"] or found_models):
        return
    public_id = Team.objects.values_list("public_id", flat=True).get(pk=team_id)
    transaction.on_commit(partial(live.publish, topic_of(public_id), HINT_TYPE, hint))


def topic_of(team: UUID) -> str:
    """Where everything about the models of a team is told."""
    return f"models:{team}"
