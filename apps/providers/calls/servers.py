"""The servers of a model: the providers of one balance group that have a model of the same key, each with its breakers.

Read in one query, and believed for a second: under load a process asks the database once a second for each model, not once for
each call. What another process learned is known here after that second at the latest.
"""

from __future__ import annotations

import time
from typing import NamedTuple
from uuid import UUID

from django.db.models import Q

from apps.providers.models import AIModel, Breaker, Provider
from apps.providers.services.slots import needs_slot

FRESH_S = 1.0
MOST_KEPT = 2_000


class _Known(NamedTuple):
    read_at: float
    servers: list[AIModel]
    sole: AIModel | None  # the only one, where nothing has failed of it and its calls are not counted


_NOTHING = _Known(0.0, [], None)
_known: dict[UUID, _Known] = {}


def servers_of(model: AIModel) -> list[AIModel]:
    """The model's row at each of its servers, with provider and breakers; only itself when it is in no group. At most one query.

    Empty when the model was removed. `model` needs its provider loaded.
    """
    known = _known.get(model.public_id, _NOTHING)
    if time.monotonic() - known.read_at > FRESH_S:
        return read_anew(model)
    return known.servers


def read_anew(model: AIModel) -> list[AIModel]:
    """`servers_of`, whatever is known already. One query."""
    read_at, found = time.monotonic(), _read(model)
    is_plain = len(found) == 1 and not found[0].breakers and not needs_slot(found)
    if len(_known) >= MOST_KEPT:
        _known.clear()
    _known[model.public_id] = _Known(read_at, found, found[0] if is_plain else None)
    return found


def sole_server_known(model: AIModel) -> AIModel | None:
    """The one server of a model, where that was read a moment ago, nothing has failed of it, and it needs no place. No query."""
    known = _known.get(model.public_id, _NOTHING)
    return known.sole if time.monotonic() - known.read_at <= FRESH_S else None


def is_ageing(model: AIModel) -> bool:
    """What is known of its servers is soon too old."""
    return time.monotonic() - _known.get(model.public_id, _NOTHING).read_at > FRESH_S / 2


def forget(*models: AIModel) -> None:
    """Read anew at the next call."""
    for model in models:
        _known.pop(model.public_id, None)


def forget_all() -> None:
    _known.clear()


def held_back_by(server: AIModel) -> list[Breaker]:
    """The breakers that are not closed, of the server's provider and of its model. No query."""
    return [breaker for breaker in server.breakers if breaker.state != Breaker.State.CLOSED]


def _read(model: AIModel) -> list[AIModel]:
    which = Q(pk=model.pk)
    if model.provider.balance_group:
        group = Q(provider__team=model.provider.team_id, provider__balance_group=model.provider.balance_group)
        which |= group & Q(key=model.key, is_active=True, provider__status=Provider.Status.ACTIVE)
    rows = [row for row in AIModel.objects.with_breakers().filter(which) if row.pk == model.pk or row.state != row.State.INACTIVE]
    in_use = [row for row in rows if row.is_active and row.provider.is_active and row.state != row.State.INACTIVE]
    return in_use or [row for row in rows if row.pk == model.pk]
