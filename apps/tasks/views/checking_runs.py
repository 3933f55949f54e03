"""The list of benchmarks of validators."""

from __future__ import annotations

from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.actor import Actor, Asked
from apps.common.exporting import exported
from apps.common.listing import Address, Select, asked_of
from apps.common.paging import page_of
from apps.common.ticked import Bar, Deed, each_answered
from apps.providers.models import TrialStatus
from apps.tasks.models import ValidatorRun
from apps.tasks.selectors.checking import run_card, runs_filtered, runs_visible
from apps.tasks.services.validator_runs import run_delete

FILTERS = ("search", "status", "order")
ORDERS: dict[str, tuple[str, ...]] = {"": ("-created_at",), "oldest": ("created_at",), "dearest": ("-cost_usd", "-created_at")}
ORDER_WORDS = {"": gettext_lazy("Newest first"), "oldest": gettext_lazy("Oldest first"), "dearest": gettext_lazy("Dearest first")}
COLUMNS = ("id", "created_at", "finished_at", "status", "cases", "models", "done", "total", "calls", "estimate", "cost", "error")


@require_GET
def run_list(request: Asked) -> HttpResponse:
    asked = asked_of(request.GET, FILTERS)
    order = ORDERS.get(asked["order"], ORDERS[""])
    page = page_of(_found(request.actor, request.GET), ordering=order, cursor=request.GET.get("cursor", ""))
    address = Address(asked)
    context = {
        "runs": [run_card(run) for run in page.rows],
        "asked": asked,
        "selects": [
            Select("status", _("State"), [("", _("Any state")), *TrialStatus.choices], asked["status"]),
            Select("order", _("Order"), list(ORDER_WORDS.items()), asked["order"]),
        ],
        "bar": Bar(reverse("tasks:checking_runs_bulk"), _deeds(), address.here, bool(page.next)),
        **address.around(page),
    }
    return render(request, "orchestrator/checking_runs.html", context)


def _found(actor: Actor, given: QueryDict) -> QuerySet[ValidatorRun]:
    asked = asked_of(given, FILTERS)
    return runs_filtered(actor, search=asked["search"], status=asked["status"])


def _deeds() -> list[Deed]:
    text = _("Their figures go with them. What they cost stays on record. This cannot be undone.")
    return [Deed("delete", _("Delete"), "delete", _("Delete the ticked benchmarks?"), text, _("delete"))]


@require_POST
def runs_bulk(request: Asked) -> HttpResponse:
    """Delete the ticked benchmarks with their verdicts."""
    actor = request.actor
    actor.must_manage()
    return each_answered(
        request,
        "tasks:checking_runs",
        deeds=_deeds(),
        left_by=lambda given: _found(actor, given),
        visible=runs_visible(actor),
        do=lambda _deed, run: run_delete(actor, run),
        said=lambda _deed, n: ngettext("%(n)s benchmark was deleted.", "%(n)s benchmarks were deleted.", n) % {"n": n},
    )


@require_GET
def runs_export(request: Asked) -> StreamingHttpResponse:
    rows = _found(request.actor, request.GET)
    return exported(request, rows, name="checker-benchmarks", ordering=("-created_at",), as_record=run_card, columns=COLUMNS)
