"""The list of models: what state each is in, filters, order, and what is done with the ticked ones."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.actor import Actor, Asked
from apps.common.exporting import exported
from apps.common.listing import Address, Chip, Select, asked_of
from apps.common.paging import page_of
from apps.common.ticked import Bar, Deed, each_answered
from apps.providers import selectors, services
from apps.providers.contract import CAPABILITIES, TIERS
from apps.providers.forms import CAPABILITY_WORDS, TIER_WORDS
from apps.providers.models import AIModel, Provider
from apps.providers.selectors.management import FILTERS, STATUSES
from apps.providers.services import exchange

LIMIT = 50
ASKED = ("status", "provider", "capability", "tier", "search")
ORDERS: dict[str, tuple[str, ...]] = {
    "": ("provider__priority", "provider__name", "key"),
    "name": ("display_name", "key"),
    "newest": ("-created_at",),
    "context": ("-context_window", "key"),
    "dearest": ("-price_output", "key"),
}
ORDER_WORDS = {
    "": gettext_lazy("By provider"),
    "name": gettext_lazy("By name"),
    "newest": gettext_lazy("Newest first"),
    "context": gettext_lazy("Longest context first"),
    "dearest": gettext_lazy("Dearest first"),
}
ICONS = {"external": "world", "loaded": "ok", "loading": "loading", "failed": "problem", "not_loaded": "sleeping"}


@require_GET
def model_list(request: Asked) -> HttpResponse:
    """Every model of the team, what state it is in and what may be done with it."""
    actor, asked = request.actor, asked_of(request.GET, (*ASKED, "order"))
    address = Address(asked)
    within = _found(actor, {**asked, "status": ""})
    order = ORDERS.get(asked["order"], ORDERS[""])
    page = page_of(
        selectors.with_open_loads(_found(actor, asked)), ordering=order, limit=LIMIT, cursor=request.GET.get("cursor", "")
    )
    providers = list(Provider.objects.filter(team=actor.team).order_by("priority", "name"))
    context = {
        "rows": [{**selectors.model_row(model), "row": model} for model in page.rows],
        "asked": asked,
        "chips": _chips(address, selectors.status_counts(within)),
        "more": _more(address, providers),
        "passed": {name: asked[name] for name in ASKED if name != "search"},
        "selects": [Select("order", _("Order"), list(ORDER_WORDS.items()), asked["order"])],
        **address.around(page),
        "is_narrowed": any(asked.values()) or "cursor" in request.GET,
        "memory": selectors.memory_overview(actor),
        "has_local": any(provider.is_local for provider in providers),
        "new": selectors.discoveries_new(actor),
        "back": request.get_full_path(),
        "bar": Bar(reverse("providers:models_bulk"), _deeds(), address.here, bool(page.next)),
    }
    return render(request, "providers/models.html", context)


def _found(actor: Actor, asked: dict[str, str]) -> QuerySet[AIModel]:
    return selectors.models_filtered(selectors.models_visible(actor), **{name: asked[name] for name in ASKED})


@require_GET
def models_export(request: Asked) -> StreamingHttpResponse:
    """The models that the filters leave, with the columns that an import of prices takes."""
    return exported(
        request,
        _found(request.actor, asked_of(request.GET, ASKED)),
        name="models",
        ordering=("provider__name", "key"),
        as_record=exchange.model_record,
        columns=exchange.MODEL_COLUMNS,
    )


def _chips(address: Address, counts: dict[str, int]) -> list[dict[str, Any]]:
    words = {"": gettext_lazy("All"), **{name: STATUSES[name][1] for name in FILTERS}}
    chosen = address.given.get("status", "")
    return [
        {
            "label": words[name],
            "icon": ICONS.get(name, ""),
            "query": address.with_(status=name),
            "is_on": chosen == name,
            "count": counts[name],
        }
        for name in ("", *FILTERS)
        if not name or counts[name] or chosen == name
    ]


def _more(address: Address, providers: list[Provider]) -> list[dict[str, Any]]:
    """The other filters: a title, and a chip for each value; the one that is on takes itself away."""
    groups: dict[str, tuple[str, list[Chip]]] = {
        "provider": (_("Provider"), address.choice("provider", [(str(one.public_id), str(one)) for one in providers])),
        "capability": (_("Can do"), address.choice("capability", [(one, CAPABILITY_WORDS[one]) for one in CAPABILITIES])),
        "tier": (_("Tier"), address.choice("tier", [(one, TIER_WORDS[one]) for one in TIERS])),
    }
    return [{"title": title, "chips": chips} for title, chips in groups.values()]


def _deeds() -> list[Deed]:
    return [
        Deed("on", _("Take into use"), "ok"),
        Deed("off", _("Take out of use"), "paused"),
        Deed("reset", _("Forget failures"), "retry"),
    ]


@require_POST
def models_bulk(request: Asked) -> HttpResponse:
    """Take the ticked models into use or out of it, or forget what they failed of, as far as they are the actor's to change."""
    actor = request.actor
    actor.must_work()
    return each_answered(
        request,
        "providers:models",
        deeds=_deeds(),
        left_by=lambda given: _found(actor, asked_of(given, ASKED)),
        visible=selectors.models_visible(actor),
        do=lambda deed, model: _do(actor, deed, model),
        said=_said,
    )


def _do(actor: Actor, deed: str, model: AIModel) -> None:
    if deed == "reset":
        services.model_reset(actor, model)
    else:
        services.model_update(actor, model, is_active=deed == "on")


def _said(deed: str, n: int) -> str:
    words = {
        "on": ngettext("%(n)s model is in use.", "%(n)s models are in use.", n),
        "off": ngettext("%(n)s model is out of use.", "%(n)s models are out of use.", n),
        "reset": ngettext("%(n)s model may be asked again.", "%(n)s models may be asked again.", n),
    }
    return words[deed] % {"n": n}
