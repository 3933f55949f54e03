"""The final result, put together only from text that went through checking: nothing is rewritten on the way out."""

from __future__ import annotations

from apps.tasks.engine.context import Context
from apps.tasks.engine.types import Inputs, Plan, Result


def compose(plan: Plan, outcomes: Inputs, ctx: Context) -> Result:
    """The last step's result where all others lead to it; otherwise each open end in order, under its title."""
    needed = {order for subtask in plan.subtasks for order in subtask.depends_on}
    ends = [subtask for subtask in plan.subtasks if subtask.order not in needed]
    if len(ends) == 1:
        text = outcomes[ends[0].order].text
    else:
        text = "\n\n".join(f"## {subtask.title}\n\n{outcomes[subtask.order].text}" for subtask in ends)
    return Result(
        text=text,
        confidence=min(outcome.confidence for outcome in outcomes.values()),
        is_cross_validated=all(outcome.cross_validated for outcome in outcomes.values()),
    )
