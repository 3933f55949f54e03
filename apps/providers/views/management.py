"""Pages of the management of models: loading and unloading, who could take over, what the team sets."""

from __future__ import annotations

import uuid
from typing import Any

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import url_has_allowed_host_and_scheme
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.actor import Asked
from apps.common.errors import BadInput, OrquestradorError
from apps.providers import selectors, services
from apps.providers.adapters import load_options_of
from apps.providers.errors import DoesNotFit, ModelInUse
from apps.providers.forms import CAPABILITY_WORDS
from apps.providers.management_forms import LoadForm, ModelSettingsForm, RecommendForm
from apps.providers.models import AIModel
from apps.providers.selectors.management import STATUSES
from apps.providers.services.fitting import fit_of


# ── What is asked of all ──────────────────────────────────────────────────────────────────────────────────────────────
@require_POST
def models_refresh(request: Asked) -> HttpResponse:
    """Ask the local servers now."""
    async_to_sync(services.listings_refresh)(request.actor)
    messages.success(request, _("The servers on your own machines were asked what they have and what is in memory."))
    return _back(request)


@require_POST
def models_reset(request: Asked) -> HttpResponse:
    count = services.models_reset_failed(request.actor)
    said = ngettext("%(n)s failure was forgotten.", "%(n)s failures were forgotten.", count) % {"n": count}
    messages.success(request, said if count else _("Nothing had failed."))
    return _back(request)


# ── One model ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@require_http_methods(["GET", "POST"])
def model_load(request: Asked, id: uuid.UUID) -> HttpResponse:
    """GET: a form with the options that its server takes. POST: the load begins in the background."""
    model = selectors.access_model(request.actor, id)
    request.actor.must_work()
    services.must_load(model)
    form = LoadForm(
        request.POST if request.method == "POST" else None, options=load_options_of(model.provider.kind) or frozenset()
    )
    back = _back_url(request)
    context = {"model": model, "form": form, "back": back, "last_s": selectors.usual_load_s(selectors.loads_of(model))}
    if request.method == "GET" or not form.is_valid():
        return render(request, "providers/load.html", context, status=400 if form.errors else 200)
    try:
        async_to_sync(services.load_start)(request.actor, model, **form.for_service)
    except DoesNotFit as error:
        return render(request, "providers/load.html", {**context, "does_not_fit": error}, status=409)
    except BadInput as error:
        form.refuse(error)
        return render(request, "providers/load.html", context, status=400)
    except OrquestradorError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("“%s” is being loaded. You may leave this page.") % model)
    return redirect(back)


@require_POST
def load_cancel(request: Asked, id: uuid.UUID) -> HttpResponse:
    model = selectors.access_model(request.actor, id)
    request.actor.must_work()
    return _done(request, lambda: services.load_cancel(request.actor, model), _("Loading “%s” is being given up.") % model)


@require_POST
def model_unload(request: Asked, id: uuid.UUID) -> HttpResponse:
    """Asks again where it is answering just now."""
    model = selectors.access_model(request.actor, id)
    request.actor.must_work()
    try:
        async_to_sync(services.model_unload)(request.actor, model, force=request.POST.get("force") == "1")
    except ModelInUse as error:
        context = {"model": model, "error": error, "back": _back_url(request)}
        return render(request, "providers/unload.html", context, status=409)
    except OrquestradorError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("“%s” is no longer in memory.") % model)
    return _back(request)


@require_POST
def model_reset(request: Asked, id: uuid.UUID) -> HttpResponse:
    model = selectors.access_model(request.actor, id)
    services.model_reset(request.actor, model)
    messages.success(request, _("The failure of “%s” was forgotten: it may be asked again.") % model)
    return redirect(_back_url(request, reverse("providers:model", args=[model.public_id])))


@require_POST
def model_verify(request: Asked, id: uuid.UUID) -> HttpResponse:
    """A fragment: what was found of its file."""
    model = selectors.access_model(request.actor, id)
    checks = async_to_sync(services.model_verify)(request.actor, model)
    return render(request, "providers/_checks.html", {"checks": checks})


@require_GET
def model_suggest(request: Asked, id: uuid.UUID) -> HttpResponse:
    """Who could take its place, and why the others cannot."""
    model = selectors.access_model(request.actor, id)
    found = selectors.suggest_alternative(request.actor, model)
    order = [STATUSES[group][1] for group in found.order]
    needs = [CAPABILITY_WORDS.get(one, one) for one in found.needs]
    return render(request, "providers/suggest.html", {"model": model, "found": found, "order": order, "needs": needs})


def management_shown(request: Asked, model: AIModel) -> dict[str, Any]:
    """What the model's page shows of its memory and its loads."""
    loads = selectors.loads_of(model)
    return {"row": selectors.model_row(model), "fit": fit_of(model), "loads": loads, "back": request.path}


# ── Which model for what ──────────────────────────────────────────────────────────────────────────────────────────────
@require_GET
def model_recommend(request: Asked) -> HttpResponse:
    form = RecommendForm(request.GET or None)
    category = form.cleaned_data["category"] if form.is_valid() else "general"
    found = selectors.recommend(request.actor, category=category, most=10)
    if not form.is_bound:
        form = RecommendForm(initial={"category": category})
    return render(request, "providers/recommend.html", {"form": form, "found": found})


# ── What the team sets ────────────────────────────────────────────────────────────────────────────────────────────────
@require_http_methods(["GET", "POST"])
def model_settings(request: Asked) -> HttpResponse:
    row = selectors.model_settings(request.actor)
    form = ModelSettingsForm(request.POST or None, settings=row)
    if request.method == "POST" and form.is_valid():
        try:
            services.model_settings_update(request.actor, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            messages.success(request, _("The settings of models were saved."))
            return redirect("providers:model_settings")
    return render(request, "providers/model_settings.html", {"form": form, "settings": row}, status=400 if form.errors else 200)


# ── Shared ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def _done(request: Asked, change: Any, said: str) -> HttpResponse:
    try:
        change()
    except OrquestradorError as error:
        messages.error(request, error.message)
    else:
        messages.success(request, said)
    return _back(request)


def _back(request: Asked) -> HttpResponse:
    return redirect(_back_url(request))


def _back_url(request: Asked, usual: str = "/models/") -> str:
    """Where the person came from, if that is a page of ours; else the usual place."""
    given = request.POST.get("back") or request.GET.get("back") or ""
    is_ours = given.startswith("/") and url_has_allowed_host_and_scheme(given, allowed_hosts=None)
    return given if is_ours else usual
