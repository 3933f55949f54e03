"""The critical reading of a draft by a different AI, and how far the two are apart."""

from __future__ import annotations

from apps.providers.errors import ProviderError
from apps.tasks.engine import profiles
from apps.tasks.engine.context import Context
from apps.tasks.engine.divergence import diverge
from apps.tasks.engine.due import is_check_due
from apps.tasks.engine.errors import BadVerdict, Failure, NoCheckerAnswered
from apps.tasks.engine.personas import voiced
from apps.tasks.engine.reading import ask_once, asked_fitting
from apps.tasks.engine.types import (
    Cast,
    Check,
    Draft,
    Failed,
    Inputs,
    ModelRef,
    Persona,
    PlannedSubtask,
    Prompt,
    TaskSpec,
    Verdict,
)

CHECKERS_TO_TRY = 3
TRIES_PER_CHECKER = 2


async def validate(subtask: PlannedSubtask, inputs: Inputs, draft: Draft, cast: Cast, ctx: Context) -> Check:
    """A verdict by a model of another family, or why there is none. Raises NoCheckerAnswered when the policy says ask."""
    if not ctx.task.policy.cross_validate:
        return Check(reason_not="switched_off")
    if not is_check_due(ctx.task, subtask):
        return Check(reason_not="not_due")
    checkers = [model for model in (*cast.checkers, *cast.executors) if model.family != draft.by.family]
    if not checkers:
        return Check(reason_not="too_few_models")
    failed: list[Failed] = []
    for checker in list(dict.fromkeys(checkers))[:CHECKERS_TO_TRY]:
        try:
            verdict, parts = await _verdict_of(checker, subtask, inputs, draft, cast.validator_as, ctx)
            return Check(verdict, diverge(verdict, draft.text), failed=tuple(failed), parts_read=parts)
        except (ProviderError, Failure) as error:
            failed.append(Failed(checker, error.code, error.message))
            await ctx.note("checker_failed", model=checker.label, code=error.code, message=error.message)
    if ctx.task.policy.on_too_few_models == "ask":
        raise NoCheckerAnswered("no usable verdict", tried={item.model.label: item.message for item in failed})
    return Check(reason_not="no_checker_answered", failed=tuple(failed))


async def _verdict_of(
    checker: ModelRef, subtask: PlannedSubtask, inputs: Inputs, draft: Draft, persona: Persona | None, ctx: Context
) -> tuple[Verdict, int]:
    """The verdict, and in how many parts the checker read what the author could build on."""
    profile = profiles.of(checker)

    def check_prompt(task: TaskSpec, subtask: PlannedSubtask, inputs: Inputs) -> Prompt:
        return voiced(profile.check_prompt(task, subtask, inputs, draft.text), persona, checker)

    completion, work = await asked_fitting(checker, check_prompt, subtask, inputs, ask_once, ctx)
    prompt = work.prompt
    for attempt in range(1, TRIES_PER_CHECKER + 1):
        try:
            return profile.read_verdict(checker, completion.data), work.parts
        except BadVerdict as error:
            await ctx.note("verdict_refused", model=checker.label, message=error.message)
            if attempt == TRIES_PER_CHECKER:
                raise
            prompt = profile.again(prompt, completion.text, error.message)
            completion = await ask_once(checker, prompt, ctx)
    raise AssertionError("unreachable")
