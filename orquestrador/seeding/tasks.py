"""Tasks with their steps, and the journal of some of them."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from decimal import Decimal
from typing import Any

from apps.providers.models import CreditUsage
from apps.tasks.models import Call, Step, Subtask, Task
from orquestrador.seeding import words
from orquestrador.seeding.prompts import usage_make
from orquestrador.seeding.rows import first_key, spread
from orquestrador.seeding.stage import Stage

WITH_CALLS = 10  # one task in so many has its calls as well
STATUSES = (
    *["completed"] * 30,
    *["failed"] * 5,
    *["cancelled"] * 3,
    "pending",
    "paused",
)


def tasks_make(stage: Stage) -> None:
    number = stage.sizes.tasks
    stage.first_task, stage.task_ids = first_key(Task), [uuid.uuid4() for _one in range(number)]
    moments = list(spread(stage.start, stage.end, number))
    statuses = [stage.chance.choice(STATUSES) for _one in range(number)]
    columns = (
        *("id", "public_id", "owner_id", "title", "description", "category", "priority", "status", "is_started", "result"),
        *("confidence", "created_at", "updated_at", "started_at", "finished_at"),
    )

    def rows() -> Iterator[tuple[Any, ...]]:
        for index, at in enumerate(moments):
            text, status = words.ask(stage.chance), statuses[index]
            is_done = status == "completed"
            yield (
                *(stage.first_task + index, stage.task_ids[index], stage.person(), text[:200], f"{text} Reference {index:06}."),
                *(stage.chance.choice(("general", "text", "code", "data")), stage.chance.choice((0, 1, 1, 1, 2, 3)), status),
                *(status != "pending", words.answer(stage.chance) if is_done else ""),
                *(Decimal(stage.chance.randint(60, 99)) if is_done else None, at, at, at, None if status == "paused" else at),
            )

    stage.insert(Task, columns, rows(), team=stage.team)
    _steps(stage, moments, statuses)


def _steps(stage: Stage, moments: list[Any], statuses: list[str]) -> None:
    first = first_key(Subtask)
    counts = [2 + index % 3 for index in range(len(moments))]
    columns = (
        *("id", "public_id", "task_id", "order", "title", "description", "status", "created_at", "updated_at", "finished_at"),
        *(
            "executor_id",
            "executor_family",
            "validator_id",
            "validator_family",
            "divergence",
            "confidence",
            "cross_validated",
            "result",
        ),
    )
    taking_part = [stage.chance.sample(stage.models, 2) for _one in range(500)]

    def rows() -> Iterator[tuple[Any, ...]]:
        key = first
        for index, at in enumerate(moments):
            for order in range(1, counts[index] + 1):
                author, checker = taking_part[key % 500]
                status = statuses[index] if statuses[index] in ("completed", "failed", "cancelled") else "pending"
                title = words.STEPS[(index + order) % len(words.STEPS)]
                yield (
                    *(key, uuid.uuid4(), stage.first_task + index, order, title, f"{title}, carefully.", status, at, at, at),
                    *(author.pk, author.family, checker.pk, checker.family, Decimal(stage.chance.randint(0, 40))),
                    *(Decimal(stage.chance.randint(60, 99)), True, words.ANSWERS[key % 5].format(about="it")),
                )
                key += 1

    stage.insert(Subtask, columns, rows(), team=stage.team)
    _calls(stage, moments, counts, first)


def _calls(stage: Stage, moments: list[Any], counts: list[int], first: int) -> None:
    """The journal of one task in ten: each step was written and checked, and what that cost."""
    places, key = [], first
    for index, count in enumerate(counts):
        if index % WITH_CALLS == 0:
            places += [
                (index, key + order, f"s{order + 1}.r1.a1/{stage}") for order in range(count) for stage in ("execute", "validate")
            ]
        key += count
    usage = first_key(CreditUsage)
    usage_make(stage, [stage.task_ids[index] for index, _subtask, _key in places], "execute")
    result = {"text": "Done."}
    steps = (
        (stage.first_task + index, subtask, name, name.rpartition("/")[2], result, moments[index], moments[index])
        for index, subtask, name in places
    )
    stage.insert(Step, ("task_id", "subtask_id", "key", "stage", "result", "started_at", "finished_at"), steps)
    columns = (
        *("public_id", "task_id", "subtask_id", "key", "purpose", "model_id", "model_name", "text", "usage_id"),
        *("started_at", "finished_at"),
    )

    def rows() -> Iterator[tuple[Any, ...]]:
        for number, (index, subtask, name) in enumerate(places):
            model, at = stage.models[number % len(stage.models)], moments[index]
            text = words.ANSWERS[number % 5].format(about="it")
            yield (
                *(uuid.uuid4(), stage.first_task + index, subtask, f"{name}#1", name.rpartition("/")[2], model.pk, str(model)),
                *(text, usage + number, at, at),
            )

    stage.insert(Call, columns, rows(), status="done", request=[{"role": "user", "content": "Do it."}])
