"""Having a local server fetch a model, and keeping how far it is."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from itertools import groupby

from django.conf import settings
from django.db.models import Q
from django.urls import reverse
from django.utils import timezone, translation

from apps.accounts.actor import Actor
from apps.accounts.services import notify
from apps.common.db import in_db
from apps.common.errors import OrquestradorError
from apps.common.said import gettext as _
from apps.providers.adapters import load_options_of
from apps.providers.contract import Download, DownloadProgress, LocalAdapter, ModelInfo
from apps.providers.errors import BadRequest, ProviderError
from apps.providers.models import ModelDownload, Provider
from apps.providers.services import checks
from apps.providers.services.checks import FieldErrors
from apps.providers.services.integrity import download_checks, verdict
from apps.providers.services.loading import local_adapter
from apps.providers.services.providers import must_work
from apps.providers.services.states import changed
from apps.providers.services.sync import listing_store

ASKED_AGAIN_AFTER = timedelta(seconds=1)  # however many people watch
ASK_WITHIN_S = 10.0
State = ModelDownload.State
_PROGRESS = ("state", "downloaded_bytes", "total_bytes", "bytes_per_second", "last_error", "checked_at", "updated_at")
_FINISHED = (State.COMPLETED, State.ALREADY_DOWNLOADED)


def fetches_models(provider: Provider) -> bool:
    """Whether its kind of server can be told to fetch a model, as far as that is known without asking it."""
    return load_options_of(provider.kind) is not None


async def download_start(actor: Actor, provider: Provider, *, name: str, quantization: str = "") -> ModelDownload:
    """Have the provider fetch a model. A download of its that is under way already is given back as it is.

    Raises Conflict where the provider fetches none, BadInput by field, or ProviderError.
    """
    await in_db(must_work, actor)
    errors = FieldErrors()
    name = checks.text(name, "name", errors, most=500, required=True)
    quantization = checks.text(quantization, "quantization", errors, most=40)
    errors.raise_if_any()
    refusal = _("%s cannot be told to fetch a model from here.") % provider
    async with aclosing(local_adapter(provider.connection, refusal)) as adapter:
        started = await adapter.download(name, quantization=quantization)
        download = await in_db(_keep, actor, provider, name, quantization, started)
        if download.state in _FINISHED:
            await _sync(provider, adapter, [download])
    return download


async def downloads_refresh(actor: Actor | None = None) -> None:
    """Ask the servers about downloads under way, of the actor's team or of all. What cannot be asked keeps its state.

    Why it cannot is in `last_error` then.
    """
    due = await in_db(_due, actor)
    await asyncio.gather(*(_refresh_all(provider, downloads) for provider, downloads in due))


async def _refresh_all(provider: Provider, downloads: list[ModelDownload]) -> None:
    connection = replace(provider.connection, max_attempts=1, total_timeout_s=ASK_WITHIN_S)  # somebody waits, and asks again soon
    try:
        adapter = local_adapter(connection, _("%s cannot be told to fetch a model from here.") % provider)
    except OrquestradorError as error:  # the package that added its kind is gone
        for download in downloads:
            await in_db(_store, download, None, error.message)
        return
    async with aclosing(adapter):
        for download in downloads:
            await _refresh(download, adapter)
        if finished := [download for download in downloads if download.state in _FINISHED]:
            await _sync(provider, adapter, finished)


async def _refresh(download: ModelDownload, adapter: LocalAdapter) -> None:
    try:
        progress = await adapter.download_progress(download.job_id)
    except BadRequest as error:  # the server does not know it any more
        await in_db(_store, download, DownloadProgress("failed"), error.message)
    except ProviderError as error:
        await in_db(_store, download, None, error.message)
    else:
        await in_db(_store, download, progress, "")


async def _sync(provider: Provider, adapter: LocalAdapter, finished: list[ModelDownload]) -> None:
    """The new model belongs in the list, and what was fetched is compared with that. If it fails now, the next sync finds it."""
    try:
        infos = await adapter.list_models()
    except ProviderError:
        infos = []
    else:
        await in_db(listing_store, provider, infos)
    for download in finished:
        await in_db(_judge, download, infos)


def _judge(download: ModelDownload, infos: list[ModelInfo]) -> None:
    download.integrity_checks = download_checks(download, infos)
    download.integrity = verdict(download.integrity_checks)
    download.save(update_fields=["integrity", "integrity_checks", "updated_at"])
    changed(download.provider.team_id, downloads=[download.public_id])


def _keep(actor: Actor, provider: Provider, name: str, quantization: str, started: Download) -> ModelDownload:
    under_way = provider.downloads.filter(job_id=started.job_id, state__in=(State.DOWNLOADING, State.PAUSED)).first()
    if started.job_id and under_way:
        return under_way
    download = ModelDownload.objects.create(
        provider=provider,
        owner=actor.user,
        name=name,
        quantization=quantization,
        job_id=started.job_id,
        state=started.state,
        total_bytes=started.total_bytes,
    )
    changed(provider.team_id, downloads=[download.public_id])
    return download


def _due(actor: Actor | None) -> list[tuple[Provider, list[ModelDownload]]]:
    fresh = timezone.now() - ASKED_AGAIN_AFTER
    due = ModelDownload.objects.filter(
        Q(checked_at=None) | Q(checked_at__lt=fresh),
        provider__status=Provider.Status.ACTIVE,
        state__in=(State.DOWNLOADING, State.PAUSED),
    )
    rows = due.select_related("provider__key").order_by("provider_id", "pk")
    return [(provider, list(downloads)) for provider, downloads in groupby(rows, key=lambda row: row.provider)]


def _store(download: ModelDownload, progress: DownloadProgress | None, last_error: str) -> None:
    has_failed_now = progress is not None and progress.state == "failed" and download.state != "failed"
    if progress:
        download.state = progress.state
        for field in ("downloaded_bytes", "total_bytes"):  # what was known stays known
            if (value := getattr(progress, field)) is not None:
                setattr(download, field, value)
        download.bytes_per_second = progress.bytes_per_second
    download.last_error = last_error
    download.checked_at = timezone.now()
    download.save(update_fields=_PROGRESS)
    changed(download.provider.team_id, downloads=[download.public_id])
    if has_failed_now:
        _tell_of_failure(download)


def _tell_of_failure(download: ModelDownload) -> None:
    person = download.owner
    if person is None or not person.is_active:
        return
    with translation.override(person.language or settings.LANGUAGE_CODE):
        title = _("The download of %s failed") % download.name
    team = download.provider.team
    notify(person, kind="download_failed", title=title, text=download.last_error, url=reverse("providers:downloads"), team=team)
