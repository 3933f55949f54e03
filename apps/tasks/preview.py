"""What would happen if a task were given now: who would plan, write, check and decide, by the engine's own choice."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from apps.accounts.actor import Actor
from apps.providers.models import AIModel
from apps.providers.selectors import routable_models
from apps.tasks.engine.cast import cast_from, planners_from
from apps.tasks.engine.personas import persona_for
from apps.tasks.engine.types import ModelRef, PlannedSubtask, Policy, TaskSpec
from apps.tasks.runner.ais import candidate_of, personas_of

A_STEP = PlannedSubtask(order=1, title="", description="")


@dataclass(frozen=True, slots=True)
class Preview:
    """The first choice for each role, None where nobody could take it. `models` are those that can be asked for by name."""

    models: list[AIModel]
    families: int
    planner: ModelRef | None = None
    executor: ModelRef | None = None
    validator: ModelRef | None = None
    tie_breaker: ModelRef | None = None
    only_practice: bool = False

    @property
    def can_work(self) -> bool:
        return self.executor is not None


def preview_of(actor: Actor, asked: Mapping[str, str] | None = None) -> Preview:
    """For a general step; a later choice may differ as models prove themselves. Five queries."""
    models = routable_models(actor.team)
    usable = [candidate for candidate in map(candidate_of, models) if not candidate.unavailable]
    families = len({candidate.ref.family for candidate in usable})
    if not usable:
        return Preview(models, families)
    wanted = {role: public_id for role, public_id in (asked or {}).items() if public_id}
    task = TaskSpec(id="", title="", description="", category="general", policy=Policy(), cast=wanted)
    personas = personas_of(actor.team.pk)
    cast = cast_from(usable, task, A_STEP, (), personas)
    author, checker = cast.executors[0], next(iter(cast.checkers), None)
    taken = {author.family, checker.family if checker else None}
    judge = next((model for model in cast.judges if model.family not in taken), None)
    only_practice = all(model.is_practice for model in models)
    return Preview(
        models,
        families,
        planners_from(usable, task, persona_for(personas, "planner", task.category))[0],
        author,
        checker,
        judge,
        only_practice,
    )
