"""The audit log, and the check of its chain."""

from __future__ import annotations

import uuid
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.common.errors import BadInput
from apps.common.exporting import MOST_ROWS, exported
from apps.common.listing import Address
from apps.tasks.models import AuditLog
from apps.tasks.selectors.routing import audit_visible
from apps.tasks.services.audit import AuditProblem, audit_verify
from apps.tasks.trace import audit_line
from apps.tasks.views.tasks import Asked

ROWS = 100
FILTERS = ("category", "object", "actor", "since", "until")
COLUMNS = ("number", "time", "category", "actor", "object_type", "object_id", "data", "previous_hash", "hash")


@require_GET
def audit_list(request: Asked) -> HttpResponse:
    return _page(request)


@require_POST
def verify(request: Asked) -> HttpResponse:
    """Read the whole chain and say what is not as it was written."""
    request.actor.must_manage()
    report = audit_verify(request.actor.team.pk)
    context = {"report": report, "problems": [_problem(one) for one in report.problems]}
    return _page(request, **context)


@require_GET
def export(request: Asked) -> StreamingHttpResponse:
    """The entries that the filters leave, with their hashes: the newest first."""
    rows = _filtered(audit_visible(request.actor), _asked(request.GET))
    return exported(request, rows, name="audit", ordering=("-number",), as_record=_record, columns=COLUMNS)


def _record(entry: AuditLog) -> dict[str, Any]:
    return {**{name: getattr(entry, name) for name in COLUMNS}, "actor": entry.actor_name}


def _page(request: Asked, **more: Any) -> HttpResponse:
    asked = _asked(request.GET)
    rows = _filtered(audit_visible(request.actor), asked)
    before = request.GET.get("before", "")
    if before.isascii() and before.isdigit():
        rows = rows.filter(number__lt=int(before[:18]))
    found = list(rows[: ROWS + 1])
    shown = found[:ROWS]
    older = f"?{urlencode({**_given(asked), 'before': shown[-1].number})}" if len(found) > ROWS else ""
    context = {
        "entries": [audit_line(row) for row in shown],
        "asked": asked,
        "categories": AuditLog.Category.choices,
        "older": older,
        "here": Address(asked).here,
        "most_rows": MOST_ROWS,
        "is_narrowed": any(asked.values()) or bool(before),
    }
    return render(request, "orchestrator/audit.html", {**context, **more})


def _asked(given: QueryDict) -> dict[str, str]:
    return {name: given.get(name, "").strip() for name in FILTERS}


def _filtered(rows: QuerySet[AuditLog], asked: dict[str, str]) -> QuerySet[AuditLog]:
    if asked["category"]:
        rows = rows.filter(category=asked["category"])
    if asked["actor"]:
        rows = rows.filter(actor_name__icontains=asked["actor"])
    if asked["object"]:
        try:
            rows = rows.filter(object_id=uuid.UUID(asked["object"]))
        except ValueError as error:
            raise BadInput(_("That is not the id of a prompt."), field="object") from error
    if asked["since"]:
        rows = rows.filter(time__gte=_midnight(asked["since"], "since"))
    if asked["until"]:
        rows = rows.filter(time__lt=_midnight(asked["until"], "until") + timedelta(days=1))
    return rows


def _midnight(text: str, field: str) -> datetime:
    """When a day begins where the person is."""
    try:
        return timezone.make_aware(datetime.combine(date.fromisoformat(text), time()))
    except (ValueError, OverflowError) as error:
        raise BadInput(_("That is not a day."), field=field) from error


def _given(asked: dict[str, str]) -> dict[str, str]:
    return {name: value for name, value in asked.items() if value}


def _problem(problem: AuditProblem) -> str:
    at = {"n": problem.number, "last": problem.last, "was": problem.was}
    match problem.kind:
        case "removed" if problem.last not in (None, problem.number):
            return _("Entries %(n)s to %(last)s were removed.") % at
        case "removed":
            return _("Entry %(n)s was removed.") % at
        case "moved":
            return _("Entry %(n)s stood at place %(was)s.") % at
        case "added":
            return _("Entry %(n)s was added behind the end.") % at
    return _("Entry %(n)s was changed.") % at
