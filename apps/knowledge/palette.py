"""Templates of prompts in the command palette, by name and by what is typed after “/”."""

from __future__ import annotations

from collections.abc import Sequence

from django.urls import reverse

from apps.accounts.actor import Actor
from apps.common.palette import MOST_OF_A_KIND, Found, matches
from apps.knowledge.models import Template

MOST = 1_000


def templates_found(actor: Actor, words: Sequence[str]) -> list[Found]:
    if not words:
        return []
    rows = Template.objects.filter(team=actor.team, deleted_at=None).order_by("name").values_list("public_id", "name", "slug")
    found = [row for row in rows[:MOST] if matches(words, f"{row[1]} {row[2]}")]
    return [
        Found(name, reverse("knowledge:template", args=[public_id]), "template", f"/{slug}")
        for public_id, name, slug in found[:MOST_OF_A_KIND]
    ]
