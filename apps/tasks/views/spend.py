"""Spend: what models cost, down to each call."""

from __future__ import annotations

import uuid
from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from apps.accounts.actor import Asked
from apps.accounts.models import User
from apps.common.exporting import MOST_ROWS, exported
from apps.common.listing import Address
from apps.common.paging import page_of
from apps.providers.models import CreditUsage, Provider
from apps.tasks.selectors.spend import (
    SpendQuery,
    access_call,
    call_rows,
    calls_found,
    spend_by_model,
    spend_total,
)

LIMIT = 50
PERIODS = (
    ("today", gettext_lazy("Today")),
    ("week", gettext_lazy("Seven days")),
    ("month", gettext_lazy("This month")),
    ("year", gettext_lazy("A year")),
)
STATES = (("failed", gettext_lazy("Failed")), ("unpriced", gettext_lazy("Price unknown")))
PURPOSES = (
    *("answer", "plan", "execute", "validate", "tie-break", "compose", "check", "chat"),
    *("embedding", "benchmark", "compare"),
)
COLUMNS = (
    *("created_at", "purpose", "provider", "model", "person", "input_tokens", "output_tokens", "cached_tokens"),
    *("reasoning_tokens", "is_estimated", "cost", "cost_note", "latency_ms", "first_token_ms", "attempts", "error_code"),
    *("task", "task_title", "prompt", "id"),
)


@require_GET
def call_list(request: Asked) -> HttpResponse:
    query = SpendQuery.of(request.GET)
    rows = calls_found(request.actor, query)
    page = page_of(rows.select_related("owner"), ordering=("-created_at",), limit=LIMIT, cursor=request.GET.get("cursor", ""))
    given = {**vars(query), "period": query.period if query.period != "month" else ""}
    address = Address({name: value for name, value in given.items() if value})
    is_first = "cursor" not in request.GET
    is_short = query.period in ("today", "week", "month")
    context = {
        "calls": call_rows(request.actor, page.rows),
        "asked": query,
        "periods": [
            (label, address.with_(period=name if name != "month" else ""), query.period == name) for name, label in PERIODS
        ],
        "states": address.choice("state", STATES),
        "taken": address.taken(_labels(query)),
        **address.around(page),
        "is_narrowed": bool(address.given) or not is_first,
        "total": spend_total(rows) if is_first else None,
        "by_model": spend_by_model(rows) if is_first and is_short else [],
        "purposes": PURPOSES,
        "providers": Provider.objects.filter(team=request.actor.team).only("name", "display_name").order_by("name"),
        "people": _people(request),
        "most_rows": MOST_ROWS,
    }
    return render(request, "tasks/spend.html", context)


def _people(request: Asked) -> Any:
    if not request.actor.can_manage:
        return []
    people = User.objects.filter(memberships__team=request.actor.team)
    return people.only("public_id", "name", "email").order_by("name", "email")[:200]


def _labels(query: SpendQuery) -> dict[str, str]:
    return {"provider": query.provider, "model": query.model, "purpose": query.purpose, "person": _("One person")}


@require_GET
def call_page(request: Asked, id: uuid.UUID) -> HttpResponse:
    """One call with all that it took."""
    [call] = call_rows(request.actor, [access_call(request.actor, id)])
    return render(request, "tasks/spend_call.html", {"call": call})


@require_GET
def calls_export(request: Asked) -> StreamingHttpResponse:
    rows = calls_found(request.actor, SpendQuery.of(request.GET)).select_related("owner")

    def records(calls: list[CreditUsage]) -> list[dict[str, Any]]:
        return call_rows(request.actor, calls)

    return exported(
        request,
        rows,
        name="spend",
        ordering=("-created_at",),
        as_records=records,
        columns=COLUMNS,
    )
