"""The lists of benchmarks and comparisons: found, ordered, many deleted together, and brought back."""

from __future__ import annotations

import uuid
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.actor import Asked
from apps.common.bulk import Outcome
from apps.common.exporting import exported
from apps.common.listing import Address, Select, asked_of
from apps.common.paging import page_of
from apps.common.ticked import Bar, Deed, answered, deed_of, do_each, ids_asked
from apps.common.undo import moment_of, remember_deleted, say_brought_back, take_deleted
from apps.providers import selectors, services
from apps.providers.models import AIModel, Benchmark, Comparison, TrialStatus

LIMIT = 25  # each is shown with the figures of all its answers
FILTERS = ("search", "status", "mine", "order")
ORDERS: dict[str, tuple[str, ...]] = {
    "": ("-created_at",),
    "oldest": ("created_at",),
    "dearest": ("-cost_sum", "-created_at"),
    "right": ("-right_share", "-created_at"),  # of benchmarks alone
}
ORDER_WORDS = {
    "": gettext_lazy("Newest first"),
    "oldest": gettext_lazy("Oldest first"),
    "dearest": gettext_lazy("Dearest first"),
    "right": gettext_lazy("Most right first"),
}
COMPARISON_COLUMNS = ("id", "created_at", "status", "category", "prompt", "models", "best", "cost_usd")
BENCHMARK_COLUMNS = (
    *("id", "created_at", "status", "provider", "model", "rounds", "answered", "failed", "correct_share"),
    *("first_token_ms", "latency_ms", "tokens_per_second", "input_tokens", "output_tokens", "cost_usd"),
)


# ── comparisons ───────────────────────────────────────────────────────────────────────────────────────────────────
def comparisons_listed(request: Asked) -> dict[str, Any]:
    """A page of the comparisons as they were asked for."""
    asked = asked_of(request.GET, FILTERS)
    page = page_of(_comparisons(request, asked), ordering=_order(asked), limit=LIMIT, cursor=request.GET.get("cursor", ""))
    address = Address(asked)
    return {
        "history": [selectors.comparison_state(row, with_texts=False) for row in page.rows],
        "asked": asked,
        "selects": _selects(asked, "right"),
        "undo": take_deleted(request, "comparisons"),
        "bar": Bar(
            reverse("providers:comparisons_bulk"),
            [_deletion(_("Delete the ticked comparisons?"))],
            address.here,
            bool(page.next),
        ),
        **address.around(page),
    }


def _comparisons(request: Asked, asked: dict[str, str]) -> QuerySet[Comparison]:
    return selectors.comparisons_filtered(request.actor, search=asked["search"], status=asked["status"], mine=asked["mine"])


@require_POST
def comparisons_bulk(request: Asked) -> HttpResponse:
    return _delete(
        request, "comparisons", lambda given: _comparisons(request, asked_of(given, FILTERS)), reverse("providers:compare")
    )


@require_POST
def comparisons_undo(request: Asked) -> HttpResponse:
    return _restore(request, Comparison, "providers:compare")


@require_GET
def comparisons_export(request: Asked) -> StreamingHttpResponse:
    rows = _comparisons(request, asked_of(request.GET, FILTERS))
    return exported(
        request, rows, name="comparisons", ordering=("-created_at",), as_record=_comparison, columns=COMPARISON_COLUMNS
    )


def _comparison(row: Comparison) -> dict[str, Any]:
    state = selectors.comparison_state(row, with_texts=False)
    names = {column["column"]: column["model"]["label"] for column in state["columns"]}
    own = {name: state[name] for name in ("id", "created_at", "status", "category", "prompt", "cost_usd")}
    return {**own, "models": list(names.values()), "best": [names[position] for position in state["best"]]}


