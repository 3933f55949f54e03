"""The dashboard: what needs me, what is at work, what came out, and what it cost."""

from __future__ import annotations

from typing import Any

from django.core.cache import cache
from django.http import HttpResponse
from django.shortcuts import render
from django.utils.translation import get_language
from django.views.decorators.http import require_GET

from apps.accounts.actor import Actor, Asked
from apps.tasks.selectors.dashboard import dashboard_figures, dashboard_lists, dashboard_models

FIGURES_KEPT_S = 10


def dashboard(request: Asked) -> HttpResponse:
    """The whole page, which `home` shows."""
    return render(request, "orquestrador/dashboard.html", _shown(request.actor))


@require_GET
def overview_parts(request: Asked) -> HttpResponse:
    """The dashboard's live parts alone."""
    return render(request, "orquestrador/_dashboard_parts.html", _shown(request.actor))


def _shown(actor: Actor) -> dict[str, Any]:
    return {**dashboard_lists(actor), "models": dashboard_models(actor), **_figures(actor)}


def _figures(actor: Actor) -> dict[str, Any]:
    """Kept for a few seconds: every page that looks on would sum the week anew with each change."""
    whose = "managers" if actor.can_manage else actor.user.public_id  # managers see the same figures
    name = f"dashboard:{actor.team.public_id}:{whose}:{get_language()}"
    figures: dict[str, Any] | None = cache.get(name)
    if figures is None:
        figures = dashboard_figures(actor)
        cache.set(name, figures, FIGURES_KEPT_S)
    return figures
