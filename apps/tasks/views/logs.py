"""The log of a team: its lines with filters, one line with its data, and what was asked for as a file."""

from __future__ import annotations

import json
import uuid
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET

from apps.accounts.actor import Asked
from apps.accounts.models import User
from apps.common.exporting import MOST_ROWS, exported
from apps.common.listing import Address
from apps.providers.models import AIModel, Provider
from apps.tasks.event_words import event_label
from apps.tasks.messages import EVENTS
from apps.tasks.models import ExecutionLog
from apps.tasks.selectors.logs import (
    LOOKED_THROUGH,
    LogQuery,
    access_log,
    log_line,
    logs_found,
    logs_page,
    logs_with_words,
)

LEVEL_WORDS = {"error": gettext_lazy("Errors"), "warning": gettext_lazy("Warnings"), "info": gettext_lazy("Other lines")}
PERIOD_WORDS = {
    "hour": gettext_lazy("Last hour"),
    "day": gettext_lazy("Last day"),
    "week": gettext_lazy("Last week"),
    "month": gettext_lazy("Last 30 days"),
}
COLUMNS = (
    "created_at",
    "level",
    "event",
    "text",
    "model",
    "person",
    "task",
    "task_title",
    "order",
    "prompt",
    "request_id",
    "data",
    "id",
)


@require_GET
def log_list(request: Asked) -> HttpResponse:
    query = LogQuery.of(request.GET)
    found = logs_page(request.actor, query, cursor=request.GET.get("cursor", ""))
    address = Address(query.given)
    lines = [log_line(row) for row in found.page.rows]
    is_first = "cursor" not in request.GET
    context = {
        "lines": lines,
        "asked": query,
        "levels": address.choice("level", LEVEL_WORDS),
        "periods": address.choice("period", PERIOD_WORDS),
        "taken": address.taken(_labels(query, lines)),
        **address.around(found.page),
        "is_narrowed": bool(query.given) or not is_first,
        "looked_back_to": found.looked_back_to,
        "looked_through": LOOKED_THROUGH,
        "further": found.further and address.with_(cursor=found.further),
        "filters_json": json.dumps(query.given),
        "newest": lines[0]["id"] if lines and is_first else "",
        "may_follow": is_first and query.is_live,
        "most_rows": MOST_ROWS,
        **_choices(request),
    }
    return render(request, "tasks/logs.html", context)


def _choices(request: Asked) -> dict[str, Any]:
    """What the boxes of the filter offer. Three queries, whatever the size of the log."""
    team = request.actor.team
    models = AIModel.objects.filter(provider__team=team).only("display_name", "key")[:500]
    people = User.objects.filter(memberships__team=team).only("public_id", "name", "email").order_by("name", "email")[:200]
    return {
        "events": sorted((event_label(event), event) for event in EVENTS),
        "models": sorted({str(model) for model in models}),
        "providers": Provider.objects.filter(team=team).only("name", "display_name").order_by("name"),
        "people": people,
    }


def _labels(query: LogQuery, lines: list[dict[str, Any]]) -> dict[str, str]:
    """What the chips of filters say that have no chip of their own; names come from the lines that are shown anyway."""
    first = lines[0] if lines else {}
    return {
        "event": event_label(query.event),
        "task": _("Task: %(name)s") % {"name": first.get("task_title") or query.task[:8]},
        "subtask": _("One step"),
        "prompt": _("One prompt"),
        "model": query.model,
        "provider": query.provider,
        "person": _("By %(name)s") % {"name": first.get("person_name") or query.person[:8]},
        "request_id": _("Request %(id)s") % {"id": query.request_id[:8]},
        "since": _("From %(time)s") % {"time": query.since},
        "until": _("Until %(time)s") % {"time": query.until},
        "words": f"“{query.words}”",
    }


@require_GET
def log_page(request: Asked, id: uuid.UUID) -> HttpResponse:
    """One line with all that is known of it."""
    row = access_log(request.actor, id)
    line = log_line(row)
    data = json.dumps(line["data"], indent=2, ensure_ascii=False, cls=DjangoJSONEncoder, sort_keys=True) if line["data"] else ""
    return render(request, "tasks/log.html", {"line": line, "data": data})


@require_GET
def log_export(request: Asked) -> StreamingHttpResponse:
    """The lines that were asked for as CSV or JSON, the newest first, `MOST_ROWS` at most."""
    query = LogQuery.of(request.GET)
    lines = logs_with_words(logs_found(request.actor, query), query.words)
    return exported(request, lines, name="log", ordering=("-created_at",), as_record=_record, columns=COLUMNS)


def _record(row: ExecutionLog) -> dict[str, Any]:
    line = log_line(row)
    return {
        **{name: line.get(name) for name in COLUMNS},
        "created_at": timezone.localtime(row.created_at),
        "person": line["person_name"],
    }
