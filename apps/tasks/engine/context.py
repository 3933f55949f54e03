"""The plumbing of a run, so that flow.py holds only the story: stored results, stopping, money, live text.

A stage that has run gives its stored result; an answer that was stored is not asked for again, not even an error.
Keys are built from where in the flow a thing happens, so that the same place finds the same record after any restart.
"""

from __future__ import annotations

import asyncio
import hashlib
import inspect
import typing
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from apps.common.errors import OrquestradorError
from apps.providers.contract import ChatRequest, Completion, Delta, Usage
from apps.tasks.engine.circles import StreamGuard
from apps.tasks.engine.errors import (
    AwaitingApproval,
    OverBudget,
    OverSharedBudget,
    PauseRequested,
    RunawayAnswer,
    Stop,
    SubtasksFailed,
)
from apps.tasks.engine.moves import Moved, Queued
from apps.tasks.engine.ports import AIs, Audience, Clock, Evidence, Journal
from apps.tasks.engine.types import Answer, Candidate, Inputs, ModelRef, Outcome, Persona, Plan, PlannedSubtask, Prompt, TaskSpec

LIVE_TEXT_EVERY_S = 0.1
KEEP_PARTIAL_EVERY_S = 1.0
WAIT_FOR_OTHERS_S = 300.0
LOOK_AGAIN_S = 1.0
CHARS_PER_TOKEN = 3
PAUSE_WORTH_TELLING_S = 10.0

Work = Callable[[PlannedSubtask, Inputs, "Context"], Awaitable[Outcome]]


