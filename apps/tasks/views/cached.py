"""Cached answers: what is kept, what it saved, and throwing it out."""

from __future__ import annotations

import uuid

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext
from django.views.decorators.http import require_GET, require_POST

from apps.common.paging import page_of
from apps.tasks.selectors.cache import access_cached, cache_figures, cache_state, cached_card, cached_visible
from apps.tasks.services.cache import cache_clear, cached_remove
from apps.tasks.views.tasks import Asked


@require_GET
def cache_page(request: Asked) -> HttpResponse:
    page = page_of(cached_visible(request.actor), ordering=("-created_at",), cursor=request.GET.get("cursor", ""))
    context = {
        "entries": [{**cached_card(row), "may_remove": _may_remove(request, row.owner_id)} for row in page.rows],
        "figures": cache_figures(request.actor),
        "state": cache_state(request.actor),
        "next": page.next and f"?cursor={page.next}",
        "previous": page.previous and f"?cursor={page.previous}",
    }
    return render(request, "orchestrator/cache.html", context)


@require_POST
def remove(request: Asked, cached_id: uuid.UUID) -> HttpResponse:
    cached_remove(request.actor, access_cached(request.actor, cached_id))
    messages.success(request, _("The answer was thrown out. The next time, a model is asked."))
    return redirect("tasks:cache")


@require_POST
def clear(request: Asked) -> HttpResponse:
    n = cache_clear(request.actor)
    messages.success(request, ngettext("%(n)s answer was thrown out.", "%(n)s answers were thrown out.", n) % {"n": n})
    return redirect("tasks:cache")


def _may_remove(request: Asked, owner_id: int | None) -> bool:
    return request.actor.can_manage or (request.actor.can_work and owner_id == request.actor.user.pk)
