"""The start page and the settings of the system."""

from __future__ import annotations

from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.views.decorators.http import require_GET

from apps.accounts.actor import Asked
from apps.providers.models import AIModel
from apps.tasks.views import dashboard
from orquestrador import wizard
from orquestrador.sources import settings_shown


@require_GET
def home(request: Asked) -> HttpResponse:
    """The dashboard; the first steps where the team has not taken them."""
    if wizard.is_due(request.actor):
        return redirect("wizard")
    return dashboard(request)


@require_GET
def system(request: Asked) -> HttpResponse:
    """Each setting with its value, unless it is secret, and where it comes from."""
    request.actor.must_manage()
    practice_on = AIModel.objects.filter(provider__team=request.actor.team, is_practice=True, is_active=True).exists()
    return render(request, "orquestrador/system.html", {"groups": settings_shown(), "practice_on": practice_on})
