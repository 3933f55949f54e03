"""What pages and the API show of providers and models."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.db.models import Avg, Count, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.providers.models import AIModel, CreditUsage, Provider
from apps.providers.selectors.breakers import breaker_state


def provider_state(provider: Provider, traffic: dict[str, Any] | None = None) -> dict[str, Any]:
    """Is it on, what its last check said, how many of its models are in use, whether it rests. For a row of `providers_visible`.

    `traffic` is its entry of `traffic_of`. No query.
    """
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
        "breaker": breaker_state(provider),
        "traffic": traffic,
    }


def model_state(model: AIModel) -> dict[str, Any]:
    """What state a model is in, in a word for programs and in words for people, and whether it would be asked now."""
    is_usable = model.is_active and model.provider.is_active and model.state != AIModel.State.INACTIVE and not model.is_resting
    return {
        "id": model.public_id,
        "provider": model.provider.name,
        "model": model.key,
        "display_name": str(model),
        "state": model.shown_state,
        "state_label": state_label(model),
        "is_usable": is_usable,
        "is_external": not model.provider.is_local,
        "last_error": model.trouble,
        "failed_until": model.failed_until,
        "breaker": breaker_state(model),
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
    if model.is_resting:
        return str(AIModel.State.FAILED.label)
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
