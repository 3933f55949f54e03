"""What the pages of chats show: the list, one thread with what is known of each answer, and what can be asked."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.db.models import Exists, Max, OuterRef, QuerySet, Value
from django.db.models.functions import Greatest, Lower, StrIndex, Substr
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.chat.models import AnswerThumb, Conversation, Message
from apps.chat.searching import conversations_searched
from apps.chat.selectors import Turn, conversations_filtered, said_with, thread_of
from apps.common.paging import page_of
from apps.common.searching import Searched
from apps.providers.models import AIModel, SpecializedAI
from apps.tasks.models import Strategy, TaskExecution
from apps.tasks.route_words import strategy_about, strategy_word
from apps.tasks.routing_words import not_verified_because
from apps.tasks.workings import Row, confidence_row

LIST_LIMIT = 40
PICKER_LIMIT = 120
SNIPPET_CHARS = 120
VIEWS = ("", "archived", "shared")


# ── The list ──────────────────────────────────────────────────────────────────────────────────────────────────────
def conversations_page(actor: Actor, *, search: str = "", view: str = "", cursor: str = "") -> Searched:
    """Conversations in which something was said, pinned ones first. Each carries `is_answering` and `snippet`.

    `view`: "" mine, "archived", or "shared" those of others. Five queries with `search`, else one.
    """
    rows = conversations_filtered(actor, is_archived=view == "archived", shared=view == "shared")
    at_work = Message.objects.filter(conversation=OuterRef("pk"), status__in=Message.UNFINISHED)
    rows = rows.filter(current__isnull=False).annotate(is_answering=Exists(at_work))
    order = ("-last_message_at",) if view == "shared" else ("-is_pinned", "-last_message_at")
    if search:
        found = conversations_searched(rows, search, ordering=order, limit=LIST_LIMIT, cursor=cursor)
    else:
        found = Searched(page_of(rows, ordering=order, limit=LIST_LIMIT, cursor=cursor))
    snippets = _snippets(found.page.rows, search) if search and found.page.rows else {}
    for row in found.page.rows:
        row.snippet = snippets.get(row.pk, "")
    return found


def _snippets(rows: list[Conversation], words: str) -> dict[int, str]:
    """Of each conversation a piece of the newest message that has these words."""
    said = Message.objects.filter(said_with(words), conversation__in=rows).order_by()
    newest = said.values("conversation").annotate(newest=Max("pk")).values_list("newest", flat=True)
    begins = Greatest(StrIndex(Lower("content"), Value(words.lower())) - 30, 1)
    pieces = Message.objects.filter(pk__in=list(newest)).annotate(piece=Substr("content", begins, SNIPPET_CHARS))
    return {key: " ".join(piece.split()) for key, piece in pieces.values_list("conversation_id", "piece")}


# ── One thread ────────────────────────────────────────────────────────────────────────────────────────────────────
@dataclass(frozen=True, slots=True)
class Shown:
    """A turn as the page shows it. `stage`: what an answer waits for, or None. `evidence`: who wrote, checked and decided."""

    turn: Turn
    stage: dict[str, Any] | None
    thumb: str | None
    evidence: dict[str, Any]
    is_queued_behind: bool

    @property
    def message(self) -> Message:
        return self.turn.message

    @property
    def check(self) -> dict[str, Any]:
        return self.message.check_result or {}

    @property
    def why_not(self) -> str:
        """Why it could not be checked, in a sentence."""
        reason = self.check.get("reason", "")
        if reason == "unexpected":
            return _("Something went wrong in the product itself; the log has the details. Check it again.")
        return self.check.get("message") or _("It could not be checked: %(why)s.") % {"why": not_verified_because(reason)}

    @property
    def confidence_rows(self) -> list[Row]:
        """What the confidence is the sum of, where a person had the answer checked."""
        return [confidence_row(part) for part in self.check.get("confidence_parts") or ()]

    @property
    def is_checked(self) -> bool:
        return bool(self.evidence["validator"])

    @property
    def key(self) -> str:
        """Eight characters that name the message within its conversation's page."""
        return str(self.message.public_id)[:8]

    @property
    def version(self) -> str:
        """Changes when something of it that the page shows has changed, words that are being written apart."""
        row = self.message
        length = 0 if row.is_unfinished else len(row.content)
        seen = (
            row.status,
            row.check_state,
            length,
            self.turn.siblings,
            self.stage,
            self.thumb,
            row.error_code,
            row.model_name,
            row.notes,
            row.check_result,
            self.is_unanswered,
        )
        return f"{zlib.crc32(repr((seen, self.is_queued_behind)).encode()):08x}"

    @property
    def is_unanswered(self) -> bool:
        """A question whose answers were removed."""
        return not self.message.is_answer and not self.turn.has_reply

    @property
    def mark(self) -> str:
        """What a page that has it says of it."""
        return f"{self.key}:{self.version}"


