"""Pages of specialized AIs."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.actor import Actor, Asked
from apps.common.errors import BadInput
from apps.common.listing import Address, asked_of
from apps.common.paging import page_of
from apps.common.searching import with_words
from apps.common.ticked import Bar, Deed, each_answered
from apps.providers import selectors, services
from apps.providers.models import SpecializedAI
from apps.providers.specialized_form import SpecializedAIForm

SHOWN_WHEN_DELETED = timedelta(days=30)
LIMIT = 50
STATES = (("on", gettext_lazy("In use")), ("off", gettext_lazy("Switched off")))


@require_GET
def specialized_list(request: Asked) -> HttpResponse:
    asked = _asked(request.GET)
    rows = specialized_found(request.actor, request.GET)
    page = page_of(rows, ordering=("name",), limit=LIMIT, cursor=request.GET.get("cursor", ""))
    address = Address(asked)
    since = timezone.now() - SHOWN_WHEN_DELETED
    deleted = SpecializedAI.objects.filter(team=request.actor.team, deleted_at__gte=since).order_by("-deleted_at")
    context = {
        "rows": page.rows,
        "deleted": list(deleted),
        "asked": asked,
        "states": address.choice("state", STATES),
        "passed": {"state": asked["state"]},
        **address.around(page),
        "bar": Bar(reverse("providers:specialized_bulk"), _deeds(), address.here, bool(page.next)),
    }
    return render(request, "providers/specialized_list.html", context)


def _asked(given: QueryDict) -> dict[str, str]:
    return asked_of(given, ("search", "state"))


def specialized_found(actor: Actor, given: QueryDict) -> QuerySet[SpecializedAI]:
    asked = _asked(given)
    rows = with_words(selectors.specialized_ais_visible(actor), asked["search"], "name", "role", "default_model__key")
    return rows.filter(is_active=asked["state"] == "on") if asked["state"] in ("on", "off") else rows


def _deeds() -> list[Deed]:
    text = _("Tasks at work go on as they began. For 30 days they can be brought back.")
    return [
        Deed("on", _("Switch on"), "ok"),
        Deed("off", _("Switch off"), "paused"),
        Deed("delete", _("Delete"), "delete", _("Delete the ticked specialized AIs?"), text),
    ]


@require_POST
def specialized_bulk(request: Asked) -> HttpResponse:
    """Switch the ticked ones on or off, or delete them, as far as they are the actor's to change."""
    actor = request.actor
    actor.must_work()
    return each_answered(
        request,
        "providers:specialized_list",
        deeds=_deeds(),
        left_by=lambda given: specialized_found(actor, given),
        visible=selectors.specialized_ais_visible(actor),
        do=lambda deed, row: _do(actor, deed, row),
        said=_said,
    )


def _do(actor: Actor, deed: str, row: SpecializedAI) -> None:
    if deed == "delete":
        services.specialized_ai_delete(actor, row)
    else:
        services.specialized_ai_toggle(actor, row, on=deed == "on")


def _said(deed: str, n: int) -> str:
    words = {
        "on": ngettext("%(n)s specialized AI was switched on.", "%(n)s specialized AIs were switched on.", n),
        "off": ngettext("%(n)s specialized AI was switched off.", "%(n)s specialized AIs were switched off.", n),
        "delete": ngettext("%(n)s specialized AI was deleted.", "%(n)s specialized AIs were deleted.", n),
    }
    return words[deed] % {"n": n}


@require_http_methods(["GET", "POST"])
def specialized_new(request: Asked) -> HttpResponse:
    request.actor.must_work()
    form = SpecializedAIForm(request.POST or None, actor=request.actor)
    if request.method == "POST" and form.is_valid():
        try:
            row = services.specialized_ai_create(request.actor, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            messages.success(request, _("%s was made.") % row)
            return redirect("providers:specialized", row.public_id)
    return render(request, "providers/specialized_edit.html", {"form": form}, status=400 if form.errors else 200)


@require_GET
def specialized_detail(request: Asked, id: uuid.UUID) -> HttpResponse:
    row = selectors.access_specialized_ai(request.actor, id)
    context = {
        "row": row,
        "quality": list(row.quality.order_by("category")),
        "may_change": request.actor.may_change(row.owner_id),
    }
    return render(request, "providers/specialized.html", context)


@require_http_methods(["GET", "POST"])
def specialized_edit(request: Asked, id: uuid.UUID) -> HttpResponse:
    row = selectors.access_specialized_ai(request.actor, id)
    request.actor.must_own(row.owner_id)
    form = SpecializedAIForm(request.POST or None, actor=request.actor, row=row)
    if request.method == "POST" and form.is_valid():
        try:
            services.specialized_ai_update(request.actor, row, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            messages.success(request, _("%s was saved. Tasks at work go on as they began.") % row)
            return redirect("providers:specialized", row.public_id)
    context: dict[str, Any] = {"form": form, "row": row}
    return render(request, "providers/specialized_edit.html", context, status=400 if form.errors else 200)


@require_POST
def specialized_toggle(request: Asked, id: uuid.UUID) -> HttpResponse:
    row = selectors.access_specialized_ai(request.actor, id)
    services.specialized_ai_toggle(request.actor, row)
    said = _("%s is in use.") if row.is_active else _("%s is out of use: models speak as themselves instead.")
    messages.success(request, said % row)
    return redirect("providers:specialized", row.public_id)


@require_POST
def specialized_delete(request: Asked, id: uuid.UUID) -> HttpResponse:
    row = selectors.access_specialized_ai(request.actor, id)
    services.specialized_ai_delete(request.actor, row)
    messages.success(request, _("%s was deleted. It can be brought back from the end of this page for 30 days.") % row)
    return redirect("providers:specialized_list")


@require_POST
def specialized_restore(request: Asked, id: uuid.UUID) -> HttpResponse:
    row = selectors.access_deleted_specialized_ai(request.actor, id)
    try:
        services.specialized_ai_restore(request.actor, row)
    except BadInput as error:
        messages.error(request, error.message)
        return redirect("providers:specialized_list")
    messages.success(request, _("%s is back.") % row)
    return redirect("providers:specialized", row.public_id)
