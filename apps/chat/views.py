"""Pages of chats: the list beside one thread, and the parts of them that are read again while the page is open."""

from __future__ import annotations

import re
from datetime import date
from functools import partial
from typing import Any
from urllib.parse import urlencode

from django.http import HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.text import slugify
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from apps.accounts.actor import Actor, Asked
from apps.chat import screens, selectors, services
from apps.chat.models import Conversation, Message
from apps.common.errors import BadInput, NotFound, OrquestradorError
from apps.providers.selectors import has_only_practice_models

MOST_AT_ONCE = 200
_HAVE = re.compile(r"[0-9a-f]{8}:[0-9a-f]{8}")


# ── Pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@require_GET
def chat_list(request: Asked) -> HttpResponse:
    """The list, with room for a new conversation beside it."""
    return render(request, "chat/page.html", {**_listed(request), "place": "list"})


@require_GET
def chat_new(request: Asked) -> HttpResponse:
    return render(request, "chat/page.html", {**_listed(request), "place": "new"})


@require_GET
def thread(request: Asked, conversation_id: Any) -> HttpResponse:
    """One conversation. `?at=` shows the branch through that message, `?before=` older messages."""
    conversation = selectors.access_conversation(request.actor, conversation_id)
    context = {**_listed(request), **_shown(request, conversation), "place": "thread"}
    return render(request, "chat/page.html", context)


# ── Parts ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@require_GET
def rows(request: Asked) -> HttpResponse:
    """The rows of the list alone."""
    return render(request, "chat/_rows.html", _listed(request))


@require_GET
def turns(request: Asked, conversation_id: Any) -> HttpResponse:
    """The messages alone. What the page has already, by `have=<key>:<version>,…`, comes as its key and nothing else."""
    conversation = selectors.access_conversation(request.actor, conversation_id)
    have = set(_HAVE.findall(request.GET.get("have", "")))
    return render(request, "chat/_turns.html", {**_shown(request, conversation), "have": have})


@require_GET
def head(request: Asked, conversation_id: Any) -> HttpResponse:
    """The title of the conversation and what can be done with it as a whole."""
    conversation = selectors.access_conversation(request.actor, conversation_id)
    return render(request, "chat/_head.html", _about(request, conversation))


@require_GET
def picker(request: Asked) -> HttpResponse:
    """Who may answer: auto by its strategies, models with their states, and specialized AIs."""
    search, only_models = request.GET.get("q", "").strip(), request.GET.get("only") == "models"
    context = {
        "models": screens.models_to_pick(request.actor, search=search),
        "strategies": [] if only_models or search else screens.strategies_to_pick(),
        "specialized": [] if only_models else screens.specialized_to_pick(request.actor, search=search),
        "search": search,
    }
    return render(request, "chat/_picker.html", context)


# ── Changes that only pages make ──────────────────────────────────────────────────────────────────────────────────
@require_POST
def branch(request: Asked, conversation_id: Any) -> HttpResponse:
    """Show the branch through `message` from now on, here and wherever else this conversation is open."""
    message = selectors.access_message(request.actor, request.POST.get("message", ""))
    if str(message.conversation.public_id) != str(conversation_id):
        raise NotFound(_("There is no such message."))
    services.branch_choose(request.actor, message)
    return HttpResponse(status=204)


@require_POST
def many(request: Asked) -> JsonResponse:
    """Archive, delete or bring back several at once; says which it was done to, so that it can be undone.

    Raises BadInput for more than `MOST_AT_ONCE`, and does nothing then. The page sends larger choices in parts.
    """
    deed = request.POST.get("do", "")
    if deed not in ("archive", "unarchive", "delete", "restore"):
        raise BadInput(_("Choose what is to be done with the chosen conversations."), field="do")
    done, refused = [], []
    for public_id in _chosen(request.POST.getlist("conversation")):
        try:
            _do(request.actor, deed, public_id)
            done.append(public_id)
        except OrquestradorError as error:
            refused.append(error.message)
    return JsonResponse({"done": done, "refused": list(dict.fromkeys(refused))})


def _chosen(given: list[str]) -> list[str]:
    """Each once. Of too many none is taken, so that nobody has to guess how far it went."""
    chosen = list(dict.fromkeys(given))
    if len(chosen) > MOST_AT_ONCE:
        said = _("These are %(has)s conversations; %(most)s are the most at once. Nothing was done: choose fewer.")
        raise BadInput(said % {"has": len(chosen), "most": MOST_AT_ONCE}, field="conversation")
    return chosen


