"""The engine's way to the models: who could be asked, what it would cost at most, and the asking."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Collection
from contextlib import aclosing
from decimal import Decimal

from django.db.models import Q

from apps.common.db import in_db
from apps.common.said import gettext as _
from apps.providers.calls import Calls, Switched, Waiting
from apps.providers.contract import ChatRequest, Completion, Delta, Usage
from apps.providers.errors import Unreachable
from apps.providers.models import AIModel
from apps.providers.selectors import routable_models, specialized_ais_in_use
from apps.providers.services import cost_of, liking_of
from apps.tasks.engine.moves import Moved, Queued
from apps.tasks.engine.types import Candidate, ModelRef, Persona, Quality
from apps.tasks.models import Task

# Nobody sits before a task and waits for its first word; the time limit of its run ends a wait that is too long all the same.
WAIT_FOR_PLACE_S = 600.0
CHARS_PER_TOKEN = 3  # on the safe side: a reservation should rather be too large


class ConnectedAIs:
    """The engine's AIs for one run of one task. `aclose` gives back every connection."""

    def __init__(self, task: Task) -> None:
        self.task = task
        self._calls = Calls(wait_for_place_s=WAIT_FOR_PLACE_S)
        self._rows: dict[str, AIModel] = {}

    async def candidates(self) -> list[Candidate]:
        rows = await in_db(_rows_for, self.task)
        self._rows.update({str(row.public_id): row for row in rows})
        preferred = {model for persona in await self.personas() for model in persona.models}
        return [candidate_of(*servers) for servers in servers_grouped(rows, first={*self.task.cast.values(), *preferred})]

    async def personas(self) -> list[Persona]:
        return [] if self.task.is_sample else await in_db(personas_of, self.task.team_id)

    async def ask(self, model: ModelRef, request: ChatRequest) -> AsyncGenerator[Delta | Completion | Moved | Queued]:
        """An answer of this very AI, from whichever of its servers. That another AI should answer is for the engine to decide."""
        async with aclosing(self._calls.stream(await self._row(model), request)) as items:
            async for item in items:
                match item:
                    case Switched():
                        yield _moved(item)
                    case Waiting():
                        yield Queued(model, item.at_most_s)
                    case _:
                        yield item

    async def estimate_usd(self, model: ModelRef, request: ChatRequest) -> Decimal | None:
        """The most that this call can cost: its prompt and every token that it may write. None: the price is unknown."""
        row = await self._row(model)
        asked = sum(len(message.content) for message in request.messages) // CHARS_PER_TOKEN + 1
        return cost_of(row, Usage(asked, request.max_output_tokens or 4096))

    async def aclose(self) -> None:
        await self._calls.aclose()

    async def _row(self, model: ModelRef) -> AIModel:
        if model.id not in self._rows:
            self._rows[model.id] = await in_db(_row_of, model)
        return self._rows[model.id]


def _row_of(model: ModelRef) -> AIModel:
    row = AIModel.objects.with_breakers().filter(public_id=model.id).first()
    if row is None:
        raise Unreachable(_("The model %s was removed.") % model.label)
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
        rows = [*rows, *others.with_breakers().prefetch_related("quality", "ratings")]
    return [row for row in rows if row.is_chat]


def servers_grouped(rows: list[AIModel], *, first: Collection[str] = ()) -> list[list[AIModel]]:
    """The servers of each model together, in the order of the rows; a model whose id is in `first` goes before its like."""
    groups: dict[tuple, list[AIModel]] = {}
    for row in sorted(rows, key=lambda row: str(row.public_id) not in first):
        groups.setdefault(row.serves, []).append(row)
    place = {row.pk: number for number, row in enumerate(rows)}
    return sorted(groups.values(), key=lambda servers: min(place[server.pk] for server in servers))


def candidate_of(row: AIModel, *other_servers: AIModel) -> Candidate:
    """A model as the engine sees it: one AI, at how many servers it may be. Speaks of the first row.

    Needs `provider`, `quality` and `ratings` loaded, and breakers for no further query.
    """
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
        liking=liking_of(row.ratings.all()),
        unavailable=_unavailable([row, *other_servers]),
        capabilities=tuple(row.capabilities),
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
        context_window=min(filter(None, (row.context_window, row.loaded_context)), default=None),
    )


def personas_of(team_id: int) -> list[Persona]:
    """The team's specialized AIs that are in use, as the engine sees them. Two queries."""
    return [
        Persona(
            id=str(row.public_id),
            name=str(row),
            role=row.role,
            system_prompt=row.system_prompt,
            categories=tuple(category.lower() for category in row.categories),
            models=tuple(str(model.public_id) for model in (row.default_model, *row.ordered_fallbacks) if model),
            temperature=row.temperature,
            max_output_tokens=row.max_output_tokens,
        )
        for row in specialized_ais_in_use(team_id)
    ]


def _unavailable(servers: list[AIModel]) -> str:
    """Why it cannot be asked now; "" as long as one of its servers can be."""
    there = [server for server in servers if server.state != AIModel.State.INACTIVE]
    if not there:
        return "gone_from_provider"
    return "failed_recently" if all(server.is_resting for server in there) else ""


def _moved(switched: Switched) -> Moved:
    return Moved(
        ref_of(switched.from_model),
        ref_of(switched.to_model),
        switched.error_code,
        switched.reason,
        was_asked=switched.was_asked,
        after_first_token=switched.after_first_token,
        partial=switched.partial,
        latency_ms=switched.latency_ms,
    )
