"""The engine's way to the models: who could be asked, what it would cost at most, and the asking."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator
from decimal import Decimal

from django.db.models import Q

from apps.common.db import in_db
from apps.providers.adapters import make_adapter
from apps.providers.contract import Adapter, ChatRequest, Completion, Delta, Usage
from apps.providers.errors import AuthenticationFailed, BadRequest, EngineError, NotAnApi, OutOfCredit, ProviderError, Unreachable
from apps.providers.models import AIModel
from apps.providers.selectors import routable_models
from apps.providers.services import cost_of, model_failed, model_recovered
from apps.tasks.engine.types import Candidate, ModelRef, Quality
from apps.tasks.models import Task

log = logging.getLogger(__name__)

# What says something about the model or its provider rather than about this one question.
_STANDING = (AuthenticationFailed, OutOfCredit, Unreachable, NotAnApi, EngineError)
CHARS_PER_TOKEN = 3  # on the safe side: a reservation should rather be too large


class ConnectedAIs:
    """The engine's AIs for one run of one task. `aclose` gives back every connection."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._adapters: dict[int, Adapter] = {}
        self._rows: dict[str, AIModel] = {}

    async def candidates(self) -> list[Candidate]:
        rows = await in_db(_rows_for, self.task)
        self._rows.update({str(row.public_id): row for row in rows})
        return [candidate_of(row) for row in rows]

    async def ask(self, model: ModelRef, request: ChatRequest) -> AsyncIterator[Delta | Completion]:
        row = await self._row(model)
        stream = self._adapter(row).stream(request)
        try:
            async for item in stream:
                yield item
        except ProviderError as error:
            if isinstance(error, _STANDING) and not isinstance(error, BadRequest):
                await in_db(model_failed, row, error)
            raise
        finally:
            await stream.aclose()  # type: ignore[attr-defined]
        if row.state == AIModel.State.FAILED:
            await in_db(model_recovered, row)

    async def estimate_usd(self, model: ModelRef, request: ChatRequest) -> Decimal | None:
        """The most that this call can cost: its prompt and every token that it may write. None: the price is unknown."""
        row = await self._row(model)
        asked = sum(len(message.content) for message in request.messages) // CHARS_PER_TOKEN + 1
        return cost_of(row, Usage(asked, request.max_output_tokens or 4096))

    async def aclose(self) -> None:
        for adapter in self._adapters.values():
            try:
                await adapter.aclose()
            except ProviderError as error:
                log.warning("closing an adapter failed: %s", error)
        self._adapters.clear()

    def _adapter(self, row: AIModel) -> Adapter:
        if row.provider_id not in self._adapters:
            self._adapters[row.provider_id] = make_adapter(row.provider.connection)
        return self._adapters[row.provider_id]

    async def _row(self, model: ModelRef) -> AIModel:
        if model.id not in self._rows:
            self._rows[model.id] = await in_db(_row_of, model)
        return self._rows[model.id]


def _row_of(model: ModelRef) -> AIModel:
    row = AIModel.objects.select_related("provider").filter(public_id=model.id).first()
    if row is None:
        raise Unreachable(f"The model {model.label} was removed.")
    return row


def _rows_for(task: Task) -> list[AIModel]:
    """Models in use that can chat; those a person asked for also when routing would leave them out.

    A sample task stays among the practice models: it must never spend anybody's money.
    """
    rows = [] if task.is_sample else routable_models(task.team_id, include_failed=True)
    missing = set(task.cast.values()) - {str(row.public_id) for row in rows}
    if task.is_sample or missing:
        wanted = Q(is_practice=True) if task.is_sample else Q(public_id__in=missing)
        others = AIModel.objects.in_use().filter(wanted, provider__team=task.team_id)
        rows = [*rows, *others.select_related("provider").prefetch_related("quality")]
    return [row for row in rows if row.is_chat]


def candidate_of(row: AIModel) -> Candidate:
    """A model's row as the engine sees it. Needs `provider` and `quality` loaded."""
    local_price = Decimal(0) if row.provider.is_local or row.is_practice else None
    return Candidate(
        ref=ref_of(row),
        price_input=row.price_input if row.price_input is not None else local_price,
        price_output=row.price_output if row.price_output is not None else local_price,
        context_window=row.context_window,
        is_practice=row.is_practice,
        size_bytes=row.size_bytes,
        skill=None if row.skill is None else float(row.skill),
        quality={
            metric.category: Quality(
                runs=metric.validations,
                score=None if metric.validation_score_mean is None else float(metric.validation_score_mean),
                latency_ms=metric.latency_ms_sum / metric.executions if metric.executions else None,
            )
            for metric in row.quality.all()
        },
        unavailable=_unavailable(row),
    )


def ref_of(row: AIModel) -> ModelRef:
    return ModelRef(
        id=str(row.public_id),
        provider=row.provider.name,
        model=row.key,
        label=str(row),
        family=row.family,
        tier=row.tier,
        profile="compact" if row.is_practice else "full",
    )


def _unavailable(row: AIModel) -> str:
    if row.state == AIModel.State.INACTIVE:
        return "gone_from_provider"
    return "failed_recently" if row.is_resting else ""
