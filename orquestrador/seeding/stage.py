"""What all parts of a seed share: whose rows they are, how many of them, from when to when, and who takes part."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.utils import timezone

from apps.accounts.models import Team, User
from apps.providers.models import AIModel
from orquestrador.seeding.rows import insert

YEARS = timedelta(days=365)


@dataclass(frozen=True)
class Sizes:
    messages: int = 100_000
    conversations: int = 2_000
    tasks: int = 50_000
    logs: int = 1_000_000

    @property
    def prompts(self) -> int:
        """One message in four was answered by the route."""
        return self.messages // 4


@dataclass
class Stage:
    """`say` hears what is done. Everything belongs to `team`; the same `seed` makes the same rows."""

    team: Team
    owner: User
    sizes: Sizes
    say: Callable[[str], None]
    seed: int = 7
    made: dict[str, int] = field(default_factory=dict)
    people: list[int] = field(default_factory=list)  # their keys
    models: list[AIModel] = field(default_factory=list)
    first_prompt: int = 0  # keys of prompts and tasks follow one another from these on
    prompt_ids: list[UUID] = field(default_factory=list)
    first_task: int = 0
    task_ids: list[UUID] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.chance = random.Random(self.seed)
        self.end = timezone.now() - timedelta(minutes=1)
        self.start = self.end - YEARS

    def insert(self, model: Any, columns: tuple[str, ...], rows: Iterator[Any], **same: Any) -> None:
        number = insert(model, columns, rows, **same)
        name = str(model._meta.db_table)
        self.made[name] = self.made.get(name, 0) + number
        self.say(f"{name}: {number:,}")

    def person(self) -> int:
        """The key of one. The owner did half of it all."""
        return self.owner.pk if self.chance.random() < 0.5 else self.chance.choice(self.people)

    def cost(self) -> Decimal:
        return Decimal(self.chance.randint(1, 2_000)) / 100_000
