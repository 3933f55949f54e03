"""What happens to a task, from top to bottom."""

from __future__ import annotations

from apps.tasks.engine.cast import choose_cast
from apps.tasks.engine.compare import compare
from apps.tasks.engine.compose import compose
from apps.tasks.engine.conclude import conclude, stand_by_the_best
from apps.tasks.engine.context import Context
from apps.tasks.engine.errors import Failure
from apps.tasks.engine.execute import execute
from apps.tasks.engine.further import inspected
from apps.tasks.engine.plan import make_plan
from apps.tasks.engine.tiebreak import settle
from apps.tasks.engine.types import Inputs, Outcome, PlannedSubtask, Result, TaskSpec, Tried
from apps.tasks.engine.validate import validate


async def run_task(task: TaskSpec, ctx: Context) -> Result:
    """Plan, do every subtask as soon as it can be done, put the results together.

    Raises a Stop when it has to wait for a person and a Failure when it cannot be finished; what is done stays done.
    """
    plan = await ctx.stage("plan", make_plan, task)
    plan = await ctx.approved(plan)
    outcomes = await ctx.when_ready(plan.subtasks, run_subtask)
    return await ctx.stage("compose", compose, plan, outcomes)


async def run_subtask(subtask: PlannedSubtask, inputs: Inputs, ctx: Context) -> Outcome:
    """A weak or suspect result goes to an author of another family; when none does better, the best of what there is stands."""
    tried: Tried = ()
    while True:
        attempt = ctx.attempt(len(tried) + 1)
        try:
            outcome = await run_attempt(subtask, inputs, tried, attempt)
        except Failure:
            if not tried:
                raise
            outcome = await attempt.stage("conclude", stand_by_the_best, tried)
        if not outcome.escalate_because:
            return outcome
        tried = (*tried, outcome)


async def run_attempt(subtask: PlannedSubtask, inputs: Inputs, tried: Tried, attempt: Context) -> Outcome:
    """One AI writes, another checks, a third settles what they dispute; a second attempt is compared with what was suspect."""
    cast = await attempt.stage("cast", choose_cast, subtask, tried)
    draft = await attempt.stage("execute", execute, subtask, inputs, cast, tried)
    findings = await attempt.stage("inspect", inspected, subtask, inputs, draft)
    check = await attempt.stage("validate", validate, subtask, inputs, draft, cast)
    settlement = await attempt.stage("tie-break", settle, subtask, inputs, draft, check, cast)
    comparison = await attempt.stage("compare", compare, draft, findings, check, settlement, tried) if tried else None
    return await attempt.stage("conclude", conclude, cast, draft, findings, check, settlement, tried, comparison)
