"""Pages of benchmarks, comparisons and ratings."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.actor import Asked
from apps.common.errors import BadInput, Conflict
from apps.common.undo import remember_deleted
from apps.providers import selectors, services
from apps.providers.models import Trial
from apps.providers.trials.questions import QUESTIONS
from apps.providers.trials_form import CompareForm, RatingForm
from apps.providers.views.trial_lists import benchmarks_listed, comparisons_listed


# ── comparisons ───────────────────────────────────────────────────────────────────────────────────────────────────
@require_http_methods(["GET", "POST"])
def compare(request: Asked) -> HttpResponse:
    """The form for a new one, and the list of the others. `?model=` ticks a model, `?again=` takes over an earlier one."""
    form = CompareForm(request.POST or None, actor=request.actor, initial=_asked_for(request))
    if request.method == "POST" and form.is_valid():
        try:
            row = services.comparison_start(request.actor, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            return redirect("providers:comparison", row.public_id)
    context = {"form": form, **comparisons_listed(request)}
    return render(request, "providers/compare.html", context, status=400 if form.errors else 200)


@require_GET
def comparison(request: Asked, id: uuid.UUID) -> HttpResponse:
    return render(request, "providers/comparison.html", _comparison_context(request, id))


@require_GET
def comparison_parts(request: Asked, id: uuid.UUID) -> HttpResponse:
    return render(request, "providers/_comparison_parts.html", _comparison_context(request, id))


@require_POST
def comparison_stop(request: Asked, id: uuid.UUID) -> HttpResponse:
    row = selectors.access_comparison(request.actor, id)
    _stop(request, row)
    return redirect("providers:comparison", row.public_id)


@require_POST
def comparison_delete(request: Asked, id: uuid.UUID) -> HttpResponse:
    moment = services.trial_delete(request.actor, selectors.access_comparison(request.actor, id))
    remember_deleted(request, "comparisons", moment, 1)
    return redirect("providers:compare")


@require_POST
def comparison_rate(request: Asked, id: uuid.UUID) -> HttpResponse:
    row = selectors.access_comparison(request.actor, id)
    given = RatingForm(request.POST)
    if given.is_valid() and given.cleaned_data["column"]:
        stars, column = given.cleaned_data["stars"], given.cleaned_data["column"]
        services.comparison_rate(request.actor, row, column=column, stars=stars)
    return redirect("providers:comparison", row.public_id)


# ── benchmarks ────────────────────────────────────────────────────────────────────────────────────────────────────
@require_http_methods(["GET", "POST"])
def benchmarks(request: Asked, id: uuid.UUID) -> HttpResponse:
    """Start a benchmark of a model, and what the others gave."""
    model = selectors.access_model(request.actor, id)
    if request.method == "POST":
        try:
            row = services.benchmark_start(request.actor, model, rounds=_rounds(request))
        except (Conflict, BadInput) as error:
            messages.error(request, error.message)
            return redirect("providers:benchmarks", model.public_id)
        return redirect("providers:benchmark", row.public_id)
    context = {"model": model, "questions": len(QUESTIONS), **benchmarks_listed(request, model)}
    return render(request, "providers/benchmarks.html", context)


@require_GET
def benchmark(request: Asked, id: uuid.UUID) -> HttpResponse:
    return render(request, "providers/benchmark.html", _benchmark_context(request, id))


@require_GET
def benchmark_parts(request: Asked, id: uuid.UUID) -> HttpResponse:
    return render(request, "providers/_benchmark_parts.html", _benchmark_context(request, id))


@require_POST
def benchmark_stop(request: Asked, id: uuid.UUID) -> HttpResponse:
    row = selectors.access_benchmark(request.actor, id)
    _stop(request, row)
    return redirect("providers:benchmark", row.public_id)


@require_POST
def benchmark_delete(request: Asked, id: uuid.UUID) -> HttpResponse:
    row = selectors.access_benchmark(request.actor, id)
    remember_deleted(request, "benchmarks", services.trial_delete(request.actor, row), 1)
    return redirect("providers:benchmarks", row.model.public_id)


# ── ratings ───────────────────────────────────────────────────────────────────────────────────────────────────────
@require_POST
def model_rate(request: Asked, id: uuid.UUID) -> HttpResponse:
    model = selectors.access_model(request.actor, id)
    form = RatingForm(request.POST)
    if form.is_valid():
        given = {name: form.cleaned_data[name] for name in ("stars", "category", "comment")}
        services.model_rate(request.actor, model, **given)
        messages.success(request, _("Your rating of %s was kept.") % model)
    else:
        messages.error(request, _("A rating is 1 to 5 stars."))
    return redirect("providers:model", model.public_id)


@require_POST
def rating_delete(request: Asked, id: uuid.UUID) -> HttpResponse:
    """Take one's stars back, from the model's page; an admin may remove another's."""
    rating = selectors.access_rating(request.actor, id)
    services.rating_delete(request.actor, rating)
    messages.success(request, _("The rating of %s was taken back.") % rating.model)
    return redirect("providers:model", rating.model.public_id)


# ── below ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _stop(request: Asked, row: Trial) -> None:
    try:
        services.trial_stop(request.actor, row)
    except Conflict as error:  # it ended while the person pressed
        messages.info(request, error.message)


def _comparison_context(request: Asked, id: uuid.UUID) -> dict[str, Any]:
    row = selectors.access_comparison(request.actor, id)
    return {
        "comparison": selectors.comparison_state(row),
        "owner": row.owner,
        "may_change": request.actor.may_change(row.owner_id),
    }


def _benchmark_context(request: Asked, id: uuid.UUID) -> dict[str, Any]:
    row = selectors.access_benchmark(request.actor, id)
    state = selectors.benchmark_state(row, with_answers=True)
    return {"benchmark": state, "model": row.model, "may_change": request.actor.may_change(row.owner_id)}


def _asked_for(request: Asked) -> dict[str, Any]:
    again = request.GET.get("again")
    if again:
        row = selectors.access_comparison(request.actor, again)
        models = [str(column.model.public_id) for column in row.answers.all() if column.model]
        plain = {name: getattr(row, name) for name in ("prompt", "system", "category", "max_output_tokens", "temperature")}
        return {**plain, "models": models}
    return {"models": request.GET.getlist("model")}


def _rounds(request: Asked) -> int:
    try:
        return int(request.POST.get("rounds", "3"))
    except ValueError:
        return 0
