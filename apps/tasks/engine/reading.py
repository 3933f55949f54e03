"""A prompt that fits its model. What it could build on and cannot read at once, it reads in parts, taking notes of each.

Nothing is cut in silence: every part is a call of its own, stored and shown, and the result says how many there were.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace

from apps.common.contract import say as _
from apps.providers.contract import Completion
from apps.providers.errors import ContextTooLong
from apps.tasks.engine import longtext
from apps.tasks.engine.context import Context
from apps.tasks.engine.profiles.full import notes_given, read_prompt
from apps.tasks.engine.types import Inputs, ModelRef, PlannedSubtask, Prompt, TaskSpec

OVERLAP_TOKENS = 64
LEAST_PART_TOKENS = 256  # with less room than this for a part, reading in parts makes no sense
NOTES_SHARE = 0.25  # of a part: the most that its notes may take
MOST_ROUNDS = 6  # notes of notes of notes …
KEPT_OF_A_LONG_TEXT_CHARS = 600  # at its beginning, and as many at its end: where requests stand

REFUSALS_TO_HEED = 3  # each time the context is taken for half of what was refused

MakePrompt = Callable[[TaskSpec, PlannedSubtask, Inputs], Prompt]
Ask = Callable[[ModelRef, Prompt, Context], Awaitable[Completion]]


@dataclass(frozen=True)
class Fitted:
    """A prompt, and in how many parts its long texts were read for it; 1: the prompt has them whole."""

    prompt: Prompt
    parts: int = 1


async def asked_fitting(
    model: ModelRef, make_prompt: MakePrompt, subtask: PlannedSubtask, inputs: Inputs, ask: Ask, ctx: Context
) -> tuple[Completion, Fitted]:
    """The answer to the prompt as it fits this model. One that says it was too long is believed, and reads in smaller parts."""
    window: int | None = None
    for refused in range(REFUSALS_TO_HEED + 1):
        try:
            work = await fitted(model, make_prompt, subtask, inputs, ctx, window=window)
            return await ask(model, work.prompt, ctx), work
        except ContextTooLong:
            if model.profile == "compact" or refused == REFUSALS_TO_HEED:
                raise
            asked = tokens_of(make_prompt(ctx.task, subtask, inputs))
            window = min(asked, window or asked, model.context_window or asked) // 2
    raise AssertionError("unreachable")


async def ask_once(model: ModelRef, prompt: Prompt, ctx: Context) -> Completion:
    return (await ctx.ask(model, prompt)).completion


async def fitted(
    model: ModelRef, make_prompt: MakePrompt, subtask: PlannedSubtask, inputs: Inputs, ctx: Context, *, window: int | None = None
) -> Fitted:
    """The prompt, with the long texts replaced by this model's own notes of them where they do not fit into its context.

    `window` is for a model that has just refused a prompt: take its context for so many tokens. Raises ContextTooLong where
    even the notes do not fit, and whatever reading raises.
    """
    whole = make_prompt(ctx.task, subtask, inputs)
    window = window or model.context_window
    if window is None or model.profile == "compact" or tokens_of(whole) + room_to_answer(whole, window) <= window:
        return Fitted(whole)
    return await _from_notes(model, make_prompt, subtask, inputs, window, ctx)


def tokens_of(prompt: Prompt) -> int:
    return sum(longtext.estimate_tokens(message.content) + 8 for message in prompt.messages)


def room_to_answer(prompt: Prompt, window: int) -> int:
    """What of the context is kept for the answer: all it may have, but no more than a quarter."""
    return min(prompt.max_output_tokens, window // 4)


async def _from_notes(
    model: ModelRef, make_prompt: MakePrompt, subtask: PlannedSubtask, inputs: Inputs, window: int, ctx: Context
) -> Fitted:
    task, step = _shortened(ctx.task.description), _shortened(subtask.description)
    slim_task, slim_step = replace(ctx.task, description=task), replace(subtask, description=step)
    bare = make_prompt(slim_task, slim_step, {})
    room = window - tokens_of(bare) - room_to_answer(bare, window)
    around = tokens_of(read_prompt(slim_task, slim_step, "", part=999, parts=999))
    part_tokens = min(room, int((window - around) / (1 + NOTES_SHARE)))
    if part_tokens < LEAST_PART_TOKENS:
        raise ContextTooLong(
            _("The step does not fit into the %(n)s tokens that %(model)s can read, not even in parts.")
            % {"n": window, "model": model.label}
        )
    reader = _Reader(model, slim_task, slim_step, part_tokens, ctx)
    text, parts = _material(ctx.task, subtask, inputs), 0
    for _round in range(MOST_ROUNDS):
        notes, read = await reader.read(text)
        parts = parts or read
        if longtext.estimate_tokens(notes) <= room:
            await ctx.note("read_in_parts", model=model.label, parts=parts)
            return Fitted(make_prompt(slim_task, slim_step, notes_given(notes, parts)), parts)
        text = notes
    raise ContextTooLong(
        _("%(model)s read the long text in %(parts)s parts, and its notes still do not fit into its context.")
        % {"model": model.label, "parts": parts}
    )


class _Reader:
    """Has one model read a text part by part."""

    def __init__(self, model: ModelRef, task: TaskSpec, subtask: PlannedSubtask, part_tokens: int, ctx: Context) -> None:
        self.model, self.task, self.subtask, self.part_tokens, self.ctx = model, task, subtask, part_tokens, ctx

    async def read(self, text: str) -> tuple[str, int]:
        """The notes of all parts in order, and how many parts there were."""
        parts = longtext.split(text, part_tokens=self.part_tokens, overlap_tokens=min(OVERLAP_TOKENS, self.part_tokens // 8))
        notes = [await self._notes_of(part, number, len(parts)) for number, part in enumerate(parts, 1)]
        told = [f"[Part {number} of {len(parts)}]\n{note}" for number, note in enumerate(notes, 1) if not _is_nothing(note)]
        return "\n\n".join(told) or "Nothing in the text has to do with this step.", len(parts)

    async def _notes_of(self, part: str, number: int, parts: int) -> str:
        """Notes that were cut are taken again of each half, so that they lose nothing."""
        prompt = read_prompt(self.task, self.subtask, part, part=number, parts=parts)
        prompt = replace(prompt, max_output_tokens=max(64, int(self.part_tokens * NOTES_SHARE)))
        completion = (await self.ctx.ask(self.model, prompt)).completion
        half = longtext.estimate_tokens(part) // 2 + 1
        if completion.finish_reason != "length" or half < LEAST_PART_TOKENS // 2:
            return completion.text.strip()
        halves = longtext.split(part, part_tokens=half)
        return "\n".join([await self._notes_of(one, number, parts) for one in halves])


def _material(task: TaskSpec, subtask: PlannedSubtask, inputs: Inputs) -> str:
    """Everything that was left out of the slim prompt, under titles."""
    texts = {"The task": task.description}
    if subtask.description != task.description:
        texts["The step"] = subtask.description
    long = [(name, text) for name, text in texts.items() if _is_long(text)]
    results = [(f"Result of step {order}", outcome.text) for order, outcome in sorted(inputs.items())]
    return "\n\n".join(f"[{name}]\n{text}" for name, text in (*long, *results))


def _is_long(text: str) -> bool:
    return len(text) > 3 * KEPT_OF_A_LONG_TEXT_CHARS


def _shortened(text: str) -> str:
    """The beginning and the end of a long text, where requests stand; the whole of a short one."""
    if not _is_long(text):
        return text
    kept = KEPT_OF_A_LONG_TEXT_CHARS
    return f"{text[:kept]}\n[… the middle is read in parts …]\n{text[-kept:]}"


def _is_nothing(note: str) -> bool:
    return note.strip(" .\n\"'*").casefold() in ("", "nothing", "nada")
