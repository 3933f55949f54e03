"""Models that turn up by themselves: on servers of this machine, and in the lists of local providers, asked for now and then.

What a person asked for (a provider's list, a download) is added to the models at once. What is merely seen is a row of
`model_discovery` until somebody accepts or ignores it, so that nothing is routed to that nobody chose.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.common.db import again_after_deadlock, in_db
from apps.common.errors import Conflict, OrquestradorError
from apps.common.said import gettext as _
from apps.common.said import ngettext
from apps.providers.adapters import make_adapter
from apps.providers.addresses import is_same_place
from apps.providers.contract import CheckResult, LocalAdapter, ModelInfo
from apps.providers.discovery import Found, find_servers
from apps.providers.errors import NotSupported, ProviderError
from apps.providers.models import AIModel, ModelDiscovery, ModelSettings, Provider
from apps.providers.services.providers import check_store, must_work, provider_create
from apps.providers.services.states import changed
from apps.providers.services.sync import info_of, listing_store, model_from

ASK_WITHIN_S = 10.0
MOST_FOUND = 500  # models of one server that are kept
USUALLY_FRESH_S = 300
State = ModelDiscovery.State


# ── Looking ───────────────────────────────────────────────────────────────────────────────────────────────────────────
async def discover(actor: Actor) -> list[Found]:
    """The model servers that answer on this machine now and are not among the team's providers; their models are kept."""
    known = await in_db(_known_addresses, actor)
    found = [one for one in await find_servers() if not any(is_same_place(one.base_url, url) for url in known)]
    await in_db(_keep, actor, found)
    return found


async def listings_refresh(actor: Actor) -> None:
    """Ask the team's local providers what they have and what is in memory, all at once. Who does not answer is marked so."""
    await in_db(must_work, actor)
    rows = Provider.objects.filter(team=actor.team, is_local=True, status=Provider.Status.ACTIVE)
    rows = rows.select_related("key").order_by("pk")
    providers = await in_db(list, rows)
    await asyncio.gather(*(listing_refresh(provider) for provider in providers))


async def listings_refresh_due() -> int:
    """The same for every team's lists that are older than it wants; gives how many were asked for. One process does each."""
    due = await in_db(_due)
    await asyncio.gather(*(listing_refresh(provider) for provider in due))
    return len(due)


async def listing_refresh(provider: Provider) -> None:
    """What it has now: known models get their state, new ones become rows to accept. Never raises a ProviderError."""
    connection = replace(provider.connection, max_attempts=1, total_timeout_s=ASK_WITHIN_S)
    try:
        async with aclosing(make_adapter(connection)) as adapter:
            infos = await adapter.list_models()
            in_memory = await _loaded(adapter)
    except OrquestradorError as error:  # a kind whose package is gone, too
        await in_db(_silent, provider, error)
        return
    await in_db(_store, provider, infos, in_memory)


async def _loaded(adapter: object) -> list[ModelInfo] | None:
    """With what each takes, where the server can be asked for it."""
    if not isinstance(adapter, LocalAdapter):
        return None
    try:
        return await adapter.loaded()
    except NotSupported:
        return None


# ── Deciding ──────────────────────────────────────────────────────────────────────────────────────────────────────────
async def discovery_accept(actor: Actor, found: ModelDiscovery) -> AIModel:
    """Take it among the team's models; a server that was merely found becomes a provider first. Again changes nothing."""
    await in_db(must_work, actor)
    if found.provider is None:
        await in_db(_adopt_server, actor, found)
        assert found.provider
        await listing_refresh(found.provider)  # its list says more than that there is such a model
    return await in_db(_accept, actor, found)


def discovery_ignore(actor: Actor, found: ModelDiscovery) -> ModelDiscovery:
    """Offer it no more. It can be accepted later all the same."""
    actor.must_work()
    if found.state == State.ACCEPTED:
        raise Conflict(_("“%s” is among your models already. Switch it off there.") % found)
    found.state = State.IGNORED
    found.save(update_fields=["state", "updated_at"])
    changed(found.team_id, found_models=True)
    return found


# ── Rows ──────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _known_addresses(actor: Actor) -> list[str]:
    actor.must_manage()
    return list(Provider.objects.filter(team=actor.team).exclude(base_url="").values_list("base_url", flat=True))


