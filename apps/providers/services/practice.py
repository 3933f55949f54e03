"""The built-in provider of each team, with the practice models that ship with the product."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal

from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.contract import TeamCreated
from apps.accounts.models import Team
from apps.providers.contract import ModelInfo
from apps.providers.engine.practice import practice_models
from apps.providers.models import AIModel, Provider
from apps.providers.services.sync import listing_store

NAME, PRIORITY = "practice", 900  # after everything that people add
CALLED = "Orquestrador"  # a name, the same in every language; that it is the built-in engine is said by its kind
CALLED_BEFORE = ("Built-in engine", "Motor embutido")


def builtin_ensure(team_id: int) -> Provider:
    """The team's built-in provider, made with the practice models where it is missing. Doing it twice changes nothing."""
    provider, _created = Provider.objects.get_or_create(
        team_id=team_id,
        kind="builtin",
        defaults={"name": NAME, "display_name": CALLED, "is_local": True, "priority": PRIORITY},
    )
    if provider.display_name in CALLED_BEFORE:
        provider.display_name = CALLED
        provider.save(update_fields=["display_name", "updated_at"])
    listing_store(provider, _listing(), is_complete=False)
    return provider


def builtin_ensure_for_all() -> int:
    """The same for every team; gives how many there are."""
    team_ids = list(Team.objects.order_by("pk").values_list("pk", flat=True))
    for team_id in team_ids:
        builtin_ensure(team_id)
    return len(team_ids)


def welcome_team(event: TeamCreated) -> None:
    """Gives a new team its built-in provider, in the transaction that makes the team."""
    builtin_ensure(event.team_id)


def practice_switch(actor: Actor, *, on: bool) -> int:
    """Switch the team's practice models on or off; gives how many there are."""
    actor.must_manage()
    return AIModel.objects.filter(provider__team=actor.team, is_practice=True).update(is_active=on, updated_at=timezone.now())


def skill_of(scores: Mapping[str, float], scored_on: Mapping[str, int]) -> Decimal | None:
    """0-100: the share of right answers over all questions that the model was measured on."""
    asked = sum(scored_on.values())
    right = sum(share * scored_on[kind] for kind, share in scores.items())
    return Decimal(str(round(100 * right / asked, 2))) if asked else None


def _listing() -> list[ModelInfo]:
    return [
        ModelInfo(
            key=model.key,
            display_name=model.display_name,
            capabilities=("chat", "json"),
            context_window=model.context_length,
            size_bytes=model.size_bytes,
            state="available",
            details={"is_practice": True, "skill": skill_of(model.scores, model.scored_on)},
        )
        for model in practice_models()
    ]
