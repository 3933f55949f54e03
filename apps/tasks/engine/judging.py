"""A validator put to the test: it judges an answer of which it is known whether it is right, by the stages of a task's step."""

from __future__ import annotations

import hashlib
import typing
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from apps.tasks.engine.context import Context
from apps.tasks.engine.tiebreak import settle
from apps.tasks.engine.types import Answer, Cast, Check, Draft, ModelRef, PlannedSubtask, Policy, Prompt, TaskSpec
from apps.tasks.engine.validate import validate

Ask = Callable[[ModelRef, Prompt], Awaitable[Answer]]
AUTHOR = ModelRef("author", "", "", "the author", "the author of these cases")


@dataclass(frozen=True, slots=True)
class Judged:
    """What a checker made of an answer. `accepted` None: no usable verdict came."""

    accepted: bool | None
    check: Check

    @property
    def wants_judge(self) -> bool:
        return self.accepted is False


class Bench:
    """What checking and settling use of a context. `key` decides how coins fall: the same way each time."""

    def __init__(self, key: str, question: str, ask: Ask) -> None:
        self.key, self._ask = key, ask
        policy = Policy(on_too_few_models="continue")
        self.task = TaskSpec(id=key, title=question[:80], description=question, category="general", policy=policy)

    async def candidates(self) -> list[Any]:
        return []

    async def personas(self) -> list[Any]:
        return []

    async def note(self, event: str, **data: Any) -> None:
        return None

    def coin(self, what: str) -> bool:
        return bool(hashlib.sha256(f"{self.key}/{what}".encode()).digest()[0] & 1)

    async def ask(self, model: ModelRef, prompt: Prompt) -> Answer:
        return await self._ask(model, prompt)

    def as_context(self) -> Context:
        return typing.cast(Context, self)


async def judge_answer(checker: ModelRef, answer: str, bench: Bench, *, criteria: Sequence[str] = ()) -> Judged:
    """The checker's verdict: accepted where author and checker are no further apart than the threshold of a task."""
    draft = Draft(answer, AUTHOR)
    check = await validate(_step(bench, criteria), {}, draft, Cast((AUTHOR,), (checker,), ()), bench.as_context())
    if check.divergence is None:
        return Judged(None, check)
    return Judged(check.divergence.total <= bench.task.policy.divergence_threshold, check)


async def settle_dispute(judge: ModelRef, answer: str, judged: Judged, bench: Bench, *, criteria: Sequence[str] = ()) -> str:
    """Whom the judge is for, as in a task: author, checker or neither; "" where it gave no usable ruling."""
    draft = Draft(answer, AUTHOR)
    cast = Cast((AUTHOR,), (), (judge,))
    settlement = await settle(_step(bench, criteria), {}, draft, judged.check, cast, bench.as_context())
    return settlement.ruling.winner if settlement.ruling else ""


def _step(bench: Bench, criteria: Sequence[str]) -> PlannedSubtask:
    return PlannedSubtask(order=1, title="Answer", description=bench.task.description, acceptance_criteria=tuple(criteria))
