"""Pages of the gateway: its virtual keys."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.actor import Actor
from apps.common.errors import BadInput
from apps.gateway import selectors, services
from apps.gateway.forms import VirtualKeyForm


class Asked(HttpRequest):
    """A request of somebody signed in."""

    actor: Actor


@never_cache
@require_http_methods(["GET", "POST"])
def key_list(request: Asked) -> HttpResponse:
    """The keys; a POST makes one, and its answer is the only page that shows it."""
    form = VirtualKeyForm(request.POST or None)
    made = ""
    if request.method == "POST" and form.is_valid():
        try:
            _key, made = services.virtual_key_create(request.actor, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            form = VirtualKeyForm()
    keys = list(selectors.virtual_keys_visible(request.actor))
    budgets = selectors.budgets_by_key(request.actor.team.pk)
    for key in keys:
        key.shown = selectors.virtual_key_state(key, budgets)  # type: ignore[attr-defined]
    context = {"keys": keys, "form": form, "made": made, "base_url": request.build_absolute_uri("/v1")}
    return render(request, "gateway/keys.html", context, status=400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def key_edit(request: Asked, id: uuid.UUID) -> HttpResponse:
    key = selectors.access_virtual_key(request.actor, id)
    shown = selectors.virtual_key_state(key, selectors.budgets_by_key(key.team_id))
    form = VirtualKeyForm(request.POST or None, key=key, budget=shown["budget"])
    if form.is_valid():
        try:
            services.virtual_key_update(request.actor, key, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            messages.success(request, _("%(key)s was saved.") % {"key": key})
            return redirect("gateway:key", key.public_id)
    context = {"key": key, "shown": shown, "form": form}
    return render(request, "gateway/key.html", context, status=400 if form.errors else 200)


@require_POST
def key_delete(request: Asked, id: uuid.UUID) -> HttpResponse:
    key = selectors.access_virtual_key(request.actor, id)
    services.virtual_key_delete(request.actor, key)
    messages.success(request, _("The key %(key)s was revoked.") % {"key": key.name})
    return redirect("gateway:keys")
