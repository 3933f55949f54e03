"""Pages of models that turned up by themselves, and of those that servers were told to fetch."""

from __future__ import annotations

import uuid
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.actor import Actor, Asked
from apps.common.errors import BadInput, OrquestradorError
from apps.common.listing import Address, Chip, Select, asked_of
from apps.common.paging import page_of
from apps.common.searching import with_words
from apps.common.ticked import Bar, Deed, each_answered
from apps.providers import selectors, services
from apps.providers.management_forms import DownloadForm
from apps.providers.models import ModelDiscovery, ModelDownload, Provider

LIMIT = 50
FOUND_FILTERS = ("search", "state")
DOWNLOAD_FILTERS = ("search", "state")
STATES = ModelDiscovery.State


@require_GET
def found_list(request: Asked) -> HttpResponse:
    asked = asked_of(request.GET, FOUND_FILTERS)
    rows, state = _found(request.actor, request.GET), _state(asked)
    page = page_of(rows, ordering=("-found_at", "model_key"), limit=LIMIT, cursor=request.GET.get("cursor", ""))
    numbers, address = selectors.discovery_counts(request.actor), Address(asked)
    context = {
        "rows": page.rows,
        "state": state,
        "asked": asked,
        "chips": [
            Chip(str(one.label), address.with_(state=one.value), is_on=one == state, count=str(numbers.get(one.value, 0)))
            for one in STATES
        ],
        "passed": {"state": asked["state"]},
        "bar": Bar(reverse("providers:found_bulk"), _deeds(state), address.here, bool(page.next)),
        **address.around(page),
        "is_narrowed": bool(asked["search"]),
    }
    return render(request, "providers/found.html", context)


def _state(asked: dict[str, str]) -> str:
    state = asked["state"] or STATES.NEW
    if state not in STATES.values:
        raise BadInput(_("The state is one of: %s.") % ", ".join(STATES.values), field="state")
    return state


def _found(actor: Actor, given: QueryDict) -> QuerySet[ModelDiscovery]:
    asked = asked_of(given, FOUND_FILTERS)
    rows = selectors.discoveries_visible(actor).filter(state=_state(asked))
    return with_words(rows, asked["search"], "model_key", "address", "provider__display_name")


def _deeds(state: str) -> list[Deed]:
    """What can be done with those of a state: what was taken is among the models, and stays there."""
    take, ignore = Deed("accept", _("Take"), "add"), Deed("ignore", _("Ignore"), "close")
    return {STATES.NEW: [take, ignore], STATES.IGNORED: [take]}.get(STATES(state), [])


@require_POST
def found_bulk(request: Asked) -> HttpResponse:
    """Take the ticked models, or ignore them."""
    actor = request.actor
    actor.must_work()
    return each_answered(
        request,
        "providers:found",
        deeds=_deeds(STATES.NEW),
        left_by=lambda given: _found(actor, given),
        visible=selectors.discoveries_visible(actor),
        do=lambda deed, row: _do(actor, deed, row),
        said=_said,
    )


def _do(actor: Actor, deed: str, row: ModelDiscovery) -> None:
    if deed == "accept":
        async_to_sync(services.discovery_accept)(actor, row)
    else:
        services.discovery_ignore(actor, row)


def _said(deed: str, n: int) -> str:
    words = {
        "accept": ngettext("%(n)s model was taken.", "%(n)s models were taken.", n),
        "ignore": ngettext("%(n)s model is not offered any more.", "%(n)s models are not offered any more.", n),
    }
    return words[deed] % {"n": n}


@require_POST
def found_look(request: Asked) -> HttpResponse:
    """Ask the local servers for new models, and look for servers on this machine where the person may add them."""
    async_to_sync(services.listings_refresh)(request.actor)
    if request.actor.can_manage:
        async_to_sync(services.discover)(request.actor)
    count = selectors.discoveries_new(request.actor)
    messages.success(request, _("Looked again: %d wait for a decision.") % count if count else _("Looked again: nothing is new."))
    return redirect("providers:found")


@require_POST
def found_accept(request: Asked, id: uuid.UUID) -> HttpResponse:
    found = selectors.access_discovery(request.actor, id)
    request.actor.must_work()
    try:
        model = async_to_sync(services.discovery_accept)(request.actor, found)
    except OrquestradorError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("“%s” is among your models now.") % model)
    return redirect("providers:found")


@require_POST
def found_ignore(request: Asked, id: uuid.UUID) -> HttpResponse:
    found = selectors.access_discovery(request.actor, id)
    request.actor.must_work()
    try:
        services.discovery_ignore(request.actor, found)
    except OrquestradorError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("“%s” is not offered any more.") % found)
    return redirect("providers:found")


@require_http_methods(["GET", "POST"])
def download_list(request: Asked) -> HttpResponse:
    """What servers were told to fetch, how far that is and whether it is whole; and a form to have one fetched."""
    if request.method == "POST":
        request.actor.must_work()
    able = _who_fetches(request)
    form = DownloadForm(request.POST or None, providers=able)
    if request.method == "POST" and form.is_valid():
        asked = dict(form.cleaned_data)
        provider = selectors.access_provider(request.actor, asked.pop("provider"))
        try:
            download = async_to_sync(services.download_start)(request.actor, provider, **asked)
        except BadInput as error:
            form.refuse(error)
        except OrquestradorError as error:
            form.add_error(None, error.message)
        else:
            messages.success(request, _("%(provider)s fetches %(name)s.") % {"provider": provider, "name": download})
            return redirect("providers:downloads")
    asked = asked_of(request.GET, DOWNLOAD_FILTERS)
    rows = selectors.downloads_filtered(request.actor, **asked)
    page = page_of(rows, ordering=("-created_at",), limit=LIMIT, cursor=request.GET.get("cursor", ""))
    states = [("", _("Any state")), *ModelDownload.State.choices]
    context: dict[str, Any] = {
        "form": form,
        "able": able,
        "downloads": page.rows,
        "asked": asked,
        "selects": [Select("state", _("State"), states, asked["state"])],
        **Address(asked).around(page),
    }
    return render(request, "providers/downloads.html", context, status=400 if form.errors else 200)


def _who_fetches(request: Asked) -> list[Provider]:
    """The team's local servers that can be told to fetch a model; the built-in engine takes files out of its folder instead."""
    rows = Provider.objects.filter(team=request.actor.team, status=Provider.Status.ACTIVE).order_by("priority", "name")
    return [provider for provider in rows if not provider.is_builtin and services.fetches_models(provider)]
