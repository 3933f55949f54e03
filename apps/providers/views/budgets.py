"""Pages of budgets: how each stands, and setting them."""

from __future__ import annotations

import uuid
from copy import copy
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.actor import Actor, Asked
from apps.common.errors import BadInput
from apps.common.exporting import exported
from apps.common.listing import Address, Select, asked_of
from apps.common.paging import page_of
from apps.common.ticked import Bar, Deed
from apps.common.undo import DELETE, brought_back, each_answered_and_kept, remember_rows, take_deleted
from apps.providers import budget_words, selectors, services
from apps.providers.budget_form import BudgetForm
from apps.providers.models import Budget
from apps.providers.selectors.budgets import budgets_filtered

KIND = "budgets"
LIMIT = 50
FILTERS = ("search", "scope")
ORDER = ("place", "person__name", "period")
SCOPES = (("team", gettext_lazy("The team")), ("person", gettext_lazy("One person")), ("key", gettext_lazy("One virtual key")))
COLUMNS = (
    *("id", "name", "scope", "person", "period", "is_active", "limit_usd", "spent_usd", "held_usd", "left_usd"),
    *("alert_percent", "renews_at", "created_at"),
)


@require_GET
def budget_list(request: Asked) -> HttpResponse:
    asked = asked_of(request.GET, FILTERS)
    page = page_of(_found(request.actor, request.GET), ordering=ORDER, limit=LIMIT, cursor=request.GET.get("cursor", ""))
    for budget in page.rows:
        budget.state = _shown(request, budget)
    address = Address(asked)
    context = {
        "budgets": page.rows,
        "asked": asked,
        "selects": [Select("scope", _("For"), [("", _("For anybody")), *SCOPES], asked["scope"])],
        "undo": take_deleted(request, KIND),
        "bar": Bar(reverse("providers:budgets_bulk"), _deeds(), address.here, bool(page.next)),
        **address.around(page),
    }
    return render(request, "providers/budgets.html", context)


def _found(actor: Actor, given: QueryDict) -> QuerySet[Budget]:
    return budgets_filtered(actor, **asked_of(given, FILTERS))


def _deeds() -> list[Deed]:
    text = _("They hold no call back any more. What was spent stays on record.")
    return [
        Deed("on", _("Put in force"), "ok"),
        Deed("off", _("Take out of force"), "paused", _("Take the ticked budgets out of force?"), text),
        Deed(DELETE, _("Delete"), "delete", _("Delete the ticked budgets?"), text),
    ]


@require_POST
def budgets_bulk(request: Asked) -> HttpResponse:
    """Put the ticked budgets in force or out of it, or delete them, as far as they are the actor's to change."""
    actor = request.actor
    actor.must_work()
    return each_answered_and_kept(
        request,
        "providers:budgets",
        kind=KIND,
        deeds=_deeds(),
        left_by=lambda given: _found(actor, given),
        visible=selectors.budgets_visible(actor),
        do=lambda deed, budget: _do(actor, deed, budget),
        said=_said,
    )


def _do(actor: Actor, deed: str, budget: Budget) -> None:
    if deed == DELETE:
        services.budget_delete(actor, budget)
    else:
        services.budget_update(actor, budget, is_active=deed == "on")


def _said(deed: str, n: int) -> str:
    words = {
        "on": ngettext("%(n)s budget is in force.", "%(n)s budgets are in force.", n),
        "off": ngettext("%(n)s budget is no longer in force.", "%(n)s budgets are no longer in force.", n),
    }
    return words[deed] % {"n": n}


@require_POST
def budgets_undo(request: Asked) -> HttpResponse:
    request.actor.must_work()
    return brought_back(request, KIND, "providers:budgets", lambda rows: services.budgets_restore(request.actor, rows))


@require_GET
def budgets_export(request: Asked) -> StreamingHttpResponse:
    """The budgets that the filters leave, and how each stands now."""
    rows = _found(request.actor, request.GET)
    return exported(
        request, rows, name="budgets", ordering=ORDER, as_record=lambda budget: _record(request, budget), columns=COLUMNS
    )


def _record(request: Asked, budget: Budget) -> dict[str, Any]:
    state = selectors.budget_state(request.actor, budget)
    own = {name: getattr(budget, name) for name in COLUMNS if hasattr(budget, name)}
    figures = {name: state[name] for name in ("spent_usd", "held_usd", "left_usd", "renews_at")}
    return {**own, **figures, "id": budget.public_id, "person": str(budget.person or "")}


@require_http_methods(["GET", "POST"])
def budget_new(request: Asked) -> HttpResponse:
    request.actor.must_work()
    form = BudgetForm(request.POST or None, actor=request.actor)
    if form.is_valid():
        try:
            services.budget_create(request.actor, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            messages.success(request, _("The budget is set."))
            return redirect("providers:budgets")
    return render(request, "providers/budget_new.html", {"form": form}, status=400 if form.errors else 200)


@require_http_methods(["GET", "POST"])
def budget_edit(request: Asked, id: uuid.UUID) -> HttpResponse:
    budget = selectors.access_budget(request.actor, id)
    form = BudgetForm(request.POST or None, actor=request.actor, budget=budget)
    if form.is_valid():
        try:
            services.budget_update(request.actor, budget, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            messages.success(request, _("The budget was saved."))
            return redirect("providers:budgets")
    context = {"form": form, "budget": budget, "state": _shown(request, budget)}
    return render(request, "providers/budget_edit.html", context, status=400 if form.errors else 200)


@require_POST
def budget_delete(request: Asked, id: uuid.UUID) -> HttpResponse:
    budget = selectors.access_budget(request.actor, id)
    before = copy(budget)
    services.budget_delete(request.actor, budget)
    remember_rows(request, KIND, [before])
    return redirect("providers:budgets")


def _shown(request: Asked, budget: Budget) -> dict[str, Any]:
    """How it stands, with what only a page needs: a width and a moment in words."""
    state = selectors.budget_state(request.actor, budget)
    return {**state, "meter": f"{state['percent']:.1f}", "renewed_on": budget_words.moment(state["renews_at"])}