@dataclass(frozen=True, slots=True)
class Screen:
    """A piece of the branch that is shown, oldest first. `before` names the message before which older ones are found."""

    turns: tuple[Shown, ...]
    before: UUID | None

    @property
    def is_answering(self) -> bool:
        return any(shown.message.is_unfinished for shown in self.turns)


def screen_of(actor: Actor, conversation: Conversation, *, before: UUID | None = None, end: Message | None = None) -> Screen:
    """Fifty messages of the branch that is shown, or of the one that ends at `end`. Three queries at most."""
    if end is not None:
        conversation.current_id = end.pk
    thread = thread_of(conversation, before=before)
    rows = [turn.message for turn in thread.turns]
    routes = _route_checks(rows)
    thumbs = _thumbs(actor, rows)
    turns, is_before_open = [], False
    for turn in thread.turns:
        row = turn.message
        evidence = _evidence(row, routes.get(row.execution_id or 0))
        turns.append(Shown(turn, _stage(row), thumbs.get(row.pk), evidence, is_before_open and row.is_at("queued")))
        is_before_open = row.is_unfinished if row.is_answer else is_before_open
    return Screen(tuple(turns), thread.before)


def _route_checks(rows: Iterable[Message]) -> dict[int, dict[str, Any]]:
    """What the route itself found where it had an answer checked, by execution. One query, or none."""
    wanted = [row.execution.pk for row in rows if row.execution and row.execution.verified == "yes" and not row.check_result]
    if not wanted:
        return {}
    found = TaskExecution.objects.filter(pk__in=wanted).values_list("pk", "metadata__verification")
    return {pk: json.loads(check) if isinstance(check, str) else check for pk, check in found if check}


def _evidence(row: Message, route: dict[str, Any] | None) -> dict[str, Any]:
    """As the evidence card wants it: the check that a person asked for, else the route's own, else none."""
    about: dict[str, Any] = {
        "executor": {"label": row.model_name, "provider": ""} if row.model_name else None,
        "validator": None,
        "tie_breaker": None,
        "divergence": None,
        "confidence": row.confidence,
        "cost": row.cost_usd,
        "is_being_checked": row.check_state in (Message.Check.QUEUED, Message.Check.RUNNING),
    }
    check = row.check_result or {}
    if check.get("by"):
        ruling = check.get("ruling") or {}
        about |= _seats(check["by"], check.get("divergence"), ruling.get("by"), ruling.get("winner"), ruling.get("reason"))
    elif route:
        judge = (route.get("judge") or {}).get("label")
        label = (route.get("checker") or {}).get("label", "")
        about |= _seats(label, route.get("divergence"), judge, route.get("winner"), route.get("reason"))
    return about


def _seats(checker: str, divergence: Any, judge: Any, winner: Any, reason: Any) -> dict[str, Any]:
    sides = {"author": "executor", "checker": "validator"}
    seats: dict[str, Any] = {"validator": {"label": checker, "provider": ""}, "divergence": divergence}
    if judge:
        seats["tie_breaker"] = {"label": judge, "provider": ""}
        seats["tie_break"] = {"winner": sides.get(str(winner), "neither"), "reason": reason}
    return seats


def _stage(row: Message) -> dict[str, Any] | None:
    return row.stage or None if row.is_unfinished else None


def _thumbs(actor: Actor, rows: list[Message]) -> dict[int, str]:
    """This person's opinions of answers, "up" or "down", by message. One query."""
    found = AnswerThumb.objects.filter(person=actor.user, message__in=[row.pk for row in rows if row.is_answer])
    return {message: "up" if thumb > 0 else "down" for message, thumb in found.values_list("message_id", "thumb")}


# ── What can be asked ─────────────────────────────────────────────────────────────────────────────────────────────
def strategies_to_pick() -> list[tuple[str, str, str]]:
    """Ways for auto to choose, besides its own: value, name, and what it chooses."""
    return [(value, strategy_word(value), strategy_about(value)) for value in Strategy.values if value != Strategy.AUTO]


def models_to_pick(actor: Actor, *, search: str = "") -> list[AIModel]:
    """Models in use that can chat, by name. One query."""
    rows: QuerySet[AIModel] = AIModel.objects.in_use().filter(provider__team=actor.team).with_breakers()
    words = search.casefold().split()
    found = [row for row in rows if row.is_chat and all(word in f"{row} {row.key} {row.provider}".casefold() for word in words)]
    return sorted(found, key=lambda row: str(row).casefold())[:PICKER_LIMIT]


def specialized_to_pick(actor: Actor, *, search: str = "") -> list[SpecializedAI]:
    """The team's specialized AIs that are in use and write answers. One query."""
    rows = SpecializedAI.objects.filter(team=actor.team, deleted_at=None, is_active=True, role=SpecializedAI.Role.EXECUTOR)
    words = search.casefold().split()
    return [row for row in rows.order_by("name") if all(word in row.name.casefold() for word in words)]
