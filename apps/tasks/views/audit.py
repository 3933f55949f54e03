"""The audit log, and the check of its chain."""

from __future__ import annotations

import json
import uuid
from datetime import date, datetime, time, timedelta
from typing import Any

from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from django.http import HttpResponse, QueryDict, StreamingHttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.actor import Asked
from apps.common.errors import BadInput
from apps.common.exporting import MOST_ROWS, exported
from apps.common.listing import Address, asked_of
from apps.common.paging import page_of
from apps.tasks.audit_words import problem_words
from apps.tasks.models import AuditLog
from apps.tasks.selectors.routing import audit_visible
from apps.tasks.services.audit import audit_verify
from apps.tasks.trace import audit_line

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
    context = {"report": report, "problems": [problem_words(one) for one in report.problems]}
    return _page(request, **context)


@require_GET
def export(request: Asked) -> StreamingHttpResponse:
    """The entries that the filters leave, with their hashes: the newest first."""
    rows = _filtered(audit_visible(request.actor), _asked(request.GET))
    return exported(request, rows, name="audit", ordering=("-number",), as_record=_record, columns=COLUMNS)


def _record(entry: AuditLog) -> dict[str, Any]:
    return {name: entry.actor_name if name == "actor" else getattr(entry, name) for name in COLUMNS}


def _page(request: Asked, **more: Any) -> HttpResponse:
    asked = _asked(request.GET)
    rows = _filtered(audit_visible(request.actor), asked)
    page = page_of(rows, ordering=("-number",), limit=ROWS, cursor=request.GET.get("cursor", ""))
    context = {
        "entries": [{**audit_line(row), "whole": _whole(row)} for row in page.rows],
        "asked": asked,
        "categories": AuditLog.Category.choices,
        "most_rows": MOST_ROWS,
        **Address(asked).around(page),
    }
    return render(request, "orchestrator/audit.html", {**context, **more})


def _whole(entry: AuditLog) -> str:
    """All of it, as it was hashed."""
    return json.dumps(_record(entry), indent=1, ensure_ascii=False, cls=DjangoJSONEncoder)


def _asked(given: QueryDict) -> dict[str, str]:
    return asked_of(given, FILTERS)


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
