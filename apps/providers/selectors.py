"""Everything that reads providers and models, for pages, the API and routing."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.db.models import Avg, Count, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.accounts.models import Team
from apps.common.errors import NotFound
from apps.providers.models import AIModel, CreditUsage, ModelDownload, Provider


# ── Look-ups ──────────────────────────────────────────────────────────────────────────────────────────────────────
def access_provider(actor: Actor, public_id: UUID | str) -> Provider:
    """One provider of the actor's team, with its counts of models; NotFound otherwise."""
    provider = providers_visible(actor).filter(public_id=_uuid(public_id)).first()
    if provider is None:
        raise NotFound(_("There is no such provider."))
    return provider


def access_model(actor: Actor, public_id: UUID | str) -> AIModel:
    """One model of the actor's team, with its provider; NotFound otherwise."""
    model = models_visible(actor).filter(public_id=_uuid(public_id)).first()
    if model is None:
        raise NotFound(_("There is no such model."))
    return model


def access_download(actor: Actor, public_id: UUID | str) -> ModelDownload:
    """One download of the actor's team, with its provider; NotFound otherwise."""
    download = downloads_visible(actor).filter(public_id=_uuid(public_id)).first()
    if download is None:
        raise NotFound(_("There is no such download."))
    return download


def providers_visible(actor: Actor) -> QuerySet[Provider]:
    """The team's providers. Each carries `models_total`, `models_in_use` and `models_failed`. One query."""
    return Provider.objects.filter(team=actor.team).annotate(
        models_total=Count("models", filter=~Q(models__state=AIModel.State.INACTIVE)),
        models_in_use=Count("models", filter=Q(models__is_active=True) & ~Q(models__state=AIModel.State.INACTIVE)),
        models_failed=Count("models", filter=Q(models__state=AIModel.State.FAILED)),
    )


def models_visible(actor: Actor) -> QuerySet[AIModel]:
    """The team's models, each with its provider. One query."""
    return AIModel.objects.filter(provider__team=actor.team).select_related("provider")


def downloads_visible(actor: Actor) -> QuerySet[ModelDownload]:
    """The downloads that the team started, each with its provider, the newest first. One query."""
    return ModelDownload.objects.filter(provider__team=actor.team).select_related("provider")


# ── Routing ───────────────────────────────────────────────────────────────────────────────────────────────────────
def routable_models(team: Team | int, *, include_failed: bool = False) -> list[AIModel]:
    """The chat models that may be asked, each with provider and quality (`model.quality.all()`), in the providers' order.

    Left out: what is switched off or gone, what failed lately (unless `include_failed`), and practice models as soon as
    there is a real one, even one that is failing: toys must not take over the work in silence. Two queries.
    """
    rows = (
        AIModel.objects.in_use()
        .filter(provider__team=team)
        .exclude(state=AIModel.State.INACTIVE)
        .select_related("provider")
        .prefetch_related("quality")
        .order_by("provider__priority", "provider__name", "key")
    )
    able = [model for model in rows if model.is_chat]
    chosen = [model for model in able if not model.is_practice] or able
    return [model for model in chosen if include_failed or not model.is_resting]


def has_real_model(actor: Actor) -> bool:
    """Whether the team has a chat model in use that is no practice model."""
    rows = AIModel.objects.in_use().filter(provider__team=actor.team, is_practice=False).exclude(state=AIModel.State.INACTIVE)
    return any("chat" in capabilities for capabilities in rows.values_list("capabilities", flat=True))


# ── Screens ───────────────────────────────────────────────────────────────────────────────────────────────────────
def provider_state(provider: Provider) -> dict[str, Any]:
    """Is it on, what its last check said, how many of its models are in use. For a row of `providers_visible`; no query."""
    return {
        "id": provider.public_id,
        "name": provider.name,
        "display_name": provider.display_name,
        "kind": provider.kind,
        "is_local": provider.is_local,
        "status": provider.status,
        "status_label": str(provider.get_status_display()),
        "is_up": provider.last_check_ok,
        "message": provider.last_check_message,
        "latency_ms": provider.last_check_ms,
        "checked_at": provider.last_checked_at,
        "models_total": provider.models_total,  # type: ignore[attr-defined]
        "models_in_use": provider.models_in_use,  # type: ignore[attr-defined]
        "models_failed": provider.models_failed,  # type: ignore[attr-defined]
    }


