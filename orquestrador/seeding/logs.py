"""The log: lines of tasks and of prompts."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

from apps.tasks.models import ExecutionLog
from orquestrador.seeding import words
from orquestrador.seeding.rows import spread
from orquestrador.seeding.stage import Stage

EVENTS = (
    *[("started", "info")] * 4,
    *[("completed", "info")] * 4,
    *[("compared", "info")] * 3,
    *[("escalated", "info")] * 2,
    ("author_failed", "warning"),
    ("suspect", "warning"),
    ("failed", "error"),
)


def logs_make(stage: Stage) -> None:
    number, tasks = stage.sizes.logs, max(1, stage.sizes.tasks)
    prompts = len(stage.prompt_ids)
    names = [str(model) for model in stage.models]
    said = [
        ({"model": name, "message": text, "reason": "refusal", "kind": "refusal"}, text)
        for name in names
        for text in words.MESSAGES
    ]
    empty: dict[str, Any] = {}
    by = {name: {"model": name, "because": "more_trusted", "cache": ""} for name in names}
    columns = (
        *("public_id", "task_id", "execution_id", "person_id", "audience", "level", "event", "model_name", "message", "data"),
        "created_at",
    )

    def rows() -> Iterator[tuple[Any, ...]]:
        for index, at in enumerate(spread(stage.start, stage.end, number)):
            if prompts and index % 8 == 0:
                execution, model = stage.first_prompt + index * prompts // number, stage.chance.choice(names)
                about = (uuid.uuid4(), None, execution, stage.owner.pk, "managers", "info", "prompt_answered")
                yield (*about, model, "", by[model], at)
                continue
            task = stage.first_task + index * tasks // number if stage.sizes.tasks else None
            event, level = stage.chance.choice(EVENTS)
            if event == "compared":
                model = stage.chance.choice(names)
                yield (uuid.uuid4(), task, None, stage.person(), "team", level, event, model, "", by[model], at)
            elif event in ("author_failed", "suspect", "failed", "escalated"):
                data, text = stage.chance.choice(said)
                yield (uuid.uuid4(), task, None, stage.person(), "team", level, event, data["model"], text, data, at)
            else:
                yield (uuid.uuid4(), task, None, stage.person(), "team", level, event, "", "", empty, at)

    stage.insert(ExecutionLog, columns, rows(), team=stage.team, request_id="")
