"""Specialized AIs and ratings: who may see which, and what pages and the API show of them."""

from __future__ import annotations

from typing import Any
from uuid import UUID

from django.db.models import Avg, Count, Prefetch, QuerySet
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.accounts.models import Team
from apps.common.lookups import access_row
from apps.providers.models import AIModel, ModelRating, SpecializedAI, SpecializedAIFallback

_LINKS = Prefetch("links", SpecializedAIFallback.objects.select_related("model__provider__key").order_by("position", "pk"))


def access_specialized_ai(actor: Actor, public_id: UUID | str) -> SpecializedAI:
    """One of the actor's team, with its models; NotFound otherwise, also when it was deleted."""
    return access_row(specialized_ais_visible(actor), public_id, _("There is no such specialized AI."))


def access_deleted_specialized_ai(actor: Actor, public_id: UUID | str) -> SpecializedAI:
    """One that the actor's team has deleted, to be brought back; NotFound otherwise."""
    rows = SpecializedAI.objects.filter(team=actor.team, deleted_at__isnull=False)
    return access_row(rows, public_id, _("There is no such specialized AI."))


def specialized_ais_visible(actor: Actor) -> QuerySet[SpecializedAI]:
    """The team's, each with the models it would speak through. Two queries."""
    return _with_models(SpecializedAI.objects.filter(team=actor.team, deleted_at=None))


def specialized_ais_in_use(team: Team | int) -> list[SpecializedAI]:
    """Those that the orchestrator asks, by name. Two queries."""
    return list(_with_models(SpecializedAI.objects.filter(team=team, deleted_at=None, is_active=True)).order_by("name", "pk"))


def _with_models(rows: QuerySet[SpecializedAI]) -> QuerySet[SpecializedAI]:
    return rows.select_related("default_model__provider__key").prefetch_related(_LINKS)


def access_rating(actor: Actor, public_id: UUID | str) -> ModelRating:
    """One of the actor's team, with its model; NotFound otherwise."""
    return access_row(ratings_visible(actor), public_id, _("There is no such rating."))


def ratings_visible(actor: Actor) -> QuerySet[ModelRating]:
    """What the team's people think of the team's models, the newest first. One query."""
    return ModelRating.objects.filter(team=actor.team).select_related("model__provider", "owner")


def model_ratings_summary(model: AIModel) -> list[dict[str, Any]]:
    """[{category, stars, count}] by category, means of what people gave. One query."""
    rows = model.ratings.order_by("category").values("category").annotate(stars=Avg("stars"), count=Count("pk"))
    return [{"category": row["category"], "stars": round(row["stars"], 2), "count": row["count"]} for row in rows]
