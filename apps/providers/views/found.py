"""Pages of models that turned up by themselves, and of those that servers were told to fetch."""

from __future__ import annotations

import uuid
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.common.errors import BadInput, OrquestradorError
from apps.common.paging import page_of
from apps.providers import selectors, services
from apps.providers.management_forms import DownloadForm
from apps.providers.models import ModelDiscovery, Provider
from apps.providers.views.parts import Asked

LIMIT = 50
STATES = ModelDiscovery.State


@require_GET
def found_list(request: Asked) -> HttpResponse:
    state = request.GET.get("state", STATES.NEW)
    if state not in STATES.values:
        raise BadInput(_("The state is one of: %s.") % ", ".join(STATES.values), field="state")
    rows = selectors.discoveries_visible(request.actor)
    page = page_of(rows.filter(state=state), ordering=("-found_at", "model_key"), cursor=request.GET.get("cursor", ""))
    numbers = selectors.discovery_counts(request.actor)
    context = {
        "rows": page.rows,
        "state": state,
        "chips": [{"value": one.value, "label": one.label, "count": numbers.get(one.value, 0)} for one in STATES],
        "next": page.next and f"?state={state}&cursor={page.next}",
        "previous": page.previous and f"?state={state}&cursor={page.previous}",
    }
    return render(request, "providers/found.html", context)


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
    page = page_of(
        selectors.downloads_visible(request.actor), ordering=("-created_at",), limit=LIMIT, cursor=request.GET.get("cursor", "")
    )
    context: dict[str, Any] = {
        "form": form,
        "able": able,
        "downloads": page.rows,
        "next": page.next and f"?cursor={page.next}",
        "previous": page.previous and f"?cursor={page.previous}",
    }
    return render(request, "providers/downloads.html", context, status=400 if form.errors else 200)


def _who_fetches(request: Asked) -> list[Provider]:
    """The team's local servers that can be told to fetch a model; the built-in engine takes files out of its folder instead."""
    rows = Provider.objects.filter(team=request.actor.team, status=Provider.Status.ACTIVE).order_by("priority", "name")
    return [provider for provider in rows if not provider.is_builtin and services.fetches_models(provider)]
