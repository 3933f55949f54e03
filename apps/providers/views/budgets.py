"""Pages of budgets: how each stands, and setting them."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.common.errors import BadInput
from apps.common.exporting import exported
from apps.common.listing import Address
from apps.common.paging import page_of
from apps.providers import budget_words, selectors, services
from apps.providers.budget_form import BudgetForm
from apps.providers.models import Budget
from apps.providers.selectors.budgets import budgets_filtered
from apps.providers.views.parts import Asked

LIMIT = 50
ORDER = ("place", "person__name", "period")
SCOPES = (("team", gettext_lazy("The team")), ("person", gettext_lazy("One person")), ("key", gettext_lazy("One virtual key")))
COLUMNS = (
    *("id", "name", "scope", "person", "period", "is_active", "limit_usd", "spent_usd", "held_usd", "left_usd"),
    *("alert_percent", "renews_at", "created_at"),
)


@require_GET
def budget_list(request: Asked) -> HttpResponse:
    asked = _asked(request.GET)
    rows = budgets_filtered(request.actor, **asked)
    page = page_of(rows, ordering=ORDER, limit=LIMIT, cursor=request.GET.get("cursor", ""))
    for budget in page.rows:
        budget.state = _shown(request, budget)
    context = {"budgets": page.rows, "asked": asked, "scopes": SCOPES, **Address(asked).around(page)}
    return render(request, "providers/budgets.html", context)


def _asked(given: QueryDict) -> dict[str, str]:
    return {name: given.get(name, "").strip() for name in ("search", "scope")}


@require_GET
def budgets_export(request: Asked) -> StreamingHttpResponse:
    """The budgets that the filters leave, and how each stands now."""
    rows = budgets_filtered(request.actor, **_asked(request.GET))
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
    services.budget_delete(request.actor, selectors.access_budget(request.actor, id))
    messages.success(request, _("The budget was deleted. It holds nothing back any more."))
    return redirect("providers:budgets")


def _shown(request: Asked, budget: Budget) -> dict[str, Any]:
    """How it stands, with what only a page needs: a width and a moment in words."""
    state = selectors.budget_state(request.actor, budget)
    return {**state, "meter": f"{state['percent']:.1f}", "renewed_on": budget_words.moment(state["renews_at"])}
