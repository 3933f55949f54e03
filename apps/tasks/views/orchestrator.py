"""The orchestrator: what the route did lately, its prompts, and one prompt with the whole route."""

from __future__ import annotations

import uuid
from typing import Any
from urllib.parse import urlencode

from asgiref.sync import async_to_sync
from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.actor import Asked
from apps.common.errors import BadInput, OrquestradorError
from apps.common.exporting import MOST_ROWS, exported
from apps.common.paging import page_of
from apps.common.searching import Searched, searched
from apps.providers.models import AIModel
from apps.tasks import trace
from apps.tasks.charts import daily_charts
from apps.tasks.models import TaskExecution
from apps.tasks.route_words import savings_unknown_because
from apps.tasks.runner.by_hand import escalate_by_hand
from apps.tasks.runner.routing import asker_of
from apps.tasks.selectors.cache import cache_figures
from apps.tasks.selectors.routing import access_execution, audit_of, execution_card, execution_detail, executions_visible
from apps.tasks.selectors.routing_metrics import providers_status, routing_metrics
from apps.tasks.services.routing import execution_rate
from apps.tasks.workings import weighed_of

DAYS = (7, 30, 90)
RECENT, LIST_LIMIT = 12, 50
STATES = (
    ("", gettext_lazy("All")),
    ("answered", gettext_lazy("Answered")),
    ("escalated", gettext_lazy("Escalated")),
    ("failed", gettext_lazy("Failed")),
    ("cached", gettext_lazy("From the cache")),
)


# ── the overview ──────────────────────────────────────────────────────────────────────────────────────────────────
@require_GET
def overview(request: Asked) -> HttpResponse:
    """Prompts as they come and who answers them; the figures follow by themselves."""
    context = {"cards": _recent(request), "providers": providers_status(request.actor), "days": _days(request)}
    return render(request, "orchestrator/overview.html", context)


@require_GET
def recent(request: Asked) -> HttpResponse:
    """The newest prompts alone."""
    return render(request, "orchestrator/_recent.html", {"cards": _recent(request)})


@require_GET
def figures(request: Asked) -> HttpResponse:
    """Cards, charts with their tables, and savings, of so many days."""
    days = _days(request)
    found = routing_metrics(request.actor, days)
    savings = found["general"]["savings"]
    context = {
        "days": days,
        "choices": DAYS,
        "general": found["general"],
        "savings": savings,
        "why_unknown": savings["why_unknown"] and savings_unknown_because(savings["why_unknown"]),
        "by_provider": found["by_provider"],
        "daily": found["daily"],
        "charts": daily_charts(found["daily"]),
        "cache": cache_figures(request.actor),
    }
    return render(request, "orchestrator/_figures.html", context)


def _days(request: Asked) -> int:
    given = request.GET.get("days", "")
    return int(given) if given in map(str, DAYS) else DAYS[0]


def _recent(request: Asked) -> list[dict[str, Any]]:
    return [_card(row) for row in _light(executions_visible(request.actor)).order_by("-created_at", "-pk")[:RECENT]]


def _light(rows: QuerySet[TaskExecution]) -> QuerySet[TaskExecution]:
    return rows.defer("messages", "output", "metadata")


def _card(row: TaskExecution) -> dict[str, Any]:
    return {**execution_card(row), "is_open": row.finished_at is None}


@require_GET
def prompts(request: Asked) -> HttpResponse:
    """All prompts, page by page."""
    asked = {name: request.GET.get(name, "").strip() for name in ("state", "search")}
    found = _prompts_page(request, **asked)
    page = found.page
    context = {
        "cards": [_card(row) for row in page.rows],
        "asked": asked,
        "chips": [
            {"label": label, "query": _query(asked, state=name), "is_on": asked["state"] == name} for name, label in STATES
        ],
        "next": page.next and _query(asked, cursor=page.next),
        "previous": page.previous and _query(asked, cursor=page.previous),
        "is_narrowed": any(asked.values()) or "cursor" in request.GET,
        "looked_back_to": found.looked_back_to,
        "further": found.further and _query(asked, cursor=found.further),
        "here": _query(asked),
        "most_rows": MOST_ROWS,
    }
    return render(request, "orchestrator/prompts.html", context)


def _prompts_page(request: Asked, *, state: str, search: str) -> Searched:
    cursor = request.GET.get("cursor", "")
    rows = _light(_filtered(executions_visible(request.actor), state=state))
    if not search:
        return Searched(page_of(rows, ordering=("-created_at",), limit=LIST_LIMIT, cursor=cursor))
    return searched(rows, lambda found: found.filter(input__icontains=search), limit=LIST_LIMIT, cursor=cursor)


