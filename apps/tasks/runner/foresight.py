"""Who will probably be asked, before anybody is: so that a model that sleeps can be woken first."""

from __future__ import annotations

from dataclasses import replace

from apps.providers.models import AIModel
from apps.tasks.engine.routing.escalate import start_higher
from apps.tasks.engine.routing.select import analyse, select
from apps.tasks.engine.routing.types import RoutedPrompt
from apps.tasks.models import TaskExecution
from apps.tasks.runner.executions import Asker, ready_for

NO_CHANCE = 1.0  # nobody is tried out


def foresee(asker: Asker, prompt: RoutedPrompt) -> tuple[AIModel | None, list[AIModel]]:
    """The model that the route would ask first, and who else could answer, in the order in which auto would ask them.

    None where nobody can be asked. It keeps nothing, and is no promise: the route draws lots and looks into its cache.
    """
    ready = ready_for(asker, TaskExecution(), forced_model=prompt.forced_model)
    needs = analyse(prompt, ready.settings)
    chosen = select(prompt, needs, ready.candidates, ready.settings, chance=NO_CHANCE).ranked
    if not chosen:
        return None, []
    first = chosen[0]
    if not prompt.forced_model:
        first = start_higher(needs, first, ready.rules, ready.candidates) or first
    free = replace(prompt, forced_model="")
    others = select(free, needs, ready.candidates, ready.settings, chance=NO_CHANCE).ranked
    return ready.rows[first.id], [ready.rows[other.id] for other in others if other.id != first.id]
