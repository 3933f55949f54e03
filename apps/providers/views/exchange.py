"""Files of specialized AIs, models and prices: what goes out and what comes in."""

from __future__ import annotations

from typing import Any

from django.http import HttpResponse, StreamingHttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from apps.accounts.actor import Asked
from apps.common.exporting import exported
from apps.common.importing import taken_in
from apps.providers.models import ModelRating
from apps.providers.services import exchange
from apps.providers.views.specialized import specialized_found


@require_GET
def specialized_export(request: Asked) -> StreamingHttpResponse:
    rows = specialized_found(request.actor, request.GET)
    return exported(
        request,
        rows,
        name="specialized-ais",
        ordering=("name",),
        as_record=exchange.specialized_record,
        columns=exchange.SPECIALIZED_COLUMNS,
    )


@require_http_methods(["GET", "POST"])
def specialized_import(request: Asked) -> HttpResponse:
    request.actor.must_work()
    return taken_in(
        request,
        lambda rows: exchange.specialized_ais_import(request.actor, rows),
        title=_("Import specialized AIs"),
        help=_("A JSON or CSV file as the export gives it. One whose name your team has already is changed, others are made."),
        back="providers:specialized_list",
    )


@require_http_methods(["GET", "POST"])
def prices_import(request: Asked) -> HttpResponse:
    request.actor.must_work()
    return taken_in(
        request,
        lambda rows: exchange.prices_import(request.actor, rows),
        title=_("Import prices"),
        help=_(
            "A CSV or JSON file with the columns provider, model and the prices that are to be set, in US dollars for a "
            "million tokens. The export of models has these columns. An empty cell leaves a price as it is."
        ),
        back="providers:models",
    )


@require_GET
def ratings_export(request: Asked) -> StreamingHttpResponse:
    rows = ModelRating.objects.filter(team=request.actor.team).select_related("model__provider__key", "owner")
    columns = ("provider", "model", "category", "stars", "comment", "person", "created_at")
    return exported(request, rows, name="ratings", ordering=("-created_at",), as_record=_rating, columns=columns)


def _rating(row: ModelRating) -> dict[str, Any]:
    return {
        "provider": row.model.provider.name,
        "model": row.model.key,
        "category": row.category,
        "stars": row.stars,
        "comment": row.comment,
        "person": row.owner.short_name if row.owner else "",
        "created_at": row.created_at,
    }
