"""Models and providers in the command palette."""

from __future__ import annotations

from collections.abc import Sequence

from django.urls import reverse

from apps.accounts.actor import Actor
from apps.common.palette import MOST_OF_A_KIND, Found, matches
from apps.providers.models import AIModel, Provider

MOST_MODELS = 2_000


def models_found(actor: Actor, words: Sequence[str]) -> list[Found]:
    """Those in use before the others."""
    if not words:
        return []
    rows = AIModel.objects.filter(provider__team=actor.team).exclude(state=AIModel.State.INACTIVE)
    named = rows.order_by("-is_active", "key").values_list(
        "public_id", "key", "display_name", "provider__display_name", "provider__name"
    )
    found = [row for row in named[:MOST_MODELS] if matches(words, " ".join(row[1:]))]
    return [
        Found(shown or key, reverse("providers:model", args=[public_id]), "model", provider or name)
        for public_id, key, shown, provider, name in found[:MOST_OF_A_KIND]
    ]


def providers_found(actor: Actor, words: Sequence[str]) -> list[Found]:
    if not words:
        return []
    rows = Provider.objects.filter(team=actor.team).order_by("display_name").values_list("public_id", "display_name", "name")
    found = [row for row in rows if matches(words, f"{row[1]} {row[2]}")]
    return [Found(shown or name, reverse("providers:detail", args=[public_id]), "provider") for public_id, shown, name in found]