PROMPT_COLUMNS = (
    *("task_id", "created_at", "status", "source", "input", "output", "model", "provider_name", "task_type", "strategy"),
    *("complexity", "confidence_score", "divergence", "verified", "escalation_count", "execution_time_ms", "first_token_ms"),
    *("input_tokens", "output_tokens", "cost", "cache", "thumb", "error_code", "error"),
)


@require_GET
def prompts_export(request: Asked) -> StreamingHttpResponse:
    """The prompts that the filters leave, with their answers, as CSV or JSON."""
    state, search = request.GET.get("state", "").strip(), request.GET.get("search", "").strip()
    rows = _filtered(executions_visible(request.actor), state=state).defer("messages", "metadata")
    rows = rows.filter(input__icontains=search) if search else rows
    return exported(request, rows, name="prompts", ordering=("-created_at",), as_record=_prompt_record, columns=PROMPT_COLUMNS)


def _prompt_record(row: TaskExecution) -> dict[str, Any]:
    return {**{name: value for name, value in execution_card(row).items() if name in PROMPT_COLUMNS}, "output": row.output}


def _filtered(rows: QuerySet[TaskExecution], *, state: str) -> QuerySet[TaskExecution]:
    match state:
        case "answered":
            return rows.filter(status__in=TaskExecution.ANSWERED)
        case "escalated":
            return rows.filter(escalation_count__gt=0)
        case "failed":
            return rows.filter(status=TaskExecution.Status.FAILED)
        case "cached":
            return rows.filter(cache__in=("exact", "semantic"))
    return rows


def _query(asked: dict[str, str], **changes: str) -> str:
    return "?" + urlencode({name: value for name, value in {**asked, **changes}.items() if value})


# ── one prompt ────────────────────────────────────────────────────────────────────────────────────────────────────
@require_GET
def execution(request: Asked, execution_id: uuid.UUID) -> HttpResponse:
    """The answer, and the whole route that led to it."""
    row = access_execution(request.actor, execution_id)
    detail = execution_detail(row)
    context = {
        "execution": row,
        "detail": detail,
        "trace": trace.trace_of(detail),
        "audit": [trace.audit_line(entry) for entry in audit_of(row)] if request.actor.can_manage else [],
        "may_change": request.actor.can_work and (row.owner_id == request.actor.user.pk or request.actor.can_manage),
        "models": _stronger(request, row) if row.is_answered else [],
    }
    return render(request, "orchestrator/execution.html", context)


def _stronger(request: Asked, row: TaskExecution) -> list[AIModel]:
    """Models that the answer can be given to, but for the one that wrote it. One query."""
    rows = AIModel.objects.in_use().filter(provider__team=request.actor.team).select_related("provider")
    return sorted((one for one in rows if one.is_chat and one.pk != row.current_model_id), key=str)


@require_POST
def escalate(request: Asked, execution_id: uuid.UUID) -> HttpResponse:
    """Have a stronger model, or the chosen one, answer it anew."""
    row = access_execution(request.actor, execution_id)
    request.actor.must_own(row.owner_id)
    try:
        done = async_to_sync(escalate_by_hand)(asker_of(request.actor), row, model=request.POST.get("model", ""))
    except OrquestradorError as error:
        messages.warning(request, error.message)
    else:
        messages.success(request, _("%(model)s has answered it anew.") % {"model": done.routed.by.label})
    return redirect("tasks:execution", execution_id)


@require_POST
def thumb(request: Asked, execution_id: uuid.UUID) -> HttpResponse:
    """What the person thinks of the answer; the same thumb again takes it back."""
    row = access_execution(request.actor, execution_id)
    given = {"up": 1, "down": -1}.get(request.POST.get("thumb", ""))
    if given is None:
        raise BadInput(_("A thumb is up or down."), field="thumb")
    execution_rate(request.actor, row, thumb=None if row.thumb == given else given)
    return redirect("tasks:execution", execution_id)


@require_GET
def weighed(request: Asked, execution_id: uuid.UUID) -> HttpResponse:
    """The score of hallucination of the answer that stands, by itself: for pages that show the answer elsewhere."""
    row = access_execution(request.actor, execution_id)
    detail = execution_detail(row)
    place = trace.standing_of(detail)
    found = None if place is None else weighed_of(detail["attempts"][place].get("hallucination"), row.output)
    return render(request, "tasks/_weighed.html", {"weighed": found})
