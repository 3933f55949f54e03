"""A prompt at the start of its route: who asks, its row, and all that the route needs of the database, read in one go."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime
from decimal import Decimal
from typing import Any, cast
from uuid import UUID

from django.db.models import F
from django.utils import timezone

from apps.common.machine import holder
from apps.providers.contract import Completion
from apps.providers.models import AIModel, Budget
from apps.providers.selectors import routable_models
from apps.tasks.engine.routing.escalate import DEFAULT_RULES
from apps.tasks.engine.routing.types import DEFAULT_BANDS, Needs, RoutedPrompt, RouteSettings, Rule, StrategyName, TriggerName
from apps.tasks.engine.types import Candidate
from apps.tasks.models import EscalationRule, RoutingSettings, TaskExecution
from apps.tasks.runner.ais import candidate_of, servers_grouped
from apps.tasks.runner.route_json import message_json, request_json
from apps.tasks.services.ab import ab_assign
from apps.tasks.services.audit import plain

LONGEST_ROUTE_S = 1_800.0  # of one prompt, escalations and checks included; reservations of calls last as long


@dataclass(frozen=True, slots=True)
class Asker:
    """Who asks, and who pays. `models`: public ids of the only models that may be asked; None: all of the team's."""

    team_id: int
    owner_id: int | None
    key_id: UUID | None = None
    source: str = "api"  # api, gateway or chat
    actor_name: str = ""
    models: frozenset[str] | None = None


@dataclass(frozen=True, slots=True)
class Ready:
    """All that a route needs of the database, read in one go."""

    execution: TaskExecution
    rows: dict[str, AIModel]  # by public id
    candidates: list[Candidate]
    settings: RouteSettings
    rules: tuple[Rule, ...]
    has_budgets: bool
    strategy: StrategyName = "auto"


@dataclass(slots=True)
class Asked:
    """One model that was asked for one purpose, and what came of it."""

    model: AIModel
    purpose: str
    completion: Completion | None = None
    error_code: str = ""
    latency_ms: int = 0
    cost_usd: Decimal | None = None


@dataclass(slots=True)
class Diary:
    """What happened on the way, kept until the end."""

    asker: Asker
    began_at: datetime = field(default_factory=timezone.now)
    records: list[tuple[str, dict[str, Any], datetime]] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    needs: Needs | None = None
    first_token_ms: int | None = None
    took_ms: int = 0

    def record(self, category: str, **data: Any) -> None:
        self.records.append((category, plain(data), timezone.now()))

    def note_asked(
        self,
        model: AIModel,
        purpose: str,
        completion: Completion | None,
        error_code: str,
        latency_ms: int,
        cost_usd: Decimal | None,
    ) -> None:
        self.asked.append(Asked(model, purpose, completion, error_code, latency_ms, cost_usd))


def execution_begin(asker: Asker, prompt: RoutedPrompt) -> Ready:
    """The row of a prompt that is about to be answered, and what its route needs; as many queries for many models as for few.

    Where an A/B test runs, the prompt falls on a side of it, whose strategy is the Ready's.
    """
    execution = TaskExecution(
        public_id=UUID(prompt.id),
        team_id=asker.team_id,
        owner_id=asker.owner_id,
        key_id=asker.key_id,
        source=asker.source,
        messages=[message_json(message) for message in prompt.request.messages],
        input=prompt.text,
        strategy=prompt.strategy,
        status=TaskExecution.Status.PROCESSING,
        held_by=holder(),
        metadata={"request": request_json(prompt)},
    )
    strategy = None if prompt.forced_model else ab_assign(asker.team_id, execution)
    execution.save(force_insert=True)
    ready = ready_for(asker, execution, forced_model=prompt.forced_model)
    return replace(ready, strategy=cast(StrategyName, strategy or prompt.strategy))


def ready_for(asker: Asker, execution: TaskExecution, *, forced_model: str = "") -> Ready:
    """The team's models, rules and settings as they are now."""
    has_budgets = Budget.objects.in_force_for(team_id=asker.team_id, owner_id=asker.owner_id, key_id=asker.key_id).exists()
    rows = _models(asker.team_id, forced_model)
    candidates = [candidate_of(*servers) for servers in servers_grouped(rows, first={forced_model})]
    return Ready(
        execution=execution,
        rows={str(row.public_id): row for row in rows},
        candidates=[_with_limits(candidate, asker, needs_price=has_budgets) for candidate in candidates],
        settings=route_settings(asker.team_id),
        rules=route_rules(asker.team_id),
        has_budgets=has_budgets,
    )


def _models(team_id: int, forced_model: str) -> list[AIModel]:
    rows = [row for row in routable_models(team_id, include_failed=True) if row.is_chat]
    if forced_model and not any(str(row.public_id) == forced_model for row in rows):
        forced = AIModel.objects.in_use().filter(public_id=forced_model, provider__team=team_id)
        rows += [row for row in forced.with_breakers().prefetch_related("quality", "ratings") if row.is_chat]
    return rows


def _with_limits(candidate: Candidate, asker: Asker, *, needs_price: bool) -> Candidate:
    if asker.models is not None and candidate.ref.id not in asker.models:
        return replace(candidate, unavailable="not_allowed")
    if needs_price and candidate.price is None and not candidate.unavailable:
        return replace(candidate, unavailable="price_unknown")
    return candidate


def route_settings(team_id: int) -> RouteSettings:
    """What the team set, and the default where it set nothing."""
    row = RoutingSettings.objects.filter(team=team_id).first()
    if row is None:
        return RouteSettings()
    return RouteSettings(
        bands={**DEFAULT_BANDS, **{tier: float(most) for tier, most in (row.bands or {}).items()}},
        max_escalations=row.max_escalations,
        max_cost_usd=row.max_cost_usd,
        exploration=float(row.exploration) / 100,
    )


def route_rules(team_id: int) -> tuple[Rule, ...]:
    """The team's active rules by priority. A team that has made none has those of the code; who wants none switches them off."""
    rows = EscalationRule.objects.filter(team=team_id).order_by("priority", "pk")
    rows = rows.annotate(from_id=F("from_model__public_id"), to_id=F("to_model__public_id"))
    if not rows:
        return DEFAULT_RULES
    return tuple(
        Rule(
            name=row.name,
            trigger=cast(TriggerName, row.trigger),
            threshold=None if row.threshold is None else float(row.threshold),
            from_tier=row.from_tier,
            to_tier=row.to_tier,
            from_model=str(row.from_id or ""),
            to_model=str(row.to_id or ""),
            category=row.category,
            id=row.pk,
        )
        for row in rows
        if row.is_active
    )
