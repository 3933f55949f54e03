"""The critical reading of a draft by a different AI, and how far the two are apart."""

from __future__ import annotations

from apps.providers.errors import ProviderError
from apps.tasks.engine import profiles
from apps.tasks.engine.context import Context
from apps.tasks.engine.divergence import diverge
from apps.tasks.engine.errors import BadVerdict, Failure, NoCheckerAnswered
from apps.tasks.engine.types import Cast, Check, Draft, Failed, Inputs, ModelRef, PlannedSubtask, Verdict

CHECKERS_TO_TRY = 3
TRIES_PER_CHECKER = 2


async def validate(subtask: PlannedSubtask, inputs: Inputs, draft: Draft, cast: Cast, ctx: Context) -> Check:
    """A verdict by a model of another family, or why there is none. Raises NoCheckerAnswered when the policy says ask."""
    if not ctx.task.policy.cross_validate:
        return Check(reason_not="switched_off")
    checkers = [model for model in (*cast.checkers, *cast.executors) if model.family != draft.by.family]
    if not checkers:
        return Check(reason_not="too_few_models")
    failed: list[Failed] = []
    for checker in list(dict.fromkeys(checkers))[:CHECKERS_TO_TRY]:
        try:
            verdict = await _verdict_of(checker, subtask, inputs, draft, ctx)
            return Check(verdict, diverge(verdict, draft.text), failed=tuple(failed))
        except (ProviderError, Failure) as error:
            failed.append(Failed(checker, error.code, error.message))
            await ctx.note("checker_failed", model=checker.label, code=error.code, message=error.message)
    if ctx.task.policy.on_too_few_models == "ask":
        raise NoCheckerAnswered("no usable verdict", tried={item.model.label: item.message for item in failed})
    return Check(reason_not="no_checker_answered", failed=tuple(failed))


async def _verdict_of(checker: ModelRef, subtask: PlannedSubtask, inputs: Inputs, draft: Draft, ctx: Context) -> Verdict:
    profile = profiles.of(checker)
    prompt = profile.check_prompt(ctx.task, subtask, inputs, draft.text)
    for attempt in range(1, TRIES_PER_CHECKER + 1):
        answer = await ctx.ask(checker, prompt)
        try:
            return profile.read_verdict(checker, answer.completion.data)
        except BadVerdict as error:
            await ctx.note("verdict_refused", model=checker.label, message=error.message)
            if attempt == TRIES_PER_CHECKER:
                raise
            prompt = profile.again(prompt, answer.completion.text, error.message)
    raise AssertionError("unreachable")
