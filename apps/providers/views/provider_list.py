"""The list of providers: found, ordered, many switched or tested together, and the list as a file."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Sequence
from typing import Any

from asgiref.sync import async_to_sync
from django.db.models import Count, Q, QuerySet, Sum
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.actor import Actor, Asked
from apps.common.bulk import Outcome
from apps.common.errors import BadInput
from apps.common.exporting import exported
from apps.common.listing import Address, Select, asked_of
from apps.common.paging import page_of
from apps.common.ticked import Bar, Deed, answered, deed_of, do_each, ids_asked
from apps.providers import selectors, services
from apps.providers.models import AIModel, CreditUsage, Provider
from apps.providers.presets import choices

LIMIT = 50
MOST_TESTED, TESTED_AT_ONCE = 50, 8  # each test waits for a server somewhere
FILTERS = ("search", "kind", "place", "state", "order")
ORDERS: dict[str, tuple[str, ...]] = {
    "": ("priority", "name"),
    "name": ("display_name", "name"),
    "newest": ("-created_at",),
    "checked": ("last_checked_at", "name"),
}
ORDER_WORDS = {
    "": gettext_lazy("By priority"),
    "name": gettext_lazy("By name"),
    "newest": gettext_lazy("Newest first"),
    "checked": gettext_lazy("Checked longest ago first"),
}
PLACES = (("local", gettext_lazy("On your own machines")), ("remote", gettext_lazy("At vendors, paid")))
STATES = (
    ("on", gettext_lazy("In use")),
    ("off", gettext_lazy("Switched off")),
    ("unreachable", gettext_lazy("Last check failed")),
)
COLUMNS = (
    *("id", "name", "display_name", "kind", "base_url", "is_local", "status", "priority", "balance_group", "weight"),
    *("max_concurrent", "models_total", "models_in_use", "last_checked_at", "last_check_ok", "last_check_ms", "created_at"),
)


@require_GET
def provider_list(request: Asked) -> HttpResponse:
    asked = asked_of(request.GET, FILTERS)
    order = ORDERS.get(asked["order"], ORDERS[""])
    page = page_of(_found(request.actor, asked), ordering=order, limit=LIMIT, cursor=request.GET.get("cursor", ""))
    spend = spend_this_month(request.actor)
    for provider in page.rows:
        provider.spend = spend.get(provider.pk)
    kinds = _kinds(request.actor)
    address = Address(asked)
    context = {
        "providers": page.rows,
        "has_own": any(kind != "builtin" for kind, _label in kinds),
        "practice_on": AIModel.objects.filter(provider__team=request.actor.team, is_practice=True, is_active=True).exists(),
        "asked": asked,
        "chips": [*address.choice("place", PLACES), *address.choice("state", STATES)],
        "passed": {name: asked[name] for name in ("place", "state")},
        "selects": [
            Select("kind", _("Kind"), [("", _("Any kind")), *kinds], asked["kind"]),
            Select("order", _("Order"), list(ORDER_WORDS.items()), asked["order"]),
        ],
        "bar": Bar(reverse("providers:bulk"), _deeds(), address.here, bool(page.next)),
        **address.around(page),
    }
    return render(request, "providers/list.html", context)


def _found(actor: Actor, asked: dict[str, str]) -> QuerySet[Provider]:
    narrowed = {name: asked[name] for name in ("search", "kind", "place", "state")}
    return selectors.providers_filtered(actor, **narrowed)


def _kinds(actor: Actor) -> list[tuple[str, str]]:
    """The kinds that the team has, and what people call them. One query."""
    names: dict[str, list[str]] = {}
    for choice in choices():
        names.setdefault(choice.kind, []).append(choice.name)
    used = Provider.objects.filter(team=actor.team).order_by().values_list("kind", flat=True).distinct()
    words = {"builtin": _("Built-in engine"), "openai_compatible": _("OpenAI-compatible")}
    found = [(kind, str(words.get(kind) or (names.get(kind) or [kind])[0])) for kind in used]
    return sorted(found, key=lambda pair: pair[1].casefold())


def _deeds() -> list[Deed]:
    return [
        Deed("on", _("Switch on"), "ok"),
        Deed("off", _("Switch off"), "paused", _("Switch the ticked providers off?"), _("Their models are not asked any more.")),
        Deed("test", _("Test"), "check"),
    ]


@require_POST
def providers_bulk(request: Asked) -> HttpResponse:
    """Switch the ticked providers on or off, as far as they are the actor's to change, or test them."""
    request.actor.must_work()

    def act() -> tuple[Outcome, str]:
        deed = deed_of(request, _deeds()).name
        ids = ids_asked(request, lambda given: _found(request.actor, asked_of(given, FILTERS)))
        outcome = _tested(request.actor, ids) if deed == "test" else _switched(request.actor, ids, on=deed == "on")
        return outcome, _said(deed, outcome.done)

    return answered(request, "providers:list", act)


