"""The templates that ship with the product. One that nobody has edited speaks the reader's language."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

from django.utils.translation import get_language

from apps.accounts.contract import TeamCreated
from apps.accounts.models import Team
from apps.knowledge.models import Template, TemplateVersion

FILE = Path(__file__).parent / "data" / "templates.json"
FIELDS = ("name", "title", "category", "body", "variables")
STORED_IN = "en"


@cache
def seeds() -> Mapping[str, Mapping[str, Any]]:
    """By short name: what it says in each language."""
    return {row["seed"]: row for row in json.loads(FILE.read_text(encoding="utf-8"))}


def seed_text(seed: str) -> Mapping[str, Any] | None:
    """What a shipped template says in the reader's language, by FIELDS; None when it ships no longer."""
    row = seeds().get(seed)
    return row and row.get(get_language() or STORED_IN, row[STORED_IN])


def templates_ensure(team_id: int) -> int:
    """Give the team those that it never had; what people changed or deleted stays as it is. Gives how many."""
    mine = Template.objects.filter(team_id=team_id)
    had = set(mine.filter(seed__isnull=False).values_list("seed", flat=True))
    taken = set(mine.filter(deleted_at=None).values_list("slug", flat=True))
    missing = [seed for seed in seeds() if seed not in had and seed not in taken]
    for seed in missing:
        said = seeds()[seed][STORED_IN]
        row = Template.objects.create(team_id=team_id, owner=None, slug=seed, seed=seed, **said)
        TemplateVersion.objects.create(template=row, number=1, **said)
    return len(missing)


def templates_ensure_for_all() -> int:
    """The same for every team; gives how many were made."""
    return sum(templates_ensure(pk) for pk in Team.objects.order_by("pk").values_list("pk", flat=True))


def furnish_team(event: TeamCreated) -> None:
    """Gives a new team the shipped templates, in the transaction that makes the team."""
    templates_ensure(event.team_id)
