"""The author's work: whole, never a summary. An answer cut by length is continued; an author that fails is replaced."""

from __future__ import annotations

from apps.providers.contract import Completion
from apps.providers.errors import Interrupted, ProviderError
from apps.tasks.engine import profiles
from apps.tasks.engine.context import Context
from apps.tasks.engine.errors import EmptyWork, Failure, NoModelAnswered
from apps.tasks.engine.types import Cast, Draft, Failed, Inputs, ModelRef, PlannedSubtask, Prompt, Tried

MOST_PIECES = 8
AUTHORS_TO_TRY = 4
CUT_SHORT = ("length", "content_filter")  # any other reason, also an unknown one, is the author's own end


async def execute(subtask: PlannedSubtask, inputs: Inputs, cast: Cast, tried: Tried, ctx: Context) -> Draft:
    """The first author that delivers. Raises NoModelAnswered with what each one said."""
    failed: list[Failed] = []
    for author in cast.executors[:AUTHORS_TO_TRY]:
        try:
            return await _write(author, subtask, inputs, tried, tuple(failed), ctx)
        except (ProviderError, Failure) as error:
            failed.append(Failed(author, error.code, error.message))
            await ctx.note("author_failed", model=author.label, code=error.code, message=error.message)
    said = {item.model.label: item.message for item in failed}
    raise NoModelAnswered(" ".join(f"{author}: {message}" for author, message in said.items()), tried=said)


async def _write(
    author: ModelRef,
    subtask: PlannedSubtask,
    inputs: Inputs,
    tried: Tried,
    failed_before: tuple[Failed, ...],
    ctx: Context,
) -> Draft:
    profile = profiles.of(author)
    prompt = profile.work_prompt(ctx.task, subtask, inputs, tried)
    pieces: list[Completion] = []
    while True:
        piece = await _piece(author, _resumed(prompt, pieces, profile), ctx)
        pieces.append(piece)
        if piece.finish_reason != "length" or not piece.text.strip() or len(pieces) == MOST_PIECES:
            break
        await ctx.note("continued", model=author.label, piece=len(pieces))
    text = "".join(piece.text for piece in pieces)
    if not text.strip():
        raise EmptyWork("The answer was empty.")
    return Draft(
        text=text.strip(),
        by=author,
        pieces=len(pieces),
        is_complete=pieces[-1].finish_reason not in CUT_SHORT,
        failed_before=failed_before,
        latency_ms=sum(piece.latency_ms for piece in pieces),
        tokens=sum(piece.usage.input_tokens + piece.usage.output_tokens for piece in pieces),
    )


async def _piece(author: ModelRef, prompt: Prompt, ctx: Context) -> Completion:
    try:
        return (await ctx.ask(author, prompt)).completion
    except Interrupted as cut:
        await ctx.note("interrupted", model=author.label, message=cut.message)
        return (await ctx.ask(author, prompt)).completion  # once more; a second cut is a failure


def _resumed(prompt: Prompt, pieces: list[Completion], profile: profiles.PromptProfile) -> Prompt:
    return profile.continued(prompt, "".join(piece.text for piece in pieces)) if pieces else prompt
