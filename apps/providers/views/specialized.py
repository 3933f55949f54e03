"""Pages of specialized AIs."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from apps.accounts.actor import Actor
from apps.common.errors import BadInput, OrquestradorError
from apps.providers import selectors, services
from apps.providers.models import SpecializedAI
from apps.providers.specialized_form import SpecializedAIForm
from apps.providers.views.parts import Asked

SHOWN_WHEN_DELETED = timedelta(days=30)


@require_GET
def specialized_list(request: Asked) -> HttpResponse:
    rows = list(selectors.specialized_ais_visible(request.actor).order_by("name", "pk"))
    since = timezone.now() - SHOWN_WHEN_DELETED
    deleted = SpecializedAI.objects.filter(team=request.actor.team, deleted_at__gte=since).order_by("-deleted_at")
    return render(request, "providers/specialized_list.html", {"rows": rows, "deleted": list(deleted)})


@require_http_methods(["GET", "POST"])
def specialized_new(request: Asked) -> HttpResponse:
    request.actor.must_work()
    form = SpecializedAIForm(request.POST or None, actor=request.actor)
    if request.method == "POST" and form.is_valid():
        try:
            row = services.specialized_ai_create(request.actor, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            messages.success(request, _("%s was made.") % row)
            return redirect("providers:specialized", row.public_id)
    return render(request, "providers/specialized_edit.html", {"form": form}, status=400 if form.errors else 200)


@require_GET
def specialized_detail(request: Asked, id: uuid.UUID) -> HttpResponse:
    row = selectors.access_specialized_ai(request.actor, id)
    context = {"row": row, "quality": list(row.quality.order_by("category")), "may_change": _may_change(request.actor, row)}
    return render(request, "providers/specialized.html", context)


@require_http_methods(["GET", "POST"])
def specialized_edit(request: Asked, id: uuid.UUID) -> HttpResponse:
    row = selectors.access_specialized_ai(request.actor, id)
    request.actor.must_own(row.owner_id)
    form = SpecializedAIForm(request.POST or None, actor=request.actor, row=row)
    if request.method == "POST" and form.is_valid():
        try:
            services.specialized_ai_update(request.actor, row, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            messages.success(request, _("%s was saved. Tasks at work go on as they began.") % row)
            return redirect("providers:specialized", row.public_id)
    context: dict[str, Any] = {"form": form, "row": row}
    return render(request, "providers/specialized_edit.html", context, status=400 if form.errors else 200)


@require_POST
def specialized_toggle(request: Asked, id: uuid.UUID) -> HttpResponse:
    row = selectors.access_specialized_ai(request.actor, id)
    services.specialized_ai_toggle(request.actor, row)
    said = _("%s is in use.") if row.is_active else _("%s is out of use: models speak as themselves instead.")
    messages.success(request, said % row)
    return redirect("providers:specialized", row.public_id)


@require_POST
def specialized_delete(request: Asked, id: uuid.UUID) -> HttpResponse:
    row = selectors.access_specialized_ai(request.actor, id)
    services.specialized_ai_delete(request.actor, row)
    messages.success(request, _("%s was deleted. It can be brought back from the end of this page for 30 days.") % row)
    return redirect("providers:specialized_list")


@require_POST
def specialized_restore(request: Asked, id: uuid.UUID) -> HttpResponse:
    row = selectors.access_deleted_specialized_ai(request.actor, id)
    try:
        services.specialized_ai_restore(request.actor, row)
    except BadInput as error:
        messages.error(request, error.message)
        return redirect("providers:specialized_list")
    messages.success(request, _("%s is back.") % row)
    return redirect("providers:specialized", row.public_id)


def _may_change(actor: Actor, row: SpecializedAI) -> bool:
    try:
        actor.must_own(row.owner_id)
    except OrquestradorError:
        return False
    return True
