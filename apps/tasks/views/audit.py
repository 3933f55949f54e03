"""The audit log, and the check of its chain."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlencode

from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.common.errors import BadInput
from apps.tasks.models import AuditLog
from apps.tasks.selectors.routing import audit_visible
from apps.tasks.services.audit import AuditProblem, audit_verify
from apps.tasks.trace import audit_line
from apps.tasks.views.tasks import Asked

ROWS = 100
FILTERS = ("category", "object", "actor")


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


def _page(request: Asked, **more: Any) -> HttpResponse:
    asked = {name: request.GET.get(name, "").strip() for name in FILTERS}
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
        "is_narrowed": any(asked.values()) or bool(before),
    }
    return render(request, "orchestrator/audit.html", {**context, **more})


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
    return rows


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
