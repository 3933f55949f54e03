"""A finished task whose first answer was suspect, as the engine leaves it: played with fakes, stored as the journal does."""

from __future__ import annotations

import asyncio
import json
from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from apps.accounts.actor import Actor
from apps.tasks.models import Step, Task
from tests.engine.fakes import candidate, scene, three, verdict
from tests.tasks.scenes import Cast, make_subtask, make_task

SUSPECT = (
    "A small shop keeps its photos on a network drive. The drive stands in the back room. "
    + "The drive stands in the back room, and every night a copy goes to the cloud. " * 7
    + "<script>alert(1)</script>"
)
BETTER = (
    "A small shop keeps its photos on a network drive. "
    "The drive stands in the back room, and every night a copy goes to the cloud. "
    "If the drive fails, a new one is filled from the copy in an afternoon."
)


def played(works: dict[str, str], *, description: str = "Say how the photos of a small shop are kept.") -> dict[str, Any]:
    """The stored results of a run of one step, by key."""

    def script(asked: Any) -> Any:
        if asked.purpose == "plan":
            return {"subtasks": [dict(_STEP, description=description)]}
        if asked.purpose == "check":
            return verdict(94)
        return works.get(asked.model.id) if asked.purpose == "work" else None

    play = scene(script, candidates=[*three(), candidate("dee", 4)])
    asyncio.run(play.run())
    return {key: json.loads(stored) for key, stored in play.memory.steps.items()}


_STEP = {"number": 1, "title": "Photos", "category": "general", "depends_on": [], "acceptance_criteria": ["It is right"]}


def recovered(actor: Actor, cast: Cast, works: dict[str, str] | None = None) -> Task:
    stored = played(works or {"ann": SUSPECT, "cyd": BETTER})
    keys = [key for key in stored if key.endswith("/conclude")]
    outcome = stored[keys[-1]]
    start = timezone.now() - timedelta(minutes=2)
    task = make_task(
        actor,
        "Say how the photos of a small shop are kept",
        status="completed",
        result=outcome["text"],
        confidence=Decimal(str(outcome["confidence"])),
        started_at=start,
        finished_at=start + timedelta(seconds=30),
    )
    subtask = make_subtask(
        task,
        1,
        "Photos",
        status="completed",
        executor=cast.judge,
        validator=cast.author,
        result=outcome["text"],
        divergence=Decimal(str(outcome["divergence"])),
        divergence_parts=outcome["divergence_parts"],
        verdict=outcome["verdict"],
        confidence=Decimal(str(outcome["confidence"])),
        cross_validated=True,
        suspect=outcome["suspect"],
        escalations=outcome["escalations"],
        attempts=len(keys),
        started_at=start,
        finished_at=start + timedelta(seconds=30),
    )
    for place, (key, result) in enumerate(stored.items()):
        began = start + timedelta(seconds=place)
        stage = key.rpartition("/")[2]
        is_steps = key.startswith("s1")
        Step.objects.create(
            task=task,
            subtask=subtask if is_steps else None,
            key=key,
            stage=stage,
            result=result,
            started_at=began,
            finished_at=began,
        )
    return task
