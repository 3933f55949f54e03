"""Which models may be asked."""

from __future__ import annotations

from apps.accounts.actor import Actor
from apps.accounts.models import Team
from apps.providers.models import AIModel


def routable_models(team: Team | int, *, include_failed: bool = False, with_record: bool = True) -> list[AIModel]:
    """The chat models that may be asked, in the providers' order, each with provider, quality (`model.quality.all()`), ratings.

    Left out: what is switched off or gone, what failed lately (unless `include_failed`), and practice models as soon as
    there is a real one, even one that is failing: toys must not take over the work in silence. Three queries; one without
    the record of what they have proved to be.
    """
    rows = (
        AIModel.objects.in_use()
        .filter(provider__team=team)
        .exclude(state=AIModel.State.INACTIVE)
        .with_breakers()
        .prefetch_related(*(("quality", "ratings") if with_record else ()))
        .order_by("provider__priority", "provider__name", "key")
    )
    able = [model for model in rows if model.is_chat]
    chosen = [model for model in able if not model.is_practice] or able
    return [model for model in chosen if include_failed or not model.is_resting]


def has_real_model(actor: Actor) -> bool:
    """Whether the team has a chat model in use that is no practice model."""
    rows = AIModel.objects.in_use().filter(provider__team=actor.team, is_practice=False).exclude(state=AIModel.State.INACTIVE)
    return any("chat" in capabilities for capabilities in rows.values_list("capabilities", flat=True))


def has_only_practice_models(actor: Actor) -> bool:
    """Whether practice models are all that the team has in use."""
    return not has_real_model(actor) and AIModel.objects.in_use().filter(provider__team=actor.team, is_practice=True).exists()