@dataclass
class Run:
    """What all parts of one run share: the ports, whether to stop, and the money."""

    task: TaskSpec
    journal: Journal
    ais: AIs
    audience: Audience
    clock: Clock
    evidence: Evidence | None = None  # a web look-up and vectors of meaning, where the team has switched them on
    pause_requested: bool = False
    spent_usd: Decimal = Decimal(0)
    reserved_usd: Decimal = Decimal(0)
    slots: asyncio.Semaphore = field(init=False)
    _given_back: asyncio.Event = field(init=False, default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.slots = asyncio.Semaphore(self.task.subtasks_at_once)

    @asynccontextmanager
    async def reserve(self, estimate: Decimal | None) -> AsyncIterator[None]:
        """Set the most that a call can cost aside while it runs, so that parallel steps cannot overspend together.

        Most calls cost less than that: where only what others have set aside is in the way, it waits for what they leave.
        """
        while not self._affords(estimate):
            await self._given_back.wait()
        amount = estimate or Decimal(0)
        self.reserved_usd += amount
        try:
            yield
        finally:
            self.reserved_usd -= amount
            self._given_back.set()
            self._given_back = asyncio.Event()

    def _affords(self, estimate: Decimal | None) -> bool:
        """False: not before others give back. Raises OverBudget when even that would not do."""
        budget = self.task.budget_usd
        if budget is None:
            return True
        if estimate is None:
            raise OverBudget("unknown price", left=str(budget - self.spent_usd))
        if self.spent_usd + estimate > budget:
            raise OverBudget("next call too dear", left=str(budget - self.spent_usd), needed=str(estimate))
        return self.spent_usd + self.reserved_usd + estimate <= budget


class Context:
    """A place in the flow. Stages and calls below it are stored under its key."""

    def __init__(self, run: Run, key: str = "", *, subtask: PlannedSubtask | None = None, stage: str = "") -> None:
        self.run = run
        self.key = key
        self.subtask = subtask
        self.stage_name = stage
        self._calls: Counter[str] = Counter()

    @property
    def task(self) -> TaskSpec:
        return self.run.task

    # ── the story's verbs ─────────────────────────────────────────────────────────────────────────────────────────

    async def stage(self, name: str, work: Callable[..., Any], *args: Any) -> Any:
        """The result of `work(*args, context)`: the stored one if this stage has run, else a fresh one, stored.

        `work` may be a plain function or a coroutine function; its return annotation says how to read it back.
        """
        key = f"{self.key}/{name}" if self.key else name
        stored = await self.run.journal.stage_result(key, typing.get_type_hints(work)["return"])
        if stored is not None:
            return stored
        self._must_go_on()
        await self.run.journal.stage_begin(key, name, self.subtask)
        try:
            result = work(*args, Context(self.run, key, subtask=self.subtask, stage=name))
            if inspect.isawaitable(result):
                result = await result
        except Stop:
            raise
        except OrquestradorError as error:
            await self.run.journal.stage_fail(key, error)
            raise
        await self.run.journal.stage_finish(key, name, self.subtask, result)
        return result

    async def approved(self, plan: Plan) -> Plan:
        """The plan as it will be carried out: the one a person approved and perhaps changed, where the task asks for it."""
        approved = await self.run.journal.approved_plan()
        if approved is None:
            raise AwaitingApproval("the plan waits for a person")
        return approved

    async def when_ready(self, subtasks: Iterable[PlannedSubtask], work: Work) -> Inputs:
        """Run `work` for each subtask as soon as what it depends on is done; no barrier between them."""
        return await _Crew(self, tuple(subtasks), work).run()

    def attempt(self, number: int) -> Context:
        return Context(self.run, f"{self.key}.a{number}", subtask=self.subtask)

    async def ask(self, model: ModelRef, prompt: Prompt) -> Answer:
        """One answer of one model, stored as it returns.

        Its key holds the model, so that an answer is never taken for another model's when a restart finds others in use.
        Raises the model's ProviderError (also a stored one), RunawayAnswer, and OverBudget before anything is spent.
        """
        self._calls[model.id] += 1
        key = f"{self.key}#{model.id}.{self._calls[model.id]}"
        stored = await self.run.journal.call_result(key)
        if isinstance(stored, OrquestradorError):
            raise stored
        if stored is not None:
            return stored
        request = request_of(model, prompt)
        async with self.run.reserve(await self.run.ais.estimate_usd(model, request)):
            await self._begin(key, model, request, spoken_as=prompt.spoken_as)
            return Answer(model, await self._listen(key, model, request))

    async def candidates(self) -> list[Candidate]:
        return await self.run.ais.candidates()

    async def personas(self) -> list[Persona]:
        """The specialized AIs that are in use."""
        return await self.run.ais.personas()

    async def note(self, event: str, **data: Any) -> None:
        """Say in the task's log what was decided and why."""
        await self.run.journal.note(event, self.subtask, **data)

    def coin(self, what: str) -> bool:
        """A fair coin that falls the same way after a restart."""
        digest = hashlib.sha256(f"{self.task.id}/{self.key}/{what}".encode()).digest()
        return bool(digest[0] & 1)

    # ── below the story ───────────────────────────────────────────────────────────────────────────────────────────

    def _must_go_on(self) -> None:
        if self.run.pause_requested:
            raise PauseRequested("a person pressed pause")

    async def _begin(self, key: str, model: ModelRef, request: ChatRequest, *, spoken_as: str) -> None:
        """Open the call in the journal. Where only what others have set aside of a shared budget is in the way, wait for it."""
        give_up_at = self.run.clock.monotonic() + WAIT_FOR_OTHERS_S
        while True:
            self._must_go_on()
            try:
                return await self.run.journal.call_begin(key, self.stage_name, self.subtask, model, request, spoken_as=spoken_as)
            except OverSharedBudget as refused:
                if not refused.extra["is_held"] or self.run.clock.monotonic() >= give_up_at:
                    raise
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _listen(self, key: str, model: ModelRef, request: ChatRequest) -> Completion:
        ear = _Ear(self, key, model)
        try:
            completion = await ear.listen(request)
        except asyncio.CancelledError:
            await asyncio.shield(self.run.journal.call_cancel(key, ear.text))
            raise
        except OrquestradorError as error:
            self.run.spent_usd += await self.run.journal.call_fail(key, error) or Decimal(0)
            raise
        self.run.spent_usd += await self.run.journal.call_finish(key, model, completion) or Decimal(0)
        return completion


class _Ear:
    """Listens to one streamed answer: shows it live, keeps what has come, and cuts it when it runs in circles."""

    def __init__(self, ctx: Context, key: str, model: ModelRef) -> None:
        self.ctx, self.key, self.model = ctx, key, model
        self.text = ""
        self._shown, self._seq, self._restarted = 0, 0, False
        self._guard = StreamGuard()
        now = ctx.run.clock.monotonic()
        self._began = self._last_shown = self._last_kept = self._last_heard = now
        self._longest_pause_s = 0.0

    async def listen(self, request: ChatRequest) -> Completion:
        stream = self.ctx.run.ais.ask(self.model, request)
        try:
            async for item in stream:
                match item:
                    case Completion():
                        self._show()
                        return self._with_pause(item)
                    case Moved():
                        await self._follow(item)
                    case Queued():
                        await self.ctx.note("queued", model=item.model.label, at_most_s=round(item.at_most_s))
                    case _:
                        await self._hear(item)
        except RunawayAnswer as error:
            error.extra["partial"] = self._so_far(request)  # what was cut was paid for
            raise
        finally:
            await stream.aclose()  # type: ignore[attr-defined]  # closes the upstream call, also when we leave early
        raise RuntimeError("a provider's stream ended without a completion")

    def _so_far(self, request: ChatRequest) -> Completion:
        asked = sum(len(message.content) for message in request.messages)
        usage = Usage(asked // CHARS_PER_TOKEN + 1, len(self.text) // CHARS_PER_TOKEN + 1, is_estimated=True)
        took_ms = round((self.ctx.run.clock.monotonic() - self._began) * 1000)
        return Completion(self.text, "unknown", usage, self.model.model, latency_ms=took_ms)

    def _with_pause(self, completion: Completion) -> Completion:
        """Told only where it was long, so that an answer is the same each time it is heard at its usual pace."""
        pause_s = self._longest_pause_s
        return replace(completion, longest_pause_ms=round(pause_s * 1000)) if pause_s >= PAUSE_WORTH_TELLING_S else completion

    async def _follow(self, moved: Moved) -> None:
        """Another server of the model answers; the log says so where the first one failed."""
        self.model = moved.to_model
        self.ctx.run.spent_usd += await self.ctx.run.journal.call_moved(self.key, moved) or Decimal(0)
        if moved.was_asked:
            where = {"server": moved.from_model.provider, "next": moved.to_model.provider}
            why = {"code": moved.code, "message": moved.message, "restarted": moved.after_first_token}
            await self.ctx.note("server_failed", model=moved.from_model.label, **where, **why)

    async def _hear(self, delta: Delta) -> None:
        if delta.restarted:
            self.text, self._shown, self._restarted, self._guard = "", 0, True, StreamGuard()
            self._longest_pause_s = 0.0
        now = self.ctx.run.clock.monotonic()
        if self.text:  # before the first word it reads, which may take long
            self._longest_pause_s = max(self._longest_pause_s, now - self._last_heard)
        self._last_heard = now
        self.text += delta.text
        self._guard.feed(delta.text)
        if now - self._last_shown >= LIVE_TEXT_EVERY_S:
            self._last_shown = now
            self._show()
        if now - self._last_kept >= KEEP_PARTIAL_EVERY_S:
            self._last_kept = now
            await self.ctx.run.journal.call_partial(self.key, self.text)

    def _show(self) -> None:
        fresh = self.text[self._shown :]
        if not fresh and not self._restarted:
            return
        self._seq += 1
        self.ctx.run.audience.text(
            call=self.key,
            subtask=self.ctx.subtask,
            stage=self.ctx.stage_name,
            model=self.model,
            seq=self._seq,
            delta=fresh,
            restarted=self._restarted,
        )
        self._shown, self._restarted = len(self.text), False


class _Crew:
    """Runs subtasks as their dependencies allow. One that fails stops only those that need it."""

    def __init__(self, ctx: Context, subtasks: tuple[PlannedSubtask, ...], work: Work) -> None:
        self.ctx, self.work = ctx, work
        self.waiting = {subtask.order: subtask for subtask in subtasks}
        self.running: dict[asyncio.Task[Outcome], PlannedSubtask] = {}
        self.done: Inputs = {}
        self.failed: dict[int, OrquestradorError] = {}
        self.stop: Stop | None = None

    async def run(self) -> Inputs:
        try:
            while True:
                await self._skip_hopeless()
                if self.stop is None:
                    self._start_ready()
                if not self.running:
                    break
                await self._collect()
        finally:
            await self._cancel_rest()
        if self.stop is not None:
            raise self.stop
        if self.failed:
            raise SubtasksFailed("subtasks failed", failed={order: _told(error) for order, error in self.failed.items()})
        return self.done

    def _start_ready(self) -> None:
        for subtask in [s for s in self.waiting.values() if all(need in self.done for need in s.depends_on)]:
            del self.waiting[subtask.order]
            inputs = {need: self.done[need] for need in subtask.depends_on}
            self.running[asyncio.create_task(self._one(subtask, inputs))] = subtask

    async def _one(self, subtask: PlannedSubtask, inputs: Inputs) -> Outcome:
        async with self.ctx.run.slots:
            return await self.work(subtask, inputs, Context(self.ctx.run, f"s{subtask.order}.r{subtask.round}", subtask=subtask))

    async def _collect(self) -> None:
        finished, _ = await asyncio.wait(self.running, return_when=asyncio.FIRST_COMPLETED)
        for task in finished:
            subtask = self.running.pop(task)
            try:
                self.done[subtask.order] = task.result()
            except Stop as stop:
                self.stop = self.stop or stop
            except OrquestradorError as error:
                self.failed[subtask.order] = error
                await self.ctx.run.journal.subtask_fail(subtask, error)

    async def _skip_hopeless(self) -> None:
        hopeless = set(self.failed)
        for subtask in sorted(self.waiting.values(), key=lambda s: s.order):
            if hopeless.intersection(subtask.depends_on):
                hopeless.add(subtask.order)
                del self.waiting[subtask.order]
                await self.ctx.run.journal.subtask_skip(subtask)

    async def _cancel_rest(self) -> None:
        for task in self.running:
            task.cancel()
        if self.running:
            await asyncio.gather(*self.running, return_exceptions=True)


def request_of(model: ModelRef, prompt: Prompt) -> ChatRequest:
    """The prompt as a request to this model."""
    return ChatRequest(
        model=model.model,
        messages=prompt.messages,
        max_output_tokens=prompt.max_output_tokens,
        temperature=prompt.temperature,
        json_schema=prompt.json_schema,
        schema_name=prompt.schema_name,
    )


def _told(error: OrquestradorError) -> dict[str, Any]:
    """What a screen needs to say why a step failed, in whatever language."""
    named: dict[str, Any] = {name: error.extra[name] for name in ("tried", "rejected") if name in error.extra}
    return {"code": error.code, "message": error.message, **named}
