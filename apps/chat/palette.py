"""Conversations in the command palette: the person's own, the latest whose title has the words."""

from __future__ import annotations

from collections.abc import Sequence

from django.urls import reverse

from apps.accounts.actor import Actor
from apps.chat.models import Conversation
from apps.common.palette import MOST_OF_A_KIND, Found, matches

LATEST = 1_000  # how far back titles are looked at; the list of conversations finds the older ones, by what was said too


def conversations_found(actor: Actor, words: Sequence[str]) -> list[Found]:
    mine = Conversation.objects.filter(team=actor.team, owner=actor.user, is_archived=False, deleted_at=None)
    rows = mine.order_by("-is_pinned", "-last_message_at").values_list("public_id", "title")
    latest = rows[:LATEST] if words else rows[:3]
    found = [(public_id, title or str(Conversation())) for public_id, title in latest]
    fitting = [row for row in found if matches(words, row[1])]
    return [
        Found(title, reverse("chat:thread", args=[public_id]), "conversation") for public_id, title in fitting[:MOST_OF_A_KIND]
    ]
