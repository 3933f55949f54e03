"""Cached answers for screens and the API: one's own, and for admins the whole team's; what they saved."""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import Count, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.lookups import access_row
from apps.common.searching import with_words
from apps.tasks.models import CachedAnswer, RoutingSettings
from apps.tasks.selectors.spent import money
from apps.tasks.services.cache import embedding_model_of


@dataclass(frozen=True, slots=True)
class CacheFigures:
    """What the entries that are kept now did."""

    entries: int
    used: int  # entries that were given at least once
    hits: int
    saved_usd: Decimal


@dataclass(frozen=True, slots=True)
class CacheState:
    """Whether answers are kept, and whether they are found by meaning; if not, `why_not_semantic` says it in words."""

    is_on: bool
    is_shared: bool
    keep_s: int
    semantic_model: str
    threshold: float
    why_not_semantic: str


def cached_visible(actor: Actor) -> QuerySet[CachedAnswer]:
    """Entries that have not expired, the newest first."""
    whose = Q() if actor.can_manage else Q(owner=actor.user) | Q(scope=f"team:{actor.team.pk}")
    rows = CachedAnswer.objects.filter(whose, team=actor.team, expires_at__gt=timezone.now())
    return rows.select_related("owner").defer("vector").order_by("-created_at", "-pk")


def cached_filtered(actor: Actor, *, search: str = "", used: str = "") -> QuerySet[CachedAnswer]:
    """Those with each of the words in their prompt or their model's name; `used` "yes" or "no": given again or never."""
    rows = with_words(cached_visible(actor), search, "prompt", "model_name")
    if used in ("yes", "no"):
        rows = rows.filter(hits__gt=0) if used == "yes" else rows.filter(hits=0)
    return rows


def access_cached(actor: Actor, public_id: uuid.UUID | str) -> CachedAnswer:
    """The entry, or NotFound."""
    return access_row(cached_visible(actor), public_id, _("There is no such cached answer."))


def cache_figures(actor: Actor) -> CacheFigures:
    """One query."""
    sums = cached_visible(actor).aggregate(
        entries=Count("pk"), used=Count("pk", filter=Q(hits__gt=0)), hits=Sum("hits", default=0), saved_usd=Sum("saved_usd")
    )
    return CacheFigures(**{**sums, "saved_usd": Decimal(sums["saved_usd"] or 0)})


def cache_state(actor: Actor) -> CacheState:
    """One query."""
    row = RoutingSettings.objects.filter(team=actor.team).select_related("semantic_model__provider__key").first()
    row = row or RoutingSettings(team=actor.team)
    model = embedding_model_of(row)
    return CacheState(
        is_on=row.cache_is_on,
        is_shared=row.cache_is_shared,
        keep_s=row.cache_keep_s,
        semantic_model=str(model) if model else "",
        threshold=float(row.semantic_threshold),
        why_not_semantic="" if model else _why_not(row),
    )


def _why_not(row: RoutingSettings) -> str:
    if row.semantic_model is None:
        return _("No embedding model is chosen, so only the very same request is found again.")
    name = {"name": row.semantic_model}
    return _("%(name)s is not in use or makes no embeddings, so only the very same request is found again.") % name


def cached_card(row: CachedAnswer) -> dict[str, Any]:
    """An entry with its answer. No query."""
    return {
        "id": row.public_id,
        "prompt": row.prompt,
        "answer": row.answer["completion"]["text"],
        "model": row.model_name,
        "confidence": row.answer["confidence"],
        "verified": row.answer["verified"],
        "owner": str(row.owner) if row.owner else None,
        "is_shared": row.scope.startswith("team:"),
        "cost": money(row.cost_usd),
        "hits": row.hits,
        "saved": money(row.saved_usd),
        "last_hit_at": row.last_hit_at,
        "created_at": row.created_at,
        "expires_at": row.expires_at,
    }
