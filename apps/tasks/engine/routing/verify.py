"""A second opinion of an answer: a different AI checks it, a third settles a dispute, as in a task's step."""

from __future__ import annotations

from typing import TYPE_CHECKING

from apps.tasks.engine.cast import cast_from
from apps.tasks.engine.routing.types import Attempt, RoutedPrompt, SecondOpinion
from apps.tasks.engine.routing.weighing import CUT_SHORT, findings_of
from apps.tasks.engine.tiebreak import settle
from apps.tasks.engine.types import Draft, PlannedSubtask
from apps.tasks.engine.validate import validate

if TYPE_CHECKING:
    from apps.tasks.engine.route import RouteContext


async def second_opinion(prompt: RoutedPrompt, attempt: Attempt, ctx: RouteContext) -> SecondOpinion:
    """Findings, verdict and ruling about an answer. Where nobody could check, `check.reason_not` says why."""
    assert attempt.completion is not None
    question = PlannedSubtask(order=1, title="Answer", description=prompt.text)
    draft = Draft(
        text=attempt.completion.text,
        by=attempt.model,
        is_complete=attempt.completion.finish_reason not in CUT_SHORT,
        latency_ms=attempt.completion.latency_ms,
        longest_pause_s=attempt.completion.longest_pause_ms / 1000,
    )
    task_context = ctx.as_task_context()
    usable = [candidate for candidate in await ctx.candidates() if not candidate.unavailable]
    cast = cast_from(usable, task_context.task, question, (), await ctx.personas())
    findings = attempt.findings or findings_of(prompt, attempt.model, attempt.completion)
    check = await validate(question, {}, draft, cast, task_context)
    settlement = await settle(question, {}, draft, check, cast, task_context)
    return SecondOpinion(findings, check, settlement)
