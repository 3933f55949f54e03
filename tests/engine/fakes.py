"""The engine's ports for tests: a memory that outlives a kill, AIs that follow a script, a clock that moves when looked at.

Everything that is stored goes through JSON, as in the database, so that what cannot be read back shows here.
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

import msgspec

from apps.common.errors import OrquestradorError
from apps.providers.contract import ChatRequest, Completion, Delta, Usage
from apps.providers.errors import SchemaMismatch
from apps.tasks.engine.context import Context, Run
from apps.tasks.engine.errors import LeaseLost, read_back
from apps.tasks.engine.flow import run_task
from apps.tasks.engine.moves import Moved
from apps.tasks.engine.types import Answer, Candidate, ModelRef, Persona, Plan, PlannedSubtask, Policy, Quality, Result, TaskSpec


class Killed(Exception):
    """The process ended here. No part of the product knows this error."""


# ── memory ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass
class Memory:
    """What is on disk: it outlives every run."""

    steps: dict[str, bytes] = field(default_factory=dict)
    answers: dict[str, bytes] = field(default_factory=dict)
    errors: dict[str, tuple[str, str]] = field(default_factory=dict)
    open_calls: dict[str, ChatRequest] = field(default_factory=dict)
    requests: dict[str, ChatRequest] = field(default_factory=dict)
    spoken_as: dict[str, str] = field(default_factory=dict)
    partials: dict[str, str] = field(default_factory=dict)
    cancelled: list[tuple[str, str]] = field(default_factory=list)
    costs: dict[str, Decimal] = field(default_factory=dict)
    moves: list[tuple[str, Moved]] = field(default_factory=list)
    notes: list[tuple[str, dict]] = field(default_factory=list)
    subtasks: dict[int, str] = field(default_factory=dict)
    step_errors: dict[str, str] = field(default_factory=dict)
    is_approved: bool = True
    changed_plan: Plan | None = None

    @property
    def events(self) -> list[str]:
        return [event for event, _ in self.notes]

    def step(self, key: str) -> Any:
        return json.loads(self.steps[key])

    def take_up_again(self) -> None:
        """What a person's “start again” does: what failed is forgotten."""
        self.errors.clear()


@dataclass
class Bomb:
    """Ends the process at the n-th thing that happens; before it is done, or after it is done and before anyone hears of it."""

    at: int = 0  # 0: never
    before: bool = True
    count: int = 0
    is_dead: bool = False

    def tick(self, do: Callable[[], Any]) -> Any:
        if self.is_dead:
            raise Killed
        self.count += 1
        if self.count != self.at:
            return do()
        self.is_dead = True
        if not self.before:
            do()
        raise Killed


