"""Pages of tasks: a new one, one with all its steps, its plan."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from django.contrib import messages
from django.http import Http404, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.actor import Asked
from apps.common.errors import BadInput, OrquestradorError
from apps.common.undo import remember_deleted
from apps.providers.selectors import routable_models
from apps.tasks import presentation, selectors, services
from apps.tasks.forms import ROLE_FIELDS, PlanForm, TaskForm
from apps.tasks.models import Task, TaskStatus
from apps.tasks.preview import preview_of
from apps.tasks.selectors.checking import own_thumbs
from apps.tasks.workings import with_workings

LOG_LIMIT = 200


# ── A new one ─────────────────────────────────────────────────────────────────────────────────────────────────────
@require_http_methods(["GET", "POST"])
def task_new(request: Asked) -> HttpResponse:
    request.actor.must_work()
    preview = preview_of(request.actor, {role: request.POST.get(role, "") for role in ROLE_FIELDS})
    form = TaskForm(request.POST or None, models=preview.models, initial={"description": request.GET.get("description", "")})
    if request.method == "POST" and form.is_valid():
        try:
            task = services.task_create(
                request.actor,
                start="keep" not in request.POST,
                idempotency_key=request.POST.get("key") or None,
                **form.for_service,
            )
        except BadInput as error:
            form.refuse(error)
        else:
            return redirect("tasks:detail", task.public_id)
    context = {"form": form, "preview": preview, "key": request.POST.get("key") or uuid.uuid4().hex}
    return render(request, "tasks/new.html", context, status=400 if form.errors else 200)


@require_GET
def cast_preview(request: Asked) -> HttpResponse:
    """Who would take which role, with the roles as they are chosen now."""
    preview = preview_of(request.actor, {role: request.GET.get(role, "") for role in ROLE_FIELDS})
    return render(request, "tasks/_cast.html", {"preview": preview})


# ── One task ──────────────────────────────────────────────────────────────────────────────────────────────────────
@require_GET
def task_page(request: Asked, id: uuid.UUID) -> HttpResponse:
    return render(request, "tasks/detail.html", _page(request, selectors.access_task(request.actor, id)))


@require_GET
def task_parts(request: Asked, id: uuid.UUID) -> HttpResponse:
    """The live parts of the page alone, as they are now."""
    return render(request, "tasks/_parts.html", _page(request, selectors.access_task(request.actor, id)))


def _page(request: Asked, task: Task) -> dict[str, Any]:
    calls = selectors.task_calls(task, with_texts=False)
    trace = selectors.task_trace(task, with_texts=False, calls=calls)
    detail = with_workings(selectors.task_detail(task, calls=calls), trace)
    at_work = selectors.calls_at_work(task) if task.is_at_work else []
    thumbs = own_thumbs(request.actor, task.pk)
    policy = presentation.policy_of(detail)
    return {
        "task": task,
        "detail": {**detail, "subtasks": [{**one, "thumb": thumbs.get(str(one["id"]))} for one in detail["subtasks"]]},
        "thumb": thumbs.get(""),
        "policy": policy,
        "threshold": policy["divergence_threshold"],
        "confidence_threshold": policy["confidence_threshold"],
        "columns": presentation.graph_of(detail, at_work),
        "planning": next((call for call in at_work if call["role"] == "planner"), None),
        "timeline": presentation.timeline_of(detail, trace),
        "reasons": presentation.reasons_of(detail, trace),
        "elapsed": presentation.elapsed(detail),
        "time_left": presentation.time_left(detail),
        "log": [selectors.log_entry(entry) for entry in selectors.task_logs(task)[:LOG_LIMIT]],
        "may_change": request.actor.may_change(task.owner_id),
        "tab": _tab(request, task),
        "needs_judge": task.error_code == "too_few_models" and task.error_data.get("role") == "tie_breaker",
        "cast": preview_of(request.actor) if task.error_code in ("too_few_models", "no_model") else None,
    }


def _tab(request: Asked, task: Task) -> str:
    """The panel that is open at first: the answer where there is one, otherwise what is going on."""
    wanted = request.GET.get("tab", "")
    if wanted in ("result", "steps", "details"):
        return wanted
    return "result" if task.status == TaskStatus.COMPLETED else "steps"


@require_GET
def task_trace(request: Asked, id: uuid.UUID) -> HttpResponse:
    """Every prompt and every raw answer. A fragment for htmx, a page of its own otherwise."""
    task = selectors.access_task(request.actor, id)
    is_part = request.headers.get("HX-Request") == "true"
    template = "tasks/_trace.html" if is_part else "tasks/trace.html"
    return render(request, template, {"task": task, "trace": selectors.task_trace(task)})


ACTIONS: dict[str, Callable[..., Any]] = {
    "start": services.task_start,
    "pause": services.task_pause,
    "resume": services.task_resume,
    "cancel": services.task_cancel,
    "escalate": services.task_escalate,
}


@require_POST
def task_act(request: Asked, id: uuid.UUID, action: str) -> HttpResponse:
    """One of `ACTIONS`. Resuming can raise the budget, or let the task go on without a check."""
    task = selectors.access_task(request.actor, id)
    if action not in ACTIONS:
        raise Http404
    try:
        if action == "resume" and request.POST.get("budget", "").strip():
            task = services.task_update(request.actor, task, budget=request.POST["budget"].strip().replace(",", "."))
        more = {"policy": {"on_too_few_models": "continue"}} if action == "resume" and "unchecked" in request.POST else {}
        ACTIONS[action](request.actor, task, **more)
    except OrquestradorError as error:
        messages.error(request, error.message)
    return redirect("tasks:detail", id)


@require_POST
def task_delete(request: Asked, id: uuid.UUID) -> HttpResponse:
    task = selectors.access_task(request.actor, id)
    services.task_delete(request.actor, task)
    remember_deleted(request, "tasks", task.deleted_at, 1)
    return redirect("tasks:list")


@require_http_methods(["GET", "POST"])
def plan(request: Asked, id: uuid.UUID) -> HttpResponse:
    """The plan as rows: change it, or let it run as it is."""
    task = selectors.access_task(request.actor, id)
    request.actor.must_own(task.owner_id)
    is_open = task.status == TaskStatus.AWAITING_APPROVAL
    if not is_open:
        messages.warning(request, _("This task has no plan that waits for approval."))
        return redirect("tasks:detail", id)
    form = PlanForm(task.plan, request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid():
        try:
            services.plan_approve(request.actor, task, plan=form.plan)
        except BadInput as error:
            form.errors.append(error.message)
        else:
            messages.success(request, _("The plan runs."))
            return redirect("tasks:detail", id)
    is_refused = request.method == "POST"
    return render(
        request,
        "tasks/plan.html",
        {"task": task, "form": form, "detail": selectors.task_detail(task)},
        status=400 if is_refused else 200,
    )


@require_http_methods(["GET", "POST"])
def step_retry(request: Asked, id: uuid.UUID) -> HttpResponse:
    """Have a step done again, if wanted by another model."""
    subtask = selectors.access_subtask(request.actor, id)
    request.actor.must_own(subtask.task.owner_id)
    error = ""
    if request.method == "POST":
        try:
            services.subtask_retry(request.actor, subtask, model=request.POST.get("model") or None)
        except OrquestradorError as refused:
            error = refused.message
        else:
            messages.success(request, _("Step %(order)s is done again.") % {"order": subtask.order})
            return redirect("tasks:detail", subtask.task.public_id)
    context = {
        "task": subtask.task,
        "subtask": selectors.subtask_detail(subtask),
        "models": routable_models(request.actor.team, with_record=False),
        "chosen": request.POST.get("model", ""),
        "error": error,
        "followers": subtask.needed_by.count(),
    }
    return render(request, "tasks/retry.html", context, status=400 if error else 200)