def _switched(actor: Actor, ids: Sequence[uuid.UUID], *, on: bool) -> Outcome:
    rows = selectors.providers_visible(actor)
    return do_each(rows, ids, lambda provider: services.provider_toggle(actor, provider, on=on))


def _tested(actor: Actor, ids: Sequence[uuid.UUID]) -> Outcome:
    """Ask each whether it is up, some at a time. What does not answer is told with its reason."""
    if len(ids) > MOST_TESTED:
        raise BadInput(_("At most %(most)s providers are tested together.") % {"most": MOST_TESTED}, field="id")
    found = list(selectors.providers_visible(actor).filter(public_id__in=ids))
    outcome = Outcome()
    outcome.refuse(_("it is not there any more."), len(ids) - len(found))
    for provider, message in async_to_sync(_test_all)(actor, found):
        if message:
            outcome.told.append(_("%(provider)s does not work: %(why)s") % {"provider": provider, "why": message})
        else:
            outcome.done += 1
    return outcome


async def _test_all(actor: Actor, providers: Sequence[Provider]) -> list[tuple[Provider, str]]:
    places = asyncio.Semaphore(TESTED_AT_ONCE)

    async def test(provider: Provider) -> tuple[Provider, str]:
        async with places:
            result = await services.provider_check(actor, provider)
        return provider, "" if result.ok else result.message or _("It did not say why.")

    return await asyncio.gather(*(test(provider) for provider in providers))


def _said(deed: str, n: int) -> str:
    words = {
        "on": ngettext("%(n)s provider was switched on.", "%(n)s providers were switched on.", n),
        "off": ngettext("%(n)s provider was switched off.", "%(n)s providers were switched off.", n),
        "test": ngettext("%(n)s provider answers.", "%(n)s providers answer.", n),
    }
    return words[deed] % {"n": n}


@require_GET
def providers_export(request: Asked) -> StreamingHttpResponse:
    """The providers that the filters leave, without their keys."""
    rows = _found(request.actor, asked_of(request.GET, FILTERS))
    return exported(request, rows, name="providers", ordering=("priority", "name"), as_record=_record, columns=COLUMNS)


def _record(provider: Provider) -> dict[str, Any]:
    return {**{name: getattr(provider, name) for name in COLUMNS if name != "id"}, "id": provider.public_id}


def spend_this_month(actor: Actor) -> dict[int, dict[str, Any]]:
    """Calls, cost and calls of unknown price of each provider since the first of the month, by the provider's key. One query."""
    start = timezone.localtime().replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    rows = (
        CreditUsage.objects.filter(team=actor.team, created_at__gte=start, model__isnull=False)
        .values("model__provider")
        .annotate(calls=Count("pk"), usd=Sum("cost_usd"), unpriced=Count("pk", filter=Q(cost_usd__isnull=True, error_code="")))
        .order_by()
    )
    return {row["model__provider"]: dict(row) for row in rows}
