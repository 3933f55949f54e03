"""A third AI decides where author and checker are further apart than the threshold, without knowing who said what."""

from __future__ import annotations

from apps.providers.errors import ProviderError
from apps.tasks.engine import profiles
from apps.tasks.engine.cast import late_judges
from apps.tasks.engine.context import Context
from apps.tasks.engine.errors import BadVerdict, Failure, TooFewModels
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
    Ruling,
    Settlement,
    Side,
    TaskSpec,
    Verdict,
)

JUDGES_TO_TRY = 3
TRIES_PER_JUDGE = 2


async def settle(subtask: PlannedSubtask, inputs: Inputs, draft: Draft, check: Check, cast: Cast, ctx: Context) -> Settlement:
    """A ruling where there is a dispute, else why there is none. Raises TooFewModels when the policy says ask."""
    if check.verdict is None or check.divergence is None:
        return Settlement(reason_not="not_checked")
    if check.divergence.total <= ctx.task.policy.divergence_threshold:
        return Settlement(reason_not="in_agreement")
    failed: list[Failed] = []
    for judge in await _judges(draft.by, check.verdict.by, cast, ctx):
        try:
            ruling = await _ruling_of(judge, subtask, inputs, draft, check, check.verdict, cast.tie_breaker_as, ctx)
            return Settlement(ruling, failed=tuple(failed))
        except (ProviderError, Failure) as error:
            failed.append(Failed(judge, error.code, error.message))
            await ctx.note("judge_failed", model=judge.label, code=error.code, message=error.message)
    if ctx.task.policy.on_too_few_models == "ask":
        raise TooFewModels("nobody to settle the dispute", role="tie_breaker", tried={f.model.label: f.message for f in failed})
    return Settlement(reason_not="no_judge_answered" if failed else "too_few_models", failed=tuple(failed))


async def _judges(author: ModelRef, checker: ModelRef, cast: Cast, ctx: Context) -> list[ModelRef]:
    """Those of neither family: from the cast, and after them who has come into use since it was chosen."""
    taken = (author.family, checker.family)
    known = dict.fromkeys(model for model in (*cast.judges, *cast.checkers, *cast.executors) if model.family not in taken)
    late = [judge for judge in await late_judges(author, checker, ctx) if judge not in known]
    return [*known][:JUDGES_TO_TRY] + late[:JUDGES_TO_TRY]


async def _ruling_of(
    judge: ModelRef,
    subtask: PlannedSubtask,
    inputs: Inputs,
    draft: Draft,
    check: Check,
    verdict: Verdict,
    persona: Persona | None,
    ctx: Context,
) -> Ruling:
    profile = profiles.of(judge)
    author_is_a = ctx.coin("sides")
    sides = (draft.text, checkers_side(check, verdict))
    first, second = sides if author_is_a else reversed(sides)

    def settle_prompt(task: TaskSpec, subtask: PlannedSubtask, inputs: Inputs) -> Prompt:
        return voiced(profile.settle_prompt(task, subtask, inputs, first, second), persona, judge)

    completion, work = await asked_fitting(judge, settle_prompt, subtask, inputs, ask_once, ctx)
    prompt = work.prompt
    for attempt in range(1, TRIES_PER_JUDGE + 1):
        try:
            letter, reason = profile.read_ruling(completion.data)
            return Ruling(_winner(letter, author_is_a=author_is_a), reason, judge, "A" if author_is_a else "B")
        except BadVerdict as error:
            await ctx.note("ruling_refused", model=judge.label, message=error.message)
            if attempt == TRIES_PER_JUDGE:
                raise
            prompt = profile.again(prompt, completion.text, error.message)
            completion = await ask_once(judge, prompt, ctx)
    raise AssertionError("unreachable")


def checkers_side(check: Check, verdict: Verdict) -> str:
    """What the checker holds against the draft: its own answer where that is another, or else its objections."""
    if check.other_answer:
        return check.other_answer
    objections = [defect.problem + (f" (“{defect.quote}”)" if defect.quote else "") for defect in verdict.defects]
    return "\n".join([verdict.summary, *objections]).strip() or "This answer does not meet the criteria."


def _winner(letter: str, *, author_is_a: bool) -> Side:
    if letter == "neither":
        return "neither"
    return "author" if (letter == "A") == author_is_a else "checker"
