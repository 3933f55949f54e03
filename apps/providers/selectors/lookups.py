"""Who may see what: rows of the actor's team, NotFound for everything else."""

from __future__ import annotations

from uuid import UUID

from django.db.models import Count, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.lookups import access_row
from apps.common.searching import with_words
from apps.providers.models import AIModel, Breaker, ModelDownload, Provider


def access_provider(actor: Actor, public_id: UUID | str) -> Provider:
    """One provider of the actor's team, with its counts of models; NotFound otherwise."""
    return access_row(providers_visible(actor), public_id, _("There is no such provider."))


def access_model(actor: Actor, public_id: UUID | str) -> AIModel:
    """One model of the actor's team, with its provider; NotFound otherwise."""
    return access_row(models_visible(actor), public_id, _("There is no such model."))


def access_download(actor: Actor, public_id: UUID | str) -> ModelDownload:
    """One download of the actor's team, with its provider; NotFound otherwise."""
    return access_row(downloads_visible(actor), public_id, _("There is no such download."))


def providers_visible(actor: Actor) -> QuerySet[Provider]:
    """The team's providers. Each carries `models_total`, `models_in_use`, `models_failed` and its breaker. One query."""
    own_rest = Q(models__breaker__until__gt=timezone.now()) & ~Q(models__breaker__state=Breaker.State.CLOSED)
    return (
        Provider.objects.filter(team=actor.team)
        .select_related("breaker", "key")
        .annotate(
            models_total=Count("models", filter=~Q(models__state=AIModel.State.INACTIVE)),
            models_in_use=Count("models", filter=Q(models__is_active=True) & ~Q(models__state=AIModel.State.INACTIVE)),
            models_failed=Count("models", filter=Q(models__state=AIModel.State.FAILED) | own_rest),
        )
    )


def providers_filtered(actor: Actor, *, search: str = "", kind: str = "", place: str = "", state: str = "") -> QuerySet[Provider]:
    """Those with the words in their names or address. `place`: local or remote; `state`: on, off or unreachable. One query."""
    rows = with_words(providers_visible(actor), search, "display_name", "name", "base_url")
    if kind:
        rows = rows.filter(kind=kind)
    if place in ("local", "remote"):
        rows = rows.filter(is_local=place == "local")
    if state == "on":
        return rows.filter(status=Provider.Status.ACTIVE)
    if state == "off":
        return rows.exclude(status=Provider.Status.ACTIVE)
    return rows.filter(status=Provider.Status.ACTIVE, last_check_ok=False) if state == "unreachable" else rows


def models_visible(actor: Actor) -> QuerySet[AIModel]:
    """The team's models, each with its provider and what has failed of both. One query."""
    return AIModel.objects.filter(provider__team=actor.team).with_breakers()


def downloads_visible(actor: Actor) -> QuerySet[ModelDownload]:
    """The downloads that the team started, each with its provider, the newest first. One query."""
    return ModelDownload.objects.filter(provider__team=actor.team).select_related("provider__key", "owner")


def downloads_filtered(actor: Actor, *, search: str = "", state: str = "") -> QuerySet[ModelDownload]:
    """Those with the words in their name or their provider's, in the state. One query."""
    rows = with_words(downloads_visible(actor), search, "name", "provider__display_name")
    return rows.filter(state=state) if state else rows