def model_state(model: AIModel) -> dict[str, Any]:
    """What state a model is in, in a word for programs and in words for people, and whether it would be asked now."""
    is_usable = model.is_active and model.provider.is_active and model.state != AIModel.State.INACTIVE and not model.is_resting
    return {
        "id": model.public_id,
        "provider": model.provider.name,
        "model": model.key,
        "display_name": str(model),
        "state": model.state,
        "state_label": state_label(model),
        "is_usable": is_usable,
        "is_external": not model.provider.is_local,
        "last_error": model.last_error,
        "failed_until": model.failed_until,
        "checked_at": model.checked_at,
    }


def state_label(model: AIModel) -> str:
    """The state in words, the strongest reason first."""
    if not model.provider.is_active:
        return _("Provider is switched off")
    if model.state == AIModel.State.INACTIVE:
        return str(AIModel.State.INACTIVE.label)
    if not model.is_active:
        return _("Switched off")
    if model.state == AIModel.State.AVAILABLE and not model.provider.is_local:
        return _("External")
    if model.state == AIModel.State.AVAILABLE and model.provider.is_local:
        return _("Not loaded")
    return str(model.get_state_display())


def model_stats(model: AIModel, *, days: int = 30) -> dict[str, Any]:
    """What a model was asked in the last days, and how good it proved in each category. Two queries.

    `cost_usd` sums the calls whose price is known; `calls_without_price` counts the others. Means are over answered calls.
    """
    since = timezone.now() - timedelta(days=days)
    answered = Q(error_code="")
    sums = CreditUsage.objects.filter(model=model, created_at__gte=since).aggregate(
        calls=Count("pk"),
        failed=Count("pk", filter=~answered),
        calls_without_price=Count("pk", filter=Q(cost_usd__isnull=True)),
        answer_tokens=Sum("output_tokens", filter=answered),
        answer_ms=Sum("latency_ms", filter=answered),
        input_tokens=Sum("input_tokens"),  # an alias hides the column from what follows it
        output_tokens=Sum("output_tokens"),
        cost_usd=Sum("cost_usd"),
        latency_ms=Avg("latency_ms", filter=answered),
        first_token_ms=Avg("first_token_ms", filter=answered),
    )
    answer_tokens, answer_ms = sums.pop("answer_tokens"), sums.pop("answer_ms")
    return {
        **sums,
        "days": days,
        "input_tokens": sums["input_tokens"] or 0,
        "output_tokens": sums["output_tokens"] or 0,
        "latency_ms": None if sums["latency_ms"] is None else round(sums["latency_ms"]),
        "first_token_ms": None if sums["first_token_ms"] is None else round(sums["first_token_ms"]),
        "tokens_per_second": round(answer_tokens * 1000 / answer_ms, 1) if answer_tokens and answer_ms else None,
        "quality": [_quality(row) for row in model.quality.order_by("category")],
    }


def _quality(row: Any) -> dict[str, Any]:
    return {
        "category": row.category,
        "executions": row.executions,
        "success_rate": _rounded(row.success_rate),
        "validation_score": _rounded(row.validation_score_mean),
        "latency_ms": round(row.latency_ms_sum / row.executions) if row.executions else None,
        "tokens": row.tokens,
        "cost_usd": row.cost_usd,
    }


def _rounded(value: Decimal | None) -> Decimal | None:
    return None if value is None else value.quantize(Decimal("0.01"))


def _uuid(public_id: UUID | str) -> UUID:
    try:
        return public_id if isinstance(public_id, UUID) else UUID(str(public_id))
    except ValueError as error:
        raise NotFound(_("There is nothing here under that id.")) from error
