"""The bar below a list: what can be done with its ticked rows, and the request that does it."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils.encoding import iri_to_uri
from django.utils.translation import gettext as _

from apps.common.bulk import MOST, Outcome, ids_of, in_parts, must_not_exceed
from apps.common.errors import BadInput, OrquestradorError

MOST_ONE_BY_ONE = 1_000  # each is a transaction of its own: more would keep a person waiting for minutes


@dataclass(frozen=True, slots=True)
class Deed:
    """What can be done with ticked rows. With a `title` it is asked about first; with a `word` that has to be typed, too."""

    name: str
    label: str
    icon: str
    title: str = ""
    text: str = ""
    word: str = ""


@dataclass(frozen=True, slots=True)
class Bar:
    """`url` does the deeds, `query` is the address that the list was narrowed by, `has_more`: there are further pages."""

    url: str
    deeds: Sequence[Deed]
    query: str = ""
    has_more: bool = False


def deed_of(request: HttpRequest, deeds: Sequence[Deed]) -> Deed:
    """The one that was asked for. Raises BadInput for another, and where its word was not typed."""
    found = {deed.name: deed for deed in deeds}.get(request.POST.get("deed", ""))
    if found is None:
        raise BadInput(_("Choose what is to be done with the ticked rows."), field="deed")
    if found.word:
        must_be_typed(request, found.word)
    return found


def must_be_typed(request: HttpRequest, word: str) -> None:
    """What cannot be undone is confirmed by a word. Raises BadInput where it was not typed."""
    if request.POST.get("typed", "").strip().casefold() != word.casefold():
        raise BadInput(_("Nothing was changed: the word that confirms it was not typed."), field="typed")


def was_typed(request: HttpRequest, word: str) -> bool:
    """The same for a page with a form of its own: where the word was not typed it says so."""
    try:
        must_be_typed(request, word)
    except BadInput as error:
        messages.error(request, error.message)
        return False
    return True


def ids_asked(request: HttpRequest, left_by: Callable[[QueryDict], QuerySet], *, most: int = MOST_ONE_BY_ONE) -> list[uuid.UUID]:
    """The ticked rows; with `all` each one that the list's filters leave. Raises BadInput for more than `most`."""
    if request.POST.get("all"):
        rows = left_by(QueryDict(request.POST.get("query", "").removeprefix("?")))
        found = ids_of(map(str, rows.order_by("pk").values_list("public_id", flat=True)[: min(most, MOST) + 1]))
    else:
        found = ids_of(request.POST.getlist("id"))
    must_not_exceed(len(found), most)
    return found


def do_each(rows: QuerySet, ids: Sequence[uuid.UUID], do: Callable[[Any], object]) -> Outcome:
    """`do` with each of the `rows` that has one of the ids. What refuses is told by its own words; a foreign id is not there."""
    outcome = Outcome()
    for part in in_parts(ids):
        found = list(rows.filter(public_id__in=part))
        outcome.refuse(_("it is not there any more."), len(part) - len(found))
        for row in found:
            try:
                do(row)
            except OrquestradorError as error:
                outcome.refuse(error.message)
            else:
                outcome.done += 1
    return outcome


def each_answered(
    request: HttpRequest,
    list_url: str,
    *,
    deeds: Sequence[Deed],
    left_by: Callable[[QueryDict], QuerySet],
    visible: QuerySet,
    do: Callable[[str, Any], object],
    said: Callable[[str, int], str],
) -> HttpResponse:
    """The deed that was asked for, done with each of the ticked rows that are `visible`. `do` gets its name and a row, `said`
    gives the words for so many."""

    def act() -> tuple[Outcome, str]:
        deed = deed_of(request, deeds).name
        outcome = do_each(visible, ids_asked(request, left_by), lambda row: do(deed, row))
        return outcome, said(deed, outcome.done)

    return answered(request, list_url, act)


def answered(request: HttpRequest, list_url: str, act: Callable[[], tuple[Outcome, str]]) -> HttpResponse:
    """Do it, say what became of it, and go back to the list as it was narrowed.

    `act` gives the words for what was done, too; "" where the list itself says it, with the offer to undo it.
    """
    try:
        outcome, said = act()
    except BadInput as error:
        messages.error(request, error.message)
    else:
        if outcome.done and said:
            messages.success(request, said)
        if outcome.words:
            messages.warning(request, outcome.words)
        if not outcome.done and not outcome.words:
            messages.warning(request, _("Nothing was ticked."))
    return back_to(request, list_url)


def back_to(request: HttpRequest, list_url: str) -> HttpResponse:
    """To the list as it was narrowed, which the form names by its query alone."""
    query = request.POST.get("query", "")
    response = redirect(list_url)
    if query.startswith("?"):
        response["Location"] += iri_to_uri(query)
    return response
