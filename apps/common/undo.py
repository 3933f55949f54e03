"""What was just deleted, kept in the session, so that the next page of its list offers once to bring it back.

Rows that are only marked as deleted are known again by the moment. Small ones that are really gone are kept whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib import messages
from django.core import serializers
from django.core.serializers.base import DeserializationError
from django.db.models import Model, QuerySet
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import redirect
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.common.errors import BadInput, Conflict
from apps.common.ticked import Deed, each_answered

IN_SESSION = "deleted"
DELETE = "delete"  # the name of the deed whose rows are kept
MOST_KEPT = 200  # rows that are kept whole: they weigh on every request of the session until they are offered


@dataclass(frozen=True, slots=True)
class Undo:
    """What the page offers: `number` rows were deleted at `moment`."""

    moment: str
    number: int


def remember_deleted(request: HttpRequest, kind: str, moment: datetime | None, number: int) -> None:
    """`number` rows of the kind were marked as deleted at that moment."""
    if moment is not None and number:
        _keep(request, kind, {"moment": moment.isoformat(), "number": number})


def remember_rows(request: HttpRequest, kind: str, rows: Iterable[Model]) -> None:
    """These rows are gone: keep them as they were, with the keys that they had. Of more than `MOST_KEPT` none is kept."""
    kept = list(rows)
    if 0 < len(kept) <= MOST_KEPT:
        whole = serializers.serialize("json", kept)
        _keep(request, kind, {"moment": timezone.now().isoformat(), "number": len(kept), "rows": whole})


def take_deleted(request: HttpRequest, kind: str) -> Undo | None:
    """The last deletion of the kind, the first time that it is asked for."""
    found = _all(request).get(kind)
    if found is None:
        return None
    if "rows" in found and not found.get("was_offered"):
        _keep(request, kind, {**found, "was_offered": True})
    else:
        _forget(request, kind)
    return None if found.get("was_offered") else Undo(found["moment"], found["number"])


def each_answered_and_kept(
    request: HttpRequest,
    list_url: str,
    *,
    kind: str,
    deeds: Sequence[Deed],
    left_by: Callable[[QueryDict], QuerySet],
    visible: QuerySet,
    do: Callable[[str, Any], object],
    said: Callable[[str, int], str] = lambda _deed, _number: "",
) -> HttpResponse:
    """As `each_answered`. What the deed `DELETE` takes away is kept; the list itself says so, with the offer to bring it back."""
    gone: list[Model] = []

    def do_and_keep(deed: str, row: Model) -> None:
        before = copy(row)
        do(deed, row)
        if deed == DELETE:
            gone.append(before)

    def said_of_others(deed: str, number: int) -> str:
        return "" if deed == DELETE else said(deed, number)

    response = each_answered(
        request, list_url, deeds=deeds, left_by=left_by, visible=visible, do=do_and_keep, said=said_of_others
    )
    remember_rows(request, kind, gone)
    return response


def brought_back(request: HttpRequest, kind: str, back: str, restore: Callable[[list[Any]], int]) -> HttpResponse:
    """Give `restore` the rows of the last deletion, say what came of it, and go back."""
    try:
        number = restore(take_rows(request, kind))
    except Conflict as error:
        messages.error(request, error.message)
    else:
        say_brought_back(request, number)
    return redirect(back)


def say_brought_back(request: HttpRequest, number: int) -> None:
    if number:
        messages.success(request, ngettext("%(n)s is back.", "%(n)s are back.", number) % {"n": number})
    else:
        messages.warning(request, _("There was nothing left to bring back."))


def moment_of(request: HttpRequest) -> datetime:
    """When what is to come back was deleted, as the form says. Raises BadInput."""
    try:
        moment = parse_datetime(request.POST.get("moment", ""))
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise BadInput(_("Say when it was deleted."), field="moment")
    return moment


def take_rows(request: HttpRequest, kind: str) -> list[Model]:
    """The rows of the last deletion, not stored yet, as `rows_again` takes them; none where another was before."""
    found = _all(request).get(kind)
    if found is None or "rows" not in found or found["moment"] != request.POST.get("moment", ""):
        return []
    _forget(request, kind)
    try:
        return [one.object for one in serializers.deserialize("json", found["rows"], ignorenonexistent=True)]
    except DeserializationError as error:
        raise Conflict(_("It cannot be brought back any more.")) from error


def _all(request: HttpRequest) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = request.session.get(IN_SESSION, {})
    return found


def _keep(request: HttpRequest, kind: str, about: dict[str, Any]) -> None:
    request.session[IN_SESSION] = {**_all(request), kind: about}


def _forget(request: HttpRequest, kind: str) -> None:
    request.session[IN_SESSION] = {name: about for name, about in _all(request).items() if name != kind}
