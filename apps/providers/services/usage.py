"""One row for every call of an AI, and how good each model proves to be."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from uuid import UUID

from django.db.models import F

from apps.common.db import again_after_deadlock
from apps.providers import prices
from apps.providers.contract import Completion, Usage
from apps.providers.models import AIModel, CreditUsage, QualityMetric, Reservation, SpecializedAI
from apps.providers.models.budgets import SMALLEST
from apps.providers.services.keys import key_used
from apps.providers.services.prices import rates_of_model, unit_prices
from apps.providers.services.reservations import reservation_draw, reservation_settle, usage_count

# Nobody knows what the vendor counted when an answer broke off.
_UNCOUNTED = ("timeout", "interrupted", "cancelled")


def cost_of(model: AIModel, usage: Usage, *, is_batch: bool = False) -> Decimal | None:
    """US dollars by the model's prices of now; 0 for what runs on our own machines, None when a price is unknown."""
    if model.price_input is None and model.provider.is_local:
        return Decimal(0)
    if model.price_output is None and model.is_chat:
        return Decimal(0) if model.provider.is_local else None
    cost = prices.cost(usage, rates_of_model(model), is_batch=is_batch)
    return None if cost is None else cost.quantize(SMALLEST, ROUND_HALF_UP)


@again_after_deadlock
def usage_record(
    *,
    team_id: int,
    owner_id: int | None,
    key_id: UUID | None = None,
    model: AIModel | None,
    purpose: str,
    completion: Completion | None,
    error_code: str = "",
    linked_execution: UUID | None = None,
    latency_ms: int = 0,
    reservation: Reservation | None = None,
    is_last: bool = True,
) -> CreditUsage:
    """Keep what one call took, in the caller's transaction or one of its own. `completion` None: it failed before any answer.

    `latency_ms` is for calls without a completion. A partial answer is given with its error code. In the same transaction the
    cost counts against the budgets in force, and `reservation` is settled; with `is_last` False it is only drawn from, for it
    also covers the calls that follow.
    """
    usage = completion.usage if completion else Usage()
    if model and completion:
        key_used(model.provider.key_id)
    row = CreditUsage.objects.create(
        team_id=team_id,
        owner_id=owner_id,
        key_id=key_id,
        model=model,
        provider_name=model.provider.name if model else "",
        model_key=model.key if model else "",
        purpose=purpose,
        linked_execution=linked_execution,
        input_tokens=usage.input_tokens,
        output_tokens=usage.output_tokens,
        cached_tokens=usage.cached_tokens,
        cache_write_tokens=usage.cache_write_tokens,
        cache_write_1h_tokens=usage.cache_write_1h_tokens,
        reasoning_tokens=usage.reasoning_tokens,
        is_estimated=usage.is_estimated or error_code in _UNCOUNTED,
        cost_usd=cost_of(model, usage) if model else None,
        price_source=model.price_source if model else "",
        unit_prices=unit_prices(model, usage) if model else {},
        latency_ms=completion.latency_ms if completion else latency_ms,
        first_token_ms=completion.first_token_ms if completion else None,
        attempts=completion.attempts if completion else 1,
        error_code=error_code,
    )
    usage_count(row)
    if reservation is not None:
        close = reservation_settle if is_last else reservation_draw
        close(reservation, row.cost_usd)
    return row


def quality_record(
    ai: AIModel | SpecializedAI,
    category: str,
    *,
    success: bool,
    score: Decimal | None,
    latency_ms: int,
    tokens: int,
    cost: Decimal | None,
) -> None:
    """Add one execution to what is known of a model or a specialized AI in a category, in the caller's transaction.

    `score` is the validator's, 0-100, None when nobody checked. The database adds, so nothing is lost between workers.
    """
    changes = {
        "executions": F("executions") + 1,
        "successes": F("successes") + int(success),
        "latency_ms_sum": F("latency_ms_sum") + latency_ms,
        "tokens": F("tokens") + tokens,
        "cost_usd": F("cost_usd") + (cost or Decimal(0)),
    }
    if score is not None:
        changes |= {"validations": F("validations") + 1, "validation_score_sum": F("validation_score_sum") + score}
    of: dict[str, Any] = {"model" if isinstance(ai, AIModel) else "specialized_ai": ai, "category": category}
    row = QualityMetric.objects.filter(**of)
    if not row.update(**changes):
        QualityMetric.objects.get_or_create(**of)
        row.update(**changes)
