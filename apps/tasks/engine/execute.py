"""The author's work: whole, never a summary. An answer cut by length is continued; an author that fails is replaced."""

from __future__ import annotations

from apps.common.contract import joined
from apps.providers.contract import Completion
from apps.providers.errors import Interrupted, ProviderError
from apps.tasks.engine import profiles
from apps.tasks.engine.context import Context
from apps.tasks.engine.errors import EmptyWork, Failure, NoModelAnswered
from apps.tasks.engine.personas import voiced
from apps.tasks.engine.reading import asked_fitting
from apps.tasks.engine.types import Cast, Draft, Failed, Inputs, ModelRef, Persona, PlannedSubtask, Prompt, TaskSpec, Tried

MOST_PIECES = 8
AUTHORS_TO_TRY = 4
CUT_SHORT = ("length", "content_filter")  # any other reason, also an unknown one, is the author's own end


async def execute(subtask: PlannedSubtask, inputs: Inputs, cast: Cast, tried: Tried, ctx: Context) -> Draft:
    """The first author that delivers. Raises NoModelAnswered with what each one said."""
    failed: list[Failed] = []
    for author in cast.executors[:AUTHORS_TO_TRY]:
        if failed:
            await ctx.note("author_took_over", model=author.label, after=failed[-1].model.label)
        try:
            return await _write(author, subtask, inputs, tried, cast.executor_as, tuple(failed), ctx)
        except (ProviderError, Failure) as error:
            failed.append(Failed(author, error.code, error.message))
            partial = error.extra.get("partial")  # what it had written is kept with its call, and nothing of it is used
            broke_off = bool(partial and partial.text)
            await ctx.note("author_failed", model=author.label, code=error.code, message=error.message, broke_off=broke_off)
    said = {item.model.label: item.message for item in failed}
    raise NoModelAnswered(joined(joined((author, message), ": ") for author, message in said.items()), tried=said)


async def _write(
    author: ModelRef,
    subtask: PlannedSubtask,
    inputs: Inputs,
    tried: Tried,
    persona: Persona | None,
    failed_before: tuple[Failed, ...],
    ctx: Context,
) -> Draft:
    profile = profiles.of(author)

    def work_prompt(task: TaskSpec, subtask: PlannedSubtask, inputs: Inputs) -> Prompt:
        return voiced(profile.work_prompt(task, subtask, inputs, tried), persona, author)

    first, work = await asked_fitting(author, work_prompt, subtask, inputs, _piece, ctx)
    pieces = [first]
    while pieces[-1].finish_reason == "length" and pieces[-1].text.strip() and len(pieces) < MOST_PIECES:
        await ctx.note("continued", model=author.label, piece=len(pieces))
        so_far = "".join(piece.text for piece in pieces)
        pieces.append(await _piece(author, profile.continued(work.prompt, so_far), ctx))
    text = "".join(piece.text for piece in pieces)
    if not text.strip():
        raise EmptyWork("The answer was empty.")
    return Draft(
        text=text.strip(),
        by=author,
        pieces=len(pieces),
        is_complete=pieces[-1].finish_reason not in CUT_SHORT,
        parts_read=work.parts,
        failed_before=failed_before,
        latency_ms=sum(piece.latency_ms for piece in pieces),
        longest_pause_s=max(piece.longest_pause_ms for piece in pieces) / 1000,
        tokens=sum(piece.usage.input_tokens + piece.usage.output_tokens for piece in pieces),
    )


async def _piece(author: ModelRef, prompt: Prompt, ctx: Context) -> Completion:
    try:
        return (await ctx.ask(author, prompt)).completion
    except Interrupted as cut:
        await ctx.note("interrupted", model=author.label, message=cut.message)
        return (await ctx.ask(author, prompt)).completion  # once more; a second cut is a failure
