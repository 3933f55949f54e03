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
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from apps.common.errors import OrquestradorError
from apps.providers.contract import ChatRequest, Completion
from apps.tasks.engine.crew import Crew, Work
from apps.tasks.engine.ear import Ear
from apps.tasks.engine.errors import (
    AwaitingApproval,
    OverBudget,
    OverSharedBudget,
    PauseRequested,
    Stop,
)
from apps.tasks.engine.ports import AIs, Audience, Clock, Evidence, Journal
from apps.tasks.engine.types import Answer, Candidate, Inputs, ModelRef, Persona, Plan, PlannedSubtask, Prompt, TaskSpec

WAIT_FOR_OTHERS_S = 300.0
LOOK_AGAIN_S = 1.0


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
        return await Crew(self, tuple(subtasks), work).run()

    def at(self, subtask: PlannedSubtask) -> Context:
        return Context(self.run, f"s{subtask.order}.r{subtask.round}", subtask=subtask)

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
        ear = Ear(self, key, model)
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
