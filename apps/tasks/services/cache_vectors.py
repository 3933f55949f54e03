"""Vectors of prompts for the cache: asked for, paid, and recorded like every other call."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import UUID

from django.db import transaction

from apps.common.db import in_db
from apps.providers.calls import Calls
from apps.providers.contract import Completion, Usage
from apps.providers.errors import OverBudget, PriceUnknown, ProviderError
from apps.providers.models import AIModel, Reservation
from apps.providers.services import budget_reserve, cost_of, usage_record
from apps.tasks.engine.longtext import estimate_tokens
from apps.tasks.engine.routing.likeness import packed

if TYPE_CHECKING:
    from apps.tasks.services.cache import CacheAsker

log = logging.getLogger(__name__)

EMBED_TIME_S = 60.0  # a reservation for the embedding lasts so long


async def embedded(asker: CacheAsker, model: AIModel, prompt_id: str, texts: list[str]) -> list[bytes] | None:
    """A packed vector for each text. None when that is not to be had now, or a budget does not cover it."""
    usage = Usage(input_tokens=sum(map(estimate_tokens, texts)), is_estimated=True)
    try:
        reserved = await in_db(_reserved, asker, model, prompt_id, usage)
    except (OverBudget, PriceUnknown) as refused:
        log.info("the cache compares nothing by meaning: %s", refused.message)
        return None
    calls = Calls(wait_for_place_s=2.0)
    completion, code = None, ""
    try:
        vectors = [packed(vector) for vector in await calls.embed(model, texts)]
        completion = Completion("", "stop", usage, model.key)
        return vectors
    except ProviderError as error:
        code = error.code
        log.warning("%s gave no embeddings for the cache: %s", model, error.message)
        return None
    finally:
        await calls.aclose()
        await in_db(_recorded, asker, model, prompt_id, completion, code, reserved)


def _reserved(asker: CacheAsker, model: AIModel, prompt_id: str, usage: Usage) -> Reservation | None:
    with transaction.atomic():
        return budget_reserve(
            team_id=asker.team_id,
            owner_id=asker.owner_id,
            key_id=asker.key_id,
            amount_usd=cost_of(model, usage),
            model_name=str(model),
            purpose="embed",
            linked_execution=UUID(prompt_id),
            ttl_s=EMBED_TIME_S,
        )


def _recorded(
    asker: CacheAsker, model: AIModel, prompt_id: str, completion: Completion | None, code: str, reserved: Reservation | None
) -> None:
    usage_record(
        team_id=asker.team_id,
        owner_id=asker.owner_id,
        key_id=asker.key_id,
        model=model,
        purpose="embed",
        completion=completion,
        error_code=code,
        linked_execution=UUID(prompt_id),
        reservation=reserved,
    )
