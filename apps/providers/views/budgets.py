"""Pages of budgets: how each stands, and setting them."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.common.errors import BadInput
from apps.providers import budget_words, selectors, services
from apps.providers.budget_form import BudgetForm
from apps.providers.models import Budget
from apps.providers.views.parts import Asked


@require_GET
def budget_list(request: Asked) -> HttpResponse:
    budgets = sorted(selectors.budgets_visible(request.actor), key=_place)
    for budget in budgets:
        budget.state = _shown(request, budget)  # type: ignore[attr-defined]
    return render(request, "providers/budgets.html", {"budgets": budgets})


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


def _place(budget: Budget) -> tuple:
    """What holds for all comes first."""
    whose = budget.person.short_name if budget.person else ""
    return (list(Budget.Scope).index(Budget.Scope(budget.scope)), whose, budget.period, budget.pk)


def _shown(request: Asked, budget: Budget) -> dict[str, Any]:
    """How it stands, with what only a page needs: a width and a moment in words."""
    state = selectors.budget_state(request.actor, budget)
    return {**state, "meter": f"{state['percent']:.1f}", "renewed_on": budget_words.moment(state["renews_at"])}