@again_after_deadlock
def _keep(actor: Actor, found: Sequence[Found]) -> None:
    now = timezone.now()
    rows = [
        ModelDiscovery(
            team=actor.team,
            owner=actor.user,
            address=server.base_url,
            model_key=key,
            details={"kind": server.kind, "server": server.display_name, "preset": server.preset},
            found_at=now,
            seen_at=now,
        )
        for server in found
        for key in server.models[:MOST_FOUND]
        if 0 < len(key) <= 190 and len(server.base_url) <= 300
    ]
    if not rows:
        return
    addresses = {row.address for row in rows}
    ModelDiscovery.objects.bulk_create(rows, ignore_conflicts=True, batch_size=200)
    ModelDiscovery.objects.filter(team=actor.team, address__in=addresses).update(seen_at=now)
    changed(actor.team.pk, found_models=True)


def _due() -> list[Provider]:
    """Local providers whose list is old, each marked as asked for so that no other process asks as well."""
    now = timezone.now()
    fresh_s = dict(ModelSettings.objects.values_list("team_id", "listing_fresh_s"))
    rows = Provider.objects.filter(is_local=True, status=Provider.Status.ACTIVE).select_related("key")
    rows = rows.filter(
        Q(listed_at=None) | Q(listed_at__lt=now - timedelta(seconds=min(fresh_s.values(), default=USUALLY_FRESH_S)))
    )
    due = []
    for provider in rows:
        old = now - timedelta(seconds=fresh_s.get(provider.team_id, USUALLY_FRESH_S))
        if provider.listed_at is not None and provider.listed_at > old:
            continue
        if Provider.objects.filter(pk=provider.pk, listed_at=provider.listed_at).update(listed_at=now):
            due.append(provider)
    return due


def _store(provider: Provider, infos: list[ModelInfo], in_memory: list[ModelInfo] | None) -> None:
    listing_store(provider, infos, accepts_new=False, in_memory=in_memory)
    if provider.last_check_ok is False:
        said = ngettext("Answers, and lists %(count)d model.", "Answers, and lists %(count)d models.", len(infos))
        check_store(provider, CheckResult(ok=True, message=said % {"count": len(infos)}, models=len(infos)))


def _silent(provider: Provider, error: OrquestradorError) -> None:
    """Nothing is known of its memory any more."""
    Provider.objects.filter(pk=provider.pk).update(listed_at=timezone.now())
    if isinstance(error, ProviderError):
        check_store(provider, CheckResult(ok=False, message=error.message, error_code=error.code))
    gone = provider.models.filter(state=AIModel.State.LOADED)
    models = list(gone.values_list("public_id", flat=True))
    gone.update(state=AIModel.State.UNKNOWN, memory_bytes=None, vram_bytes=None, loaded_context=None, updated_at=timezone.now())
    changed(provider.team_id, models=models)


@transaction.atomic
def _adopt_server(actor: Actor, found: ModelDiscovery) -> None:
    """The provider at the address of this find, made if need be; all that was found there is found at it from now on."""
    assert found.address
    address = found.address
    rows = Provider.objects.filter(team=actor.team).exclude(base_url="")
    provider = next((one for one in rows if is_same_place(one.base_url, address)), None)
    if provider is None:
        kind, name = found.details["kind"], found.details.get("server", "")
        provider = provider_create(actor, kind=kind, display_name=name or address, base_url=address, is_local=True)
    here = ModelDiscovery.objects.filter(team=actor.team, address=address)
    known = provider.discoveries.values_list("model_key", flat=True)
    here.filter(model_key__in=list(known)).exclude(pk=found.pk).delete()
    here.update(provider=provider, address=None)
    found.provider, found.address = provider, None


@transaction.atomic
def _accept(actor: Actor, found: ModelDiscovery) -> AIModel:
    found.refresh_from_db()
    assert found.provider
    actor.must_own(found.provider.owner_id)
    model = found.provider.models.filter(key__iexact=found.model_key).first()
    if model is None:
        model = model_from(found.provider, info_of(found.model_key, found.details))
        model.save()
    if found.state != State.ACCEPTED:
        found.state = State.ACCEPTED
        found.save(update_fields=["state", "updated_at"])
        changed(found.team_id, models=[model.public_id], found_models=True)
    return model
