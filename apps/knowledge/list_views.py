"""The list of templates: found, ordered, many deleted together, and the list as a file."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.db.models import QuerySet
from django.http import HttpResponse, JsonResponse, QueryDict
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext
from django.views.decorators.http import require_GET, require_POST
from rest_framework.utils.encoders import JSONEncoder

from apps.accounts.actor import Actor, Asked
from apps.common.listing import Address, Select, asked_of
from apps.common.paging import page_of
from apps.common.ticked import Bar, Deed, each_answered
from apps.knowledge import selectors, services
from apps.knowledge.forms import ImportForm
from apps.knowledge.models import Template

LIMIT = 50
SHOWN_WHEN_DELETED, MOST_DELETED = timedelta(days=30), 50
FILTERS = ("search", "category", "order")
ORDERS: dict[str, tuple[str, ...]] = {"": ("name",), "changed": ("-updated_at",), "newest": ("-created_at",)}
ORDER_WORDS = {
    "": gettext_lazy("By name"),
    "changed": gettext_lazy("Changed last first"),
    "newest": gettext_lazy("Newest first"),
}


@require_GET
def template_list(request: Asked) -> HttpResponse:
    asked = asked_of(request.GET, FILTERS)
    order = ORDERS.get(asked["order"], ORDERS[""])
    page = page_of(_found(request.actor, request.GET), ordering=order, limit=LIMIT, cursor=request.GET.get("cursor", ""))
    address = Address(asked)
    context = {
        "rows": [_shown(row) for row in page.rows],
        "asked": asked,
        "chips": address.choice("category", [("", _("All")), *((one, one) for one in selectors.categories_of(request.actor))]),
        "passed": {"category": asked["category"]},
        "selects": [Select("order", _("Order"), list(ORDER_WORDS.items()), asked["order"])],
        "deleted": [] if any(asked.values()) else _deleted(request.actor),
        "import_form": ImportForm(),
        "bar": Bar(reverse("knowledge:templates_bulk"), _deeds(), address.here, bool(page.next)),
        **address.around(page),
    }
    return render(request, "knowledge/templates.html", context)


def _found(actor: Actor, given: QueryDict) -> QuerySet[Template]:
    asked = asked_of(given, FILTERS)
    return selectors.templates_filtered(actor, search=asked["search"], category=asked["category"])


def _deleted(actor: Actor) -> list[dict[str, Any]]:
    gone = Template.objects.filter(team=actor.team, deleted_at__gte=timezone.now() - SHOWN_WHEN_DELETED)
    return [_shown(row) for row in gone.select_related("owner").order_by("-deleted_at")[:MOST_DELETED]]


def _shown(row: Template) -> dict[str, Any]:
    return {**selectors.template_json(row), "deleted_at": row.deleted_at}


def _deeds() -> list[Deed]:
    text = _("For 30 days they can be brought back from the end of this page.")
    return [Deed("delete", _("Delete"), "delete", _("Delete the ticked templates?"), text)]


@require_POST
def templates_bulk(request: Asked) -> HttpResponse:
    """Delete the ticked templates, as far as they are the actor's to delete."""
    actor = request.actor
    actor.must_work()
    return each_answered(
        request,
        "knowledge:templates",
        deeds=_deeds(),
        left_by=lambda given: _found(actor, given),
        visible=selectors.templates_visible(actor),
        do=lambda _deed, row: services.template_delete(actor, row),
        said=lambda _deed, n: ngettext("%(n)s template was deleted.", "%(n)s templates were deleted.", n) % {"n": n},
    )


@require_GET
def templates_export(request: Asked) -> HttpResponse:
    """The templates that the filters leave, as a file that an import takes."""
    file = selectors.export_json(_found(request.actor, request.GET))
    response = JsonResponse(file, encoder=JSONEncoder, json_dumps_params={"ensure_ascii": False, "indent": 1})
    response["Content-Disposition"] = 'attachment; filename="templates.json"'
    return response
