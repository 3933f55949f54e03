"""The plan: asked for as structured data, checked, asked for again with what was wrong, and in the end one step."""

from __future__ import annotations

from dataclasses import replace

from apps.common.contract import say as _
from apps.common.errors import OrquestradorError
from apps.providers.errors import ProviderError
from apps.tasks.engine import profiles
from apps.tasks.engine.cast import choose_planners
from apps.tasks.engine.context import Context
from apps.tasks.engine.errors import BadPlan, Failure
from apps.tasks.engine.personas import persona_for, voiced
from apps.tasks.engine.types import ModelRef, Persona, Plan, PlannedSubtask, TaskSpec

MAX_SUBTASKS = 30
MAX_ORDER = 9_999
MAX_TITLE_CHARS = 200
MAX_TEXT_CHARS = 20_000
TRIES_PER_PLANNER = 2
PLANNERS = 2


async def make_plan(task: TaskSpec, ctx: Context) -> Plan:
    """A plan that can be carried out. Raises NoModel when nothing is in use; otherwise there always is one."""
    problem: OrquestradorError | None = None
    persona = persona_for(await ctx.personas(), "planner", task.category)
    for planner in (await choose_planners(ctx, persona))[:PLANNERS]:
        try:
            return await _plan_of(planner, persona, task, ctx)
        except (ProviderError, Failure) as error:
            problem = error
            await ctx.note("planner_failed", model=planner.label, code=error.code, message=error.message)
    return one_step_plan(task, note=problem.message if problem else "")


def one_step_plan(task: TaskSpec, *, note: str) -> Plan:
    step = PlannedSubtask(order=1, title=task.title[:MAX_TITLE_CHARS], description=task.description, category=task.category)
    return Plan((step,), is_fallback=True, note=note)


async def _plan_of(planner: ModelRef, persona: Persona | None, task: TaskSpec, ctx: Context) -> Plan:
    profile = profiles.of(planner)
    prompt = voiced(profile.plan_prompt(task), persona, planner)
    for attempt in range(1, TRIES_PER_PLANNER + 1):
        answer = await ctx.ask(planner, prompt)
        try:
            plan = profile.read_plan(task, answer.completion.data)
            must_be_feasible(plan.subtasks)
            return replace(plan, planned_by=planner, planned_as=persona.name if persona and prompt.spoken_as else "")
        except BadPlan as error:
            await ctx.note("plan_refused", model=planner.label, message=error.message)
            if attempt == TRIES_PER_PLANNER:
                raise
            prompt = profile.again(prompt, answer.completion.text, error.message)
    raise AssertionError("unreachable")


def must_be_feasible(subtasks: tuple[PlannedSubtask, ...]) -> None:
    """Raises BadPlan that says, in words a model and a person understand, what is wrong with the plan."""
    orders = [subtask.order for subtask in subtasks]
    if not subtasks:
        raise BadPlan(_("The plan has no subtasks."))
    if len(subtasks) > MAX_SUBTASKS:
        raise BadPlan(
            _("The plan has %(n)s subtasks; at most %(most)s are allowed.") % {"n": len(subtasks), "most": MAX_SUBTASKS}
        )
    if len(set(orders)) != len(orders):
        raise BadPlan(_("Two subtasks have the same number."))
    for subtask in subtasks:
        _must_be_sound(subtask, set(orders))
    if cycle := find_cycle(subtasks):
        raise BadPlan(_("The subtasks %(numbers)s wait for one another in a circle.") % {"numbers": ", ".join(map(str, cycle))})


def _must_be_sound(subtask: PlannedSubtask, orders: set[int]) -> None:
    if not 1 <= subtask.order <= MAX_ORDER:
        raise BadPlan(_("Subtasks are numbered from 1; %(n)s cannot be used.") % {"n": subtask.order})
    if not subtask.description.strip():
        raise BadPlan(_("Subtask %(n)s has no description.") % {"n": subtask.order})
    if len(subtask.description) > MAX_TEXT_CHARS or len(subtask.title) > MAX_TITLE_CHARS:
        raise BadPlan(_("Subtask %(n)s is too long.") % {"n": subtask.order})
    if unknown := sorted(set(subtask.depends_on) - orders):
        raise BadPlan(
            _("Subtask %(n)s depends on %(others)s, which the plan does not have.")
            % {"n": subtask.order, "others": ", ".join(map(str, unknown))}
        )


def find_cycle(subtasks: tuple[PlannedSubtask, ...]) -> list[int]:
    """The orders of subtasks that can never start, ascending; empty when the plan is acyclic."""
    waiting = {subtask.order: set(subtask.depends_on) for subtask in subtasks}
    while free := [order for order, needs in waiting.items() if not needs & waiting.keys()]:
        for order in free:
            del waiting[order]
    return sorted(waiting)