class FakeJournal:
    """One run's hold on a Memory. `is_lazy`: most stages are written together with what follows them, as the real one does."""

    def __init__(
        self,
        memory: Memory,
        *,
        bomb: Bomb | None = None,
        price: Callable[[ModelRef], Decimal | None] | None = None,
        is_lazy: bool = True,
    ) -> None:
        self.memory, self.bomb, self.is_lazy = memory, bomb or Bomb(), is_lazy
        self._waiting: list[Callable[[], None]] = []
        self.price = price or (lambda model: Decimal(0))
        self.lost: OrquestradorError | None = None  # set it, and every write raises it
        memory.open_calls.clear()  # set aside: they gave no answer

    def _write(self, do: Callable[[], Any]) -> Any:
        if self.lost is not None:
            raise self.lost

        def write() -> Any:
            while self._waiting:
                self._waiting.pop(0)()
            return do()

        return self.bomb.tick(write)

    async def stage_result(self, key: str, result_type: Any) -> Any | None:
        stored = self.memory.steps.get(key)
        return None if stored is None else msgspec.convert(json.loads(stored), result_type, strict=False)

    def flush(self) -> None:
        """What the worker does at the end of a run."""
        if self._waiting:
            self._write(lambda: None)

    async def stage_begin(self, key: str, stage: str, subtask: PlannedSubtask | None) -> None:
        self._write(lambda: None)

    async def stage_finish(self, key: str, stage: str, subtask: PlannedSubtask | None, result: Any) -> None:
        def write() -> None:
            assert key not in self.memory.steps, f"{key} was done twice"
            self.memory.steps[key] = msgspec.json.encode(result, enc_hook=str)
            if subtask is not None and stage == "conclude":
                self.memory.subtasks[subtask.order] = "escalated" if result.escalate_because else "completed"

        self._waiting.append(write)
        if not self.is_lazy or stage in ("plan", "conclude", "compose"):
            self._write(lambda: None)

    async def stage_fail(self, key: str, error: OrquestradorError) -> None:
        self._write(lambda: self.memory.step_errors.__setitem__(key, error.code))

    async def call_result(self, key: str) -> Answer | OrquestradorError | None:
        if key in self.memory.errors:
            return read_back(*self.memory.errors[key])
        stored = self.memory.answers.get(key)
        return None if stored is None else msgspec.json.decode(stored, type=Answer, strict=False)

    async def call_begin(
        self,
        key: str,
        purpose: str,
        subtask: PlannedSubtask | None,
        model: ModelRef,
        request: ChatRequest,
        *,
        spoken_as: str = "",
    ) -> None:
        def write() -> None:
            known = (*self.memory.answers, *self.memory.errors, *self.memory.open_calls)
            assert key not in known, f"{key} was begun twice"
            self.memory.open_calls[key] = self.memory.requests[key] = request
            self.memory.spoken_as[key] = spoken_as

        self._write(write)

    async def call_partial(self, key: str, text: str) -> None:
        self._write(lambda: self.memory.partials.__setitem__(key, text))

    async def call_moved(self, key: str, moved: Moved) -> Decimal | None:
        self._write(lambda: self.memory.moves.append((key, moved)))
        return self.price(moved.from_model) if moved.partial else None

    async def call_finish(self, key: str, model: ModelRef, completion: Completion) -> Decimal | None:
        def write() -> Decimal | None:
            del self.memory.open_calls[key]
            self.memory.answers[key] = msgspec.json.encode(Answer(model, completion))
            return self._cost(key, model)

        return self._write(write)

    async def call_fail(self, key: str, error: OrquestradorError) -> Decimal | None:
        def write() -> Decimal | None:
            del self.memory.open_calls[key]
            self.memory.errors[key] = (error.code, error.message)
            return None

        return self._write(write)

    async def call_cancel(self, key: str, text: str) -> None:
        def write() -> None:
            self.memory.open_calls.pop(key, None)
            self.memory.cancelled.append((key, text))

        self._write(write)

    async def spent_usd(self) -> Decimal:
        return sum(self.memory.costs.values(), Decimal(0))

    async def approved_plan(self) -> Plan | None:
        def read() -> Plan | None:
            if not self.memory.is_approved:
                return None
            return self.memory.changed_plan or msgspec.json.decode(self.memory.steps["plan"], type=Plan, strict=False)

        return self._write(read)

    async def subtask_fail(self, subtask: PlannedSubtask, error: OrquestradorError) -> None:
        self._write(lambda: self.memory.subtasks.__setitem__(subtask.order, "failed"))

    async def subtask_skip(self, subtask: PlannedSubtask) -> None:
        self._write(lambda: self.memory.subtasks.__setitem__(subtask.order, "skipped"))

    async def note(self, event: str, subtask: PlannedSubtask | None, **data: Any) -> None:
        self._write(lambda: self.memory.notes.append((event, data)))

    def _cost(self, key: str, model: ModelRef) -> Decimal | None:
        cost = self.price(model)
        if cost is not None:
            self.memory.costs[key] = cost
        return cost


# ── AIs ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Asked:
    """One question as an AI got it. `purpose` is plan, work, check or settle."""

    model: ModelRef
    request: ChatRequest
    times: int  # how often this very question was asked before, by anyone's run

    @property
    def purpose(self) -> str:
        return self.request.schema_name

    @property
    def prompt(self) -> str:
        return "\n".join(message.content for message in self.request.messages)

    @property
    def last(self) -> str:
        return self.request.messages[-1].content

    @property
    def identity(self) -> tuple:
        return (self.model.id, self.request)


@dataclass(frozen=True)
class Say:
    """An answer with all that can be said about it. `then`: what is raised after the text has streamed."""

    text: str
    finish: str = "stop"
    data: Any = None
    then: Exception | None = None
    wait: asyncio.Event | None = None
    hold: threading.Event | None = None  # the same for a worker in a thread of its own
    endless: bool = False


