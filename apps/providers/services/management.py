"""Forgetting failures, and what a team sets about the management of its models."""

from __future__ import annotations

from typing import Any

from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.providers.models import GROUPS, AIModel, Breaker, ModelSettings
from apps.providers.services import checks
from apps.providers.services.breakers import breaker_reset
from apps.providers.services.checks import FieldErrors
from apps.providers.services.states import state_store

SHORTEST_FRESH_S, LONGEST_FRESH_S = 10, 86_400
State = AIModel.State


def model_reset(actor: Actor, model: AIModel) -> AIModel:
    """Forget that it failed, and that its provider did: it may be asked again now. Nothing is asked by this."""
    breaker_reset(actor, model=model)
    if model.state == State.FAILED:
        model.state, model.last_error = State.UNKNOWN, ""
        state_store(model, "state", "last_error")
    return model


def models_reset_failed(actor: Actor) -> int:
    """The same for all of the team's models; gives how many were resting or broken."""
    actor.must_work()
    team = AIModel.objects.filter(provider__team=actor.team).select_related("provider__key")
    resting = Breaker.objects.exclude(state=Breaker.State.CLOSED)
    failed = {
        *team.filter(state=State.FAILED),
        *team.filter(breaker__in=resting),
        *team.filter(provider__breaker__in=resting),
    }
    for model in sorted(failed, key=lambda one: one.pk):
        model_reset(actor, model)
    return len(failed)


def model_settings_update(actor: Actor, **changes: Any) -> ModelSettings:
    """Set any of suggestion_order (all of external, loaded, not_loaded, the first to be tried first) and listing_fresh_s.

    Raises BadInput by field.
    """
    actor.must_manage()
    errors = FieldErrors()
    checks.unknown_fields(changes, ("suggestion_order", "listing_fresh_s"), errors)
    kept: dict[str, Any] = {}
    if "suggestion_order" in changes:
        kept["suggestion_order"] = _order(changes["suggestion_order"], errors)
    if "listing_fresh_s" in changes:
        kept["listing_fresh_s"] = _fresh(changes["listing_fresh_s"], errors)
    errors.raise_if_any()
    row, _is_new = ModelSettings.objects.update_or_create(team=actor.team, defaults=kept)
    return row


def _order(value: Any, errors: FieldErrors) -> list[str]:
    order = list(value) if isinstance(value, list | tuple) else []
    if sorted(order) != sorted(GROUPS):
        errors.add("suggestion_order", _("The order names each of these once: %s.") % ", ".join(GROUPS))
    return order


def _fresh(value: Any, errors: FieldErrors) -> int:
    seconds = checks.whole_number(value, "listing_fresh_s", errors, most=LONGEST_FRESH_S) or 0
    if 0 < seconds < SHORTEST_FRESH_S:
        errors.add("listing_fresh_s", _("Servers are not asked more often than every %d seconds.") % SHORTEST_FRESH_S)
    return seconds
