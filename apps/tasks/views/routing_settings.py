"""What a team sets about routing and about its cached answers."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from apps.accounts.actor import Asked
from apps.common.errors import BadInput
from apps.common.undo import take_deleted
from apps.providers.models import AIModel
from apps.tasks.checking_forms import CheckingSettingsForm
from apps.tasks.route_forms import CacheForm, RoutingForm
from apps.tasks.selectors.checking import checking_settings_of, rules_of_checking
from apps.tasks.selectors.routing import routing_settings_of
from apps.tasks.services.cache_settings import cache_settings_update
from apps.tasks.services.routing import routing_settings_update
from apps.tasks.services.verifying import checking_settings_update
from apps.tasks.views.checking import RULES


@require_http_methods(["GET", "POST"])
def settings_page(request: Asked) -> HttpResponse:
    """Three forms, each saved by itself, and the rules of when steps are checked."""
    if request.method == "POST":
        request.actor.must_manage()
    what = request.POST.get("form", "")
    row = routing_settings_of(request.actor)
    routing = RoutingForm(request.POST if what == "routing" else None, row=row)
    embedding = _embedding_models(request)
    cache = CacheForm(request.POST if what == "cache" else None, row=row, models=embedding)
    used = checking_settings_of(request.actor.team.pk)
    evidence = CheckingSettingsForm(request.POST if what == "evidence" else None, row=used, models=embedding)
    forms: dict[str, tuple[Any, Any]] = {
        "routing": (routing, routing_settings_update),
        "cache": (cache, cache_settings_update),
        "evidence": (evidence, checking_settings_update),
    }
    form, save = forms.get(what, forms["cache"])
    if what and form.is_valid():
        try:
            save(request.actor, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            messages.success(request, _("Saved."))
            return redirect("tasks:routing_settings")
    context = {"routing": routing, "cache": cache, "evidence": evidence, "verifying": list(rules_of_checking(request.actor))}
    context |= {"row": row, "used": used, "undo": take_deleted(request, RULES)}
    return render(request, "orchestrator/settings.html", context, status=400 if what and form.errors else 200)


def _embedding_models(request: Asked) -> list[AIModel]:
    rows = AIModel.objects.in_use().filter(provider__team=request.actor.team).select_related("provider")
    return sorted((row for row in rows if "embeddings" in row.capabilities), key=str)