Script = Callable[[Asked], Any]


@dataclass
class World:
    """The models and their script. It outlives every run, as vendors do.

    The script gives for a question: text, a dict (sent as JSON), a Say, an exception, or None for the usual answer.
    """

    candidates: list[Candidate]
    script: Script = lambda asked: None
    personas: list[Persona] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    estimates: dict[str, Decimal | None] = field(default_factory=dict)
    open_streams: int = 0
    most_open: int = 0
    heard_chars: int = 0
    bomb: Bomb = field(default_factory=Bomb)
    _times: Counter = field(default_factory=Counter)

    def ais(self) -> FakeAIs:
        return FakeAIs(self)

    def by(self, purpose: str) -> list[str]:
        """Who was asked for this, in order."""
        return [asked.model.id for asked in self.asked if asked.purpose == purpose]

    def prompts(self, purpose: str) -> list[str]:
        return [asked.prompt for asked in self.asked if asked.purpose == purpose]


class FakeAIs:
    def __init__(self, world: World) -> None:
        self.world = world

    async def candidates(self) -> list[Candidate]:
        return list(self.world.candidates)

    async def personas(self) -> list[Persona]:
        return list(self.world.personas)

    async def estimate_usd(self, model: ModelRef, request: ChatRequest) -> Decimal | None:
        await asyncio.sleep(0)
        return self.world.estimates.get(model.id, Decimal(0))

    async def ask(self, model: ModelRef, request: ChatRequest) -> AsyncIterator[Delta | Completion]:
        world = self.world
        identity = (model.id, json.dumps(msgspec.to_builtins(request), default=str))
        asked = Asked(model, request, world._times[identity])
        world._times[identity] += 1
        world.bomb.tick(lambda: world.asked.append(asked))
        world.open_streams += 1
        world.most_open = max(world.most_open, world.open_streams)
        try:
            async for item in self._play(asked):
                yield item
        finally:
            world.open_streams -= 1

    async def _play(self, asked: Asked) -> AsyncIterator[Delta | Completion]:
        say = said(self.world.script(asked), asked)
        await asyncio.sleep(0)
        while True:
            for start in range(0, len(say.text), 60):
                piece = say.text[start : start + 60]
                self.world.heard_chars += len(piece)
                yield Delta(piece)
                await asyncio.sleep(0)
            if not say.endless:
                break
        if say.wait is not None:
            await say.wait.wait()
        while say.hold is not None and not say.hold.is_set():
            await asyncio.sleep(0.01)
        if say.then is not None:
            raise say.then
        data = say.data
        if asked.request.json_schema is not None and data is None:
            data = parsed(say.text)
        yield Completion(say.text, say.finish, Usage(100, 20), asked.model.model, data=data, latency_ms=5)  # type: ignore[arg-type]


def said(answer: Any, asked: Asked) -> Say:
    if answer is None:
        answer = usual(asked)
    if isinstance(answer, Exception):
        return Say("", then=answer)
    if isinstance(answer, dict):
        return Say(json.dumps(answer), data=answer)
    return answer if isinstance(answer, Say) else Say(answer)


def parsed(text: str) -> Any:
    """As adapters do it: what is no JSON also after asking again is a SchemaMismatch."""
    try:
        return json.loads(text)
    except ValueError as error:
        raise SchemaMismatch("The answer is not the JSON that was asked for.") from error


def usual(asked: Asked) -> Any:
    return {
        "plan": plan(step(1)),
        "work": f"A whole work by {asked.model.id}.",
        "check": verdict(95),
        "settle": ruling("A"),
    }[asked.purpose]


# ── words ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def model(name: str, *, family: str = "", tier: str = "fast", provider: str = "vendor") -> ModelRef:
    return ModelRef(id=name, provider=provider, model=f"{name}-v1", label=name.title(), family=family or name, tier=tier)


