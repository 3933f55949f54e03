"""Tasks in the command palette: the newest whose title has the words."""

from __future__ import annotations

from collections.abc import Sequence

from django.urls import reverse

from apps.accounts.actor import Actor
from apps.common.palette import MOST_OF_A_KIND, Found, matches
from apps.common.status import look_of
from apps.tasks.selectors import tasks_visible

NEWEST = 1_000  # how far back titles are looked at; the list of tasks finds the older ones


def tasks_found(actor: Actor, words: Sequence[str]) -> list[Found]:
    rows = tasks_visible(actor).order_by("-created_at").values_list("public_id", "title", "status")
    newest = rows[:NEWEST] if words else rows[:3]
    found = [row for row in newest if matches(words, row[1])]
    return [
        Found(title, reverse("tasks:detail", args=[public_id]), "task", str(look_of(status).word))
        for public_id, title, status in found[:MOST_OF_A_KIND]
    ]
