"""Pages of models."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST

from apps.accounts.actor import Asked
from apps.common.errors import BadInput
from apps.providers import selectors, services
from apps.providers.forms import ModelForm
from apps.providers.models import AIModel
from apps.providers.views.breakers import model_calls_shown
from apps.providers.views.management import management_shown
from apps.providers.views.prices import prices_shown

OPINIONS_SHOWN = 50


@require_http_methods(["GET", "POST"])
def model_edit(request: Asked, id: uuid.UUID) -> HttpResponse:
    model = selectors.access_model(request.actor, id)
    form = ModelForm(request.POST or None, model=model)
    if request.method == "POST" and form.is_valid():
        try:
            services.model_update(request.actor, model, **form.for_service)
        except BadInput as error:
            form.refuse(error)
        else:
            messages.success(request, _("%(model)s was saved.") % {"model": model})
            return redirect("providers:model", model.public_id)
    context = {
        "form": form,
        "model": model,
        "label": selectors.state_label(model),
        "stats": selectors.model_stats(model),
        "may_change": request.actor.may_change(model.provider.owner_id),
        "prices": prices_shown(model),
        "ratings": selectors.model_ratings_summary(model),
        **_opinions(request, model),
        **management_shown(request, model),
        **model_calls_shown(request, model),
    }
    return render(request, "providers/model.html", context, status=400 if form.errors else 200)


def _opinions(request: Asked, model: AIModel) -> dict[str, Any]:
    """What people said of it last, and the person's own latest. One query."""
    opinions = list(model.ratings.select_related("owner").order_by("-updated_at")[:OPINIONS_SHOWN])
    mine = next((one for one in opinions if one.owner_id == request.actor.user.pk), None)
    if mine is None and len(opinions) == OPINIONS_SHOWN:
        mine = model.ratings.filter(owner=request.actor.user).order_by("-updated_at").first()
    return {"opinions": opinions, "my_rating": mine}


@require_POST
def model_toggle(request: Asked, id: uuid.UUID) -> HttpResponse:
    """Take a model into use or out of it. Answers htmx with the row's switch."""
    model = selectors.access_model(request.actor, id)
    services.model_update(request.actor, model, is_active=not model.is_active)
    if request.headers.get("HX-Request") != "true":
        return redirect("providers:detail", model.provider.public_id)
    model.state_words = selectors.state_label(model)  # type: ignore[attr-defined]
    return render(request, "providers/_model_row.html", {"model": model, "may_change": True})