def _do(actor: Actor, deed: str, public_id: str) -> None:
    if deed == "restore":
        services.conversation_restore(actor, selectors.access_deleted_conversation(actor, public_id))
        return
    row = selectors.access_conversation(actor, public_id)
    if deed == "delete":
        services.conversation_delete(actor, row)
    else:
        services.conversation_update(actor, row, is_archived=deed == "archive")


# ── Files to take away ────────────────────────────────────────────────────────────────────────────────────────────
@require_GET
def export(request: Asked, conversation_id: Any) -> HttpResponse:
    """One conversation as a file: `?as=md` the branch that is shown, else all of it as JSON."""
    conversation = selectors.access_conversation(request.actor, conversation_id)
    name = slugify(str(conversation))[:60] or "conversation"
    if request.GET.get("as") == "md":
        response = HttpResponse(selectors.conversation_markdown(conversation), content_type="text/markdown; charset=utf-8")
        return _as_file(response, f"{name}.md")
    return _as_file(_json(selectors.conversation_json(conversation, with_messages=True)), f"{name}.json")


@require_GET
def export_many(request: Asked) -> HttpResponse:
    """The chosen conversations with all that was said, as one JSON file."""
    wanted = _chosen(request.GET.getlist("conversation"))
    rows = [selectors.access_conversation(request.actor, public_id) for public_id in wanted]
    found = [selectors.conversation_json(row, with_messages=True) for row in rows]
    return _as_file(_json({"conversations": found}), f"conversations-{date.today():%Y-%m-%d}.json")


def _json(data: dict[str, Any]) -> JsonResponse:
    return JsonResponse(data, json_dumps_params={"ensure_ascii": False, "indent": 1})


def _as_file(response: HttpResponse, name: str) -> HttpResponse:
    response["Content-Disposition"] = f'attachment; filename="{name}"'
    return response


# ── What pages are filled with ────────────────────────────────────────────────────────────────────────────────────
def _listed(request: Asked) -> dict[str, Any]:
    asked = {"q": request.GET.get("q", "").strip(), "view": request.GET.get("view", "")}
    if asked["view"] not in screens.VIEWS:
        raise BadInput(_("There is no such list of conversations."), field="view")
    cursor = request.GET.get("cursor", "")
    found = screens.conversations_page(request.actor, search=asked["q"], view=asked["view"], cursor=cursor)
    is_empty = not found.page.rows and (not cursor or "empty" in request.GET)  # and so was all that came before
    return {
        "rows": found.page.rows,
        "ideas": partial(_ideas, request.actor),  # asked for by an empty thread alone
        "next": _address(asked, found.page.next),
        "further": _address(asked, found.further, is_empty=is_empty),
        "looked_back_to": found.looked_back_to,
        "is_empty": is_empty and not found.further,
        "asked": asked,
    }


def _ideas(actor: Actor) -> dict[str, Any]:
    """What one could ask: of practice models only what they know, in the one language that they know."""
    if has_only_practice_models(actor):
        return {"words": ("add 6 and 7", "subtract 3 from 8", "count: payroll router sensor"), "is_practice": True}
    words = (
        _("Explain this error message to me"),
        _("Compare two ways of doing it, with a table"),
        _("Write a function, and a test for it"),
    )
    return {"words": words, "is_practice": False}


def _address(asked: dict[str, str], cursor: str | None, *, is_empty: bool = False) -> str:
    """Of what comes behind; "" where nothing does."""
    known = {key: value for key, value in asked.items() if value} | ({"empty": "1"} if is_empty else {})
    return "?" + urlencode({**known, "cursor": cursor}) if cursor else ""


def _shown(request: Asked, conversation: Conversation) -> dict[str, Any]:
    before = _message_of(request, conversation, "before")
    at = _branch_asked(request, conversation)
    screen = screens.screen_of(
        request.actor,
        conversation,
        before=before.public_id if before else None,
        end=selectors.leaf_below(at) if at else None,
    )
    return {**_about(request, conversation), "screen": screen, "at": at}


def _about(request: Asked, conversation: Conversation) -> dict[str, Any]:
    is_mine = conversation.owner_id == request.actor.user.pk
    return {"conversation": conversation, "is_mine": is_mine, "may_write": is_mine and request.actor.can_work}


def _branch_asked(request: Asked, conversation: Conversation) -> Message | None:
    """None as well where the message was removed: a page that shows its branch goes on with the one that is shown to all."""
    try:
        return _message_of(request, conversation, "at")
    except NotFound:
        if selectors.was_removed(conversation, request.GET["at"]):
            return None
        raise


def _message_of(request: Asked, conversation: Conversation, name: str) -> Message | None:
    if not request.GET.get(name):
        return None
    message = selectors.access_message(request.actor, request.GET[name])
    if message.conversation_id != conversation.pk:
        raise NotFound(_("There is no such message."))
    return message
