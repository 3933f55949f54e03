"""Years of work in a few minutes: people, models, chats, tasks, prompts, calls and the log, as large as is asked for."""

from __future__ import annotations

from orquestrador.seeding.chats import chats_make
from orquestrador.seeding.logs import logs_make
from orquestrador.seeding.people import people_make
from orquestrador.seeding.prompts import prompts_make
from orquestrador.seeding.stage import Sizes, Stage
from orquestrador.seeding.tasks import tasks_make

__all__ = ["Sizes", "Stage", "seed"]


def seed(stage: Stage) -> dict[str, int]:
    """Makes all of it. {table: rows}."""
    people_make(stage)
    prompts_make(stage)
    chats_make(stage)
    tasks_make(stage)
    logs_make(stage)
    return stage.made
