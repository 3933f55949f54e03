"""The prices on a model's page, and the way back to the file's."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from django.contrib import messages
from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from apps.accounts.actor import Asked
from apps.common.errors import Conflict
from apps.providers import selectors, services
from apps.providers.models import AIModel
from apps.providers.prices import Rates, units_of
from apps.providers.services.prices import rates_of_model


@require_POST
def price_reset(request: Asked, id: uuid.UUID) -> HttpResponse:
    model = selectors.access_model(request.actor, id)
    try:
        services.price_reset(request.actor, model)
    except Conflict as error:
        messages.error(request, error.message)
    else:
        messages.success(request, _("The prices of %(model)s are the file's again.") % {"model": model})
    return redirect("providers:model", model.public_id)


def prices_shown(model: AIModel) -> dict[str, Any]:
    """Every price that its calls can be charged at, who says so, and what the file says where a person said otherwise."""
    price = services.file_price(model.provider, model.key)
    return {
        "rows": list(_rows(rates_of_model(model))),
        "is_by_hand": model.price_set_at is not None,
        "by": model.price_set_by,
        "file": price if model.price_set_at is not None else None,
        "is_free": model.price_input == 0 and model.price_output in (0, None) and not model.provider.is_local,
        "is_unknown": model.price_input is None and not model.provider.is_local,
    }


def _rows(rates: Rates) -> Iterator[dict[str, Any]]:
    """One for each length of prompt, and one for batches; none where the price of input is unknown."""
    lengths = [0, *(step["above_tokens"] for step in sorted(rates.steps, key=lambda step: step["above_tokens"]))]
    for above in lengths:
        units = units_of(rates, prompt_tokens=above + 1)
        if units is None:
            return
        yield {"above": above, "is_batch": False, "prices": _shown(units)}
    if (units := units_of(rates, prompt_tokens=1, is_batch=True)) is not None:
        yield {"above": 0, "is_batch": True, "prices": _shown(units)}


def _shown(units: Any) -> list[Decimal | None]:
    return [units.input, units.cached, units.cache_write, units.cache_write_1h, units.output]
