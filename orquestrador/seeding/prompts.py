"""Prompts on their way through the route, what they cost, what of them was kept to be given again."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

from apps.providers.models import CreditUsage
from apps.tasks.models import CachedAnswer, ProviderMetric, TaskExecution
from orquestrador.seeding import words
from orquestrador.seeding.rows import first_key, spread
from orquestrador.seeding.stage import Stage


def prompts_make(stage: Stage) -> None:
    number = stage.sizes.prompts
    stage.first_prompt, stage.prompt_ids = first_key(TaskExecution), [uuid.uuid4() for _one in range(number)]
    route = {"request": {}, "selection": {"considered": []}, "attempts": []}
    columns = (
        *("id", "public_id", "owner_id", "created_at", "updated_at", "started_at", "finished_at", "input", "output"),
        *("model_name", "current_model_id", "status", "source", "confidence", "escalation_count", "execution_time_ms"),
        *("input_tokens", "output_tokens", "cost_usd", "cache"),
    )

    def rows() -> Iterator[tuple[Any, ...]]:
        for index, at in enumerate(spread(stage.start, stage.end, number)):
            model, rises = stage.chance.choice(stage.models), stage.chance.choice((0,) * 9 + (1,))
            status = stage.chance.choice(("failed", *["escalated" if rises else "completed"] * 19))
            text = "" if status == "failed" else words.answer(stage.chance)
            took = stage.chance.randint(400, 9_000)
            yield (
                *(stage.first_prompt + index, stage.prompt_ids[index], stage.person(), at, at, at, at),
                *(words.ask(stage.chance), text, str(model), model.pk, status, stage.chance.choice(("api", "gateway", "chat"))),
                *(Decimal(stage.chance.randint(50, 99)), rises, took, stage.chance.randint(20, 900)),
                *(stage.chance.randint(20, 900), stage.cost(), stage.chance.choice(("", "", "", "exact"))),
            )

    stage.insert(TaskExecution, columns, rows(), team=stage.team, metadata=route, messages=[])
    usage_make(stage, stage.prompt_ids, "answer")
    _cached(stage)
    _days(stage)


def usage_make(stage: Stage, ids: list[uuid.UUID], purpose: str) -> None:
    columns = (
        *("owner_id", "model_id", "provider_name", "model_key", "linked_execution", "created_at", "updated_at"),
        *("input_tokens", "output_tokens", "cost_usd", "latency_ms", "first_token_ms"),
    )

    def rows() -> Iterator[tuple[Any, ...]]:
        for public_id, at in zip(ids, spread(stage.start, stage.end, len(ids)), strict=True):
            model = stage.chance.choice(stage.models)
            provider = model.provider.name
            yield (
                *(stage.person(), model.pk, provider, model.key, public_id, at, at, stage.chance.randint(20, 900)),
                *(stage.chance.randint(20, 900), stage.cost(), stage.chance.randint(400, 9_000), stage.chance.randint(80, 900)),
            )

    stage.insert(CreditUsage, columns, rows(), team=stage.team, purpose=purpose, price_source="seeded")


def _cached(stage: Stage) -> None:
    usage = {"input_tokens": 1, "output_tokens": 1}
    completion = {"text": words.answer(stage.chance), "finish_reason": "stop", "usage": usage, "model": "seeded"}
    answer = {"completion": completion, "by": {}, "confidence": 90.0, "verified": "not_asked"}
    number = stage.sizes.prompts // 20
    columns = (
        "owner_id",
        "scope",
        "request_hash",
        "context_hash",
        "prompt",
        "created_at",
        "updated_at",
        "expires_at",
        "hits",
    )

    def rows() -> Iterator[tuple[Any, ...]]:
        later = stage.end + timedelta(days=3)
        for at in spread(stage.start, stage.end, number):
            person, hashed = stage.person(), uuid.uuid4().hex
            scope = f"person:{stage.team.pk}:{person}"
            yield (person, scope, hashed, hashed, words.ask(stage.chance), at, at, later, stage.chance.randint(0, 9))

    stage.insert(CachedAnswer, columns, rows(), team=stage.team, answer=answer, model_name="seeded")


def _days(stage: Stage) -> None:
    """A year of figures for each provider."""
    providers = sorted({model.provider_id for model in stage.models})
    known = set(ProviderMetric.objects.filter(provider__in=providers).values_list("provider", "date"))
    days = [(key, (stage.start + timedelta(days=day)).date()) for key in providers for day in range(366)]
    rows = ((*pair, stage.chance.randint(0, 400), stage.end, stage.end) for pair in days if pair not in known)
    stage.insert(ProviderMetric, ("provider_id", "date", "total", "created_at", "updated_at"), rows, succeeded=0)
