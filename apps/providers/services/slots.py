"""Places for calls: how many a provider answers at once, counted for all processes together.

A place is a row that its holder renews; a killed process renews nothing, so its places are void soon. Rows of providers are
locked while places are counted, so that two processes never take the last one together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from apps.common.db import again_after_deadlock
from apps.providers.models import AIModel, CallSlot, Provider

# Renewed three times before it is void: two renewals may be lost to a database that is busy.
SLOT_TTL_S = 45.0
RENEW_EVERY_S = 15.0


@dataclass(frozen=True, slots=True)
class Place:
    """A place that was taken. `busy` calls were under way at its provider already."""

    slot_id: int
    server: AIModel
    busy: int


def needs_slot(servers: Sequence[AIModel]) -> bool:
    """Whether calls to these are counted.

    They are where there is a limit, or a choice to be made by who is least busy, or a model that could be unloaded meanwhile.
    """
    return len(servers) > 1 or any(one.provider.max_concurrent is not None or one.provider.is_local for one in servers)


@again_after_deadlock
def slot_take(servers: Sequence[AIModel], *, waiting_id: int | None = None) -> Place | None:
    """A place at the least busy of these servers, measured by their weights; None when all are full.

    Among equals: the heavier one, one that has the model in memory, then the providers' order. `waiting_id` is the row under
    which the caller waited; it becomes the place.
    """
    now = timezone.now()
    locked = Provider.objects.select_for_update().filter(pk__in={s.provider_id for s in servers}).order_by("pk")
    limits = {provider.pk: provider for provider in locked}
    busy = _busy(limits)
    free = [s for s in servers if s.provider_id in limits and _has_room(limits[s.provider_id], busy[s.provider_id])]
    if not free:
        return None
    chosen = min(free, key=lambda s: _rank(s, limits[s.provider_id], busy[s.provider_id]))
    expires_at = now + timedelta(seconds=SLOT_TTL_S)
    about = {"provider_id": chosen.provider_id, "model": chosen, "is_waiting": False, "expires_at": expires_at}
    if waiting_id is None or not CallSlot.objects.filter(pk=waiting_id).update(**about):
        waiting_id = CallSlot.objects.create(**about).pk
    return Place(waiting_id, chosen, busy[chosen.provider_id])


def slot_wait(server: AIModel) -> int:
    """Be seen waiting for a place at this server. Gives the row, for `slot_take`."""
    expires_at = timezone.now() + timedelta(seconds=SLOT_TTL_S)
    return CallSlot.objects.create(provider_id=server.provider_id, model=server, is_waiting=True, expires_at=expires_at).pk


def slot_renew(slot_ids: Collection[int]) -> None:
    CallSlot.objects.filter(pk__in=slot_ids).update(expires_at=timezone.now() + timedelta(seconds=SLOT_TTL_S))


def slot_free(slot_ids: Collection[int]) -> None:
    CallSlot.objects.filter(pk__in=slot_ids).delete()


def _busy(providers: Collection[int]) -> Counter[int]:
    """Calls under way at each; rows that nobody renewed are removed."""
    now = timezone.now()
    rows = CallSlot.objects.filter(provider__in=providers).values_list("pk", "provider_id", "is_waiting", "expires_at")
    busy: Counter[int] = Counter()
    void = []
    for pk, provider_id, is_waiting, expires_at in rows:
        if expires_at <= now:
            void.append(pk)
        elif not is_waiting:
            busy[provider_id] += 1
    if void:
        CallSlot.objects.filter(pk__in=void, expires_at__lte=now).delete()
    return busy


def _has_room(provider: Provider, busy: int) -> bool:
    return not provider.max_concurrent or busy < provider.max_concurrent


def _rank(server: AIModel, provider: Provider, busy: int) -> tuple:
    is_cold = server.provider.is_local and server.state != AIModel.State.LOADED
    return ((busy + 1) / max(provider.weight, 1), is_cold, provider.priority, provider.name, server.pk)
