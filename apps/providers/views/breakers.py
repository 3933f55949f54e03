"""What rests after failures, on pages: why, until when, and the button that asks it again."""

from __future__ import annotations

import uuid
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.accounts.actor import Asked
from apps.providers import selectors, services
from apps.providers.models import AIModel, Provider


@require_POST
def provider_reset(request: Asked, id: uuid.UUID) -> HttpResponse:
    provider = selectors.access_provider(request.actor, id)
    services.breaker_reset(request.actor, provider=provider)
    messages.success(request, _("%s and its models are asked again from now on.") % provider)
    return redirect("providers:detail", provider.public_id)


def provider_calls_shown(request: Asked, provider: Provider) -> dict[str, Any]:
    """For the page of a provider: whether it rests, and how many calls it answers now. One query."""
    return {
        "breaker": selectors.breaker_state(provider),
        "reset_url": reverse("providers:reset", args=[provider.public_id]),
        "may_reset": request.actor.can_work,
        "traffic": selectors.traffic_words(selectors.traffic_of([provider])[provider.pk]),
    }


def model_calls_shown(request: Asked, model: AIModel) -> dict[str, Any]:
    """For the page of a model: whether it rests, and at which servers else it is to be had. Two queries with a group, or none."""
    servers = selectors.servers_of_model(request.actor, model) if model.provider.balance_group else []
    traffic = selectors.traffic_of([server.provider for server in servers]) if servers else {}
    return {
        "breaker": selectors.breaker_state(model),
        "servers": [
            {
                "model": server,
                "breaker": selectors.breaker_state(server),
                "words": selectors.state_label(server),
                "traffic": selectors.traffic_words(traffic[server.provider_id]),
            }
            for server in servers
        ],
    }
