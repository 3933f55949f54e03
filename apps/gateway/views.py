"""Pages of the gateway: its virtual keys."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.actor import Actor, Asked
from apps.common.errors import BadInput
from apps.common.exporting import exported
from apps.common.listing import Address
from apps.common.paging import page_of
from apps.common.ticked import Bar, Deed, each_answered, was_typed
from apps.gateway import selectors, services
from apps.gateway.forms import VirtualKeyForm
from apps.gateway.models import VirtualKey
from apps.providers.models import Budget

LIMIT = 50
STATES = (("good", gettext_lazy("In use")), ("off", gettext_lazy("Switched off")), ("expired", gettext_lazy("Expired")))
ORDERS: dict[str, tuple[str, ...]] = {"": ("name",), "used": ("-last_used_at",), "spend": ("-spent_sum",)}
ORDER_WORDS = {"": gettext_lazy("By name"), "used": gettext_lazy("Last used first"), "spend": gettext_lazy("Dearest first")}
COLUMNS = (
    *("id", "name", "ending", "owner", "state", "models", "fallbacks", "requests_per_minute", "tokens_per_minute", "cuts_loops"),
    *("budget", "budget_period", "spent_in_30_days", "calls_in_30_days", "created_at", "last_used_at", "expires_at"),
)


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
    context = {**_listed(request), "form": form, "made": made, "base_url": request.build_absolute_uri("/v1")}
    return render(request, "gateway/keys.html", context, status=400 if form.errors else 200)


def _listed(request: Asked) -> dict[str, Any]:
    """A page of the keys as they were asked for."""
    asked = _asked(request.GET)
    order = ORDERS.get(asked["order"], ORDERS[""])
    page = page_of(_found(request.actor, request.GET), ordering=order, limit=LIMIT, cursor=request.GET.get("cursor", ""))
    budgets = selectors.budgets_by_key(request.actor.team.pk)
    for key in page.rows:
        key.shown = selectors.virtual_key_state(key, budgets)
    address = Address(asked)
    return {
        "keys": page.rows,
        "asked": asked,
        "states": STATES,
        "orders": ORDER_WORDS.items(),
        **address.around(page),
        "bar": Bar(reverse("gateway:keys_bulk"), _deeds(), address.here, bool(page.next)),
    }


def _asked(given: QueryDict) -> dict[str, str]:
    return {name: given.get(name, "").strip() for name in ("search", "state", "order")}


def _found(actor: Actor, given: QueryDict) -> QuerySet[VirtualKey]:
    asked = _asked(given)
    return selectors.virtual_keys_filtered(actor, search=asked["search"], state=asked["state"])


def _deeds() -> list[Deed]:
    text = _("Whatever uses them is refused from now on. What was spent with them stays on record.")
    return [
        Deed("on", _("Switch on"), "ok"),
        Deed("off", _("Switch off"), "paused"),
        Deed("delete", _("Revoke"), "delete", _("Revoke the ticked keys?"), text, _("revoke")),
    ]


@require_POST
def key_bulk(request: Asked) -> HttpResponse:
    """Switch the ticked keys on or off, or revoke them."""
    actor = request.actor
    actor.must_work()
    return each_answered(
        request,
        "gateway:keys",
        deeds=_deeds(),
        left_by=lambda given: _found(actor, given),
        visible=selectors.virtual_keys_visible(actor),
        do=lambda deed, key: _do(actor, deed, key),
        said=_said,
    )


def _do(actor: Actor, deed: str, key: VirtualKey) -> None:
    if deed == "delete":
        services.virtual_key_delete(actor, key)
    else:
        services.virtual_key_update(actor, key, is_active=deed == "on")


def _said(deed: str, n: int) -> str:
    words = {
        "on": ngettext("%(n)s key was switched on.", "%(n)s keys were switched on.", n),
        "off": ngettext("%(n)s key was switched off.", "%(n)s keys were switched off.", n),
        "delete": ngettext("%(n)s key was revoked.", "%(n)s keys were revoked.", n),
    }
    return words[deed] % {"n": n}


@require_GET
def keys_export(request: Asked) -> StreamingHttpResponse:
    """The keys that the filters leave: of each its last characters alone, for no more of it is kept."""
    budgets = selectors.budgets_by_key(request.actor.team.pk)
    rows = _found(request.actor, request.GET)
    return exported(
        request, rows, name="virtual-keys", ordering=("name",), as_record=lambda key: _record(key, budgets), columns=COLUMNS
    )


def _record(key: VirtualKey, budgets: dict[uuid.UUID, Budget]) -> dict[str, Any]:
    shown = selectors.virtual_key_state(key, budgets)
    own = {name: getattr(key, name) for name in COLUMNS if hasattr(key, name)}
    return {
        **own,
        "id": key.public_id,
        "owner": str(key.owner or ""),
        "state": shown["state"],
        "models": key.allowed_models,
        "spent_in_30_days": shown["spent_usd"],
        "calls_in_30_days": shown["calls"],
        "budget": shown["budget"].limit_usd if shown["budget"] else None,
        "budget_period": shown["budget"].period if shown["budget"] else "",
    }


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
    """Its programs are refused at once, and the key cannot come back: so the word has to be typed, as in the list."""
    key = selectors.access_virtual_key(request.actor, id)
    if not was_typed(request, _("revoke")):
        return redirect("gateway:key", key.public_id)
    services.virtual_key_delete(request.actor, key)
    messages.success(request, _("The key %(key)s was revoked.") % {"key": key.name})
    return redirect("gateway:keys")