# ── benchmarks ────────────────────────────────────────────────────────────────────────────────────────────────────
def benchmarks_listed(request: Asked, model: AIModel | None) -> dict[str, Any]:
    """A page of the benchmarks of a model, or of all, as they were asked for."""
    asked = asked_of(request.GET, FILTERS)
    page = page_of(_benchmarks(request, asked, model), ordering=_order(asked), limit=LIMIT, cursor=request.GET.get("cursor", ""))
    address = Address(asked)
    return {
        "history": [selectors.benchmark_state(row) for row in page.rows],
        "asked": asked,
        "selects": _selects(asked),
        "undo": take_deleted(request, "benchmarks"),
        "bar": Bar(
            reverse("providers:benchmarks_bulk", args=[model.public_id]) if model else reverse("providers:all_benchmarks_bulk"),
            [_deletion(_("Delete the ticked benchmarks?"))],
            address.here,
            bool(page.next),
        ),
        **address.around(page),
    }


def _benchmarks(request: Asked, asked: dict[str, str], model: AIModel | None) -> QuerySet[Benchmark]:
    narrowed = {name: asked[name] for name in ("search", "status", "mine")}
    return selectors.benchmarks_filtered(request.actor, model=str(model.public_id) if model else "", **narrowed)


@require_GET
def benchmark_list(request: Asked) -> HttpResponse:
    """Of all models."""
    return render(request, "providers/benchmark_list.html", benchmarks_listed(request, None))


@require_POST
def benchmarks_bulk(request: Asked, id: uuid.UUID) -> HttpResponse:
    """Of one model."""
    return _benchmarks_delete(request, selectors.access_model(request.actor, id))


@require_POST
def all_benchmarks_bulk(request: Asked) -> HttpResponse:
    return _benchmarks_delete(request, None)


def _benchmarks_delete(request: Asked, model: AIModel | None) -> HttpResponse:
    back = reverse("providers:benchmarks", args=[model.public_id]) if model else reverse("providers:benchmark_list")
    return _delete(request, "benchmarks", lambda given: _benchmarks(request, asked_of(given, FILTERS), model), back)


@require_POST
def benchmarks_undo(request: Asked) -> HttpResponse:
    return _restore(request, Benchmark, "providers:benchmark_list")


@require_GET
def benchmarks_export(request: Asked) -> StreamingHttpResponse:
    rows = _benchmarks(request, asked_of(request.GET, FILTERS), None)
    return exported(request, rows, name="benchmarks", ordering=("-created_at",), as_record=_benchmark, columns=BENCHMARK_COLUMNS)


def _benchmark(row: Benchmark) -> dict[str, Any]:
    state = selectors.benchmark_state(row)
    return {**state, "provider": row.model.provider.name, "model": row.model.key}


# ── below ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def _order(asked: dict[str, str]) -> tuple[str, ...]:
    return ORDERS.get(asked["order"], ORDERS[""])


def _selects(asked: dict[str, str], *without: str) -> list[Select]:
    states = [("", _("Any state")), *TrialStatus.choices]
    whose = [("", _("Everybody's")), ("1", _("Mine"))]
    orders = [(name, word) for name, word in ORDER_WORDS.items() if name not in without]
    return [
        Select("status", _("State"), states, asked["status"]),
        Select("mine", _("Whose"), whose, asked["mine"]),
        Select("order", _("Order"), orders, asked["order"]),
    ]


def _delete(request: Asked, kind: str, left_by: Any, back: str) -> HttpResponse:
    request.actor.must_work()
    moment = timezone.now()

    def act() -> tuple[Outcome, str]:
        deed_of(request, [_deletion("")])
        rows = selectors.comparisons_visible if kind == "comparisons" else selectors.benchmarks_visible
        ids = ids_asked(request, left_by)
        outcome = do_each(rows(request.actor), ids, lambda row: services.trial_delete(request.actor, row, moment=moment))
        remember_deleted(request, kind, moment, outcome.done)
        return outcome, ""

    return answered(request, back, act)


def _restore(request: Asked, kind: type[Benchmark | Comparison], back: str) -> HttpResponse:
    say_brought_back(request, services.trials_restore(request.actor, kind, moment_of(request)))
    return redirect(back)


def _deletion(title: str) -> Deed:
    text = _("What their answers cost stays on record. For a day they can be brought back.")
    return Deed("delete", _("Delete"), "delete", title, text)