def candidate(
    name: str,
    price: float | None = 1,
    *,
    family: str = "",
    tier: str = "fast",
    provider: str = "vendor",
    score: float | None = None,
    runs: int = 10,
    category: str = "general",
    unavailable: str = "",
    skill: float | None = None,
) -> Candidate:
    """A model that costs `price` for both directions; with `score`, one that was checked `runs` times."""
    money = None if price is None else Decimal(str(price))
    quality = {} if score is None else {category: Quality(runs, score)}
    ref = model(name, family=family, tier=tier, provider=provider)
    return Candidate(ref, money, money, quality=quality, unavailable=unavailable, skill=skill)


def three() -> list[Candidate]:
    """A cheap writer, a dearer checker, and the ablest for judge."""
    return [candidate("ann", 1), candidate("bob", 2), candidate("cyd", 3, tier="top")]


def a_task(**more: Any) -> TaskSpec:
    policy = Policy(**more.pop("policy", {}))
    given = {"id": "task-1", "title": "A task", "description": "Do it well.", "category": "general", **more}
    return TaskSpec(policy=policy, **given)


def a_subtask(order: int = 1, **more: Any) -> PlannedSubtask:
    return PlannedSubtask(order=order, title=f"Step {order}", description=f"Do step {order}.", **more)


def step(number: int, *needs: int, **more: Any) -> dict:
    return {
        "number": number,
        "title": f"Step {number}",
        "description": f"Do step {number}.",
        "category": "general",
        "depends_on": list(needs),
        "acceptance_criteria": ["It is right"],
    } | more


def plan(*steps: dict) -> dict:
    return {"subtasks": list(steps)}


def verdict(score: float, own_answer: str | None = None, *defects: dict) -> dict:
    return {
        "own_answer": own_answer,
        "criteria": [],
        "defects": list(defects),
        "summary": "",
        "score": score,
    }


def defect(problem: str, severity: str = "major", quote: str = "") -> dict:
    return {"quote": quote, "problem": problem, "severity": severity}


def ruling(winner: str, reason: str = "So it is.") -> dict:
    return {"reason": reason, "winner": winner}


# ── running ───────────────────────────────────────────────────────────────────────────────────────────────────────


class FakeClock:
    """Each look at it takes `tick_s`."""

    def __init__(self, tick_s: float = 0.06) -> None:
        self.now, self.tick_s = 0.0, tick_s

    def monotonic(self) -> float:
        self.now += self.tick_s
        return self.now


@dataclass
class FakeAudience:
    heard: list[dict] = field(default_factory=list)

    def text(self, **what: Any) -> None:
        self.heard.append(what)


@dataclass
class Scene:
    """A task, the world and the memory; `run` is one process's life."""

    world: World
    task: TaskSpec = field(default_factory=a_task)
    memory: Memory = field(default_factory=Memory)
    audience: FakeAudience = field(default_factory=FakeAudience)
    prices: dict[str, Decimal] = field(default_factory=dict)
    is_lazy: bool = True
    journal: FakeJournal | None = None
    the_run: Run | None = None

    async def begin(self, *, bomb: Bomb | None = None) -> Context:
        """A context at the top of the flow, for tests of one stage."""
        bomb = bomb or Bomb()
        self.world.bomb = bomb
        price = lambda ref: self.prices.get(ref.id, Decimal(0))  # noqa: E731
        self.journal = FakeJournal(self.memory, bomb=bomb, price=price, is_lazy=self.is_lazy)
        self.the_run = Run(
            task=self.task,
            journal=self.journal,
            ais=self.world.ais(),
            audience=self.audience,
            clock=FakeClock(),
            spent_usd=await self.journal.spent_usd(),
        )
        return Context(self.the_run)

    async def run(self, *, bomb: Bomb | None = None) -> Result:
        context = await self.begin(bomb=bomb)
        try:
            return await run_task(self.task, context)
        except OrquestradorError as error:
            if not isinstance(error, LeaseLost):
                self.journal.flush()
            raise


def scene(script: Script = lambda asked: None, *, candidates: list[Candidate] | None = None, **task: Any) -> Scene:
    return Scene(World(three() if candidates is None else candidates, script), a_task(**task))


async def until(ready: Callable[[], bool], *, patience: int = 10_000) -> None:
    """Let the others run until `ready`."""
    for _ in range(patience):
        if ready():
            return
        await asyncio.sleep(0)
    raise AssertionError("it never came to that")


def like(ref: ModelRef, **changes: Any) -> ModelRef:
    return replace(ref, **changes)
