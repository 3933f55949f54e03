"""What was just deleted, kept in the session, so that the next page of its list offers once to bring it back.

Rows that are only marked as deleted are known again by the moment. Small ones that are really gone are kept whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.core import serializers
from django.core.serializers.base import DeserializationError
from django.db import DatabaseError, transaction
from django.db.models import Model
from django.http import HttpRequest
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from apps.common.errors import BadInput, Conflict

IN_SESSION = "deleted"
MOST_KEPT = 100  # rows that are kept whole
_NOT_AGAIN = gettext_lazy("It cannot be brought back: another has its place by now, or what it names is gone.")


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
    """These rows are gone: keep them as they were. Call it before they lose their key."""
    kept = list(rows)[:MOST_KEPT]
    if kept:
        whole = serializers.serialize("json", kept)
        _keep(request, kind, {"moment": timezone.now().isoformat(), "number": len(kept), "rows": whole})


def take_deleted(request: HttpRequest, kind: str) -> Undo | None:
    """The last deletion of the kind, the first time that it is asked for."""
    found = _all(request).get(kind)
    if found is None or found.get("was_offered"):
        return None
    if "rows" in found:
        _keep(request, kind, {**found, "was_offered": True})
    else:
        _forget(request, kind)
    return Undo(found["moment"], found["number"])


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


def rows_again(rows: Iterable[Model], before: Callable[[Any], object]) -> int:
    """Store the rows again, all or none, each after `before`, which refuses what is not the actor's. Gives how many.

    Raises Conflict where meanwhile another has their place, or what they refer to is gone.
    """
    number = 0
    try:
        with transaction.atomic():
            for row in rows:
                before(row)
                _must_find_what_it_names(row)
                row.save_base(raw=True, force_insert=True)  # raw: it keeps the time at which it was made
                number += 1
    except DatabaseError as error:
        raise Conflict(str(_NOT_AGAIN)) from error
    return number


def _must_find_what_it_names(row: Model) -> None:
    """SQLite would complain only at the end of the request."""
    for field in row._meta.concrete_fields:
        value = getattr(row, field.attname) if field.is_relation else None
        if value is not None and not _is_there(field, value):
            raise Conflict(str(_NOT_AGAIN))


def _is_there(field: Any, value: Any) -> bool:
    there: bool = field.related_model._base_manager.filter(**{field.target_field.attname: value}).exists()
    return there


def _all(request: HttpRequest) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = request.session.get(IN_SESSION, {})
    return found


def _keep(request: HttpRequest, kind: str, about: dict[str, Any]) -> None:
    request.session[IN_SESSION] = {**_all(request), kind: about}


def _forget(request: HttpRequest, kind: str) -> None:
    request.session[IN_SESSION] = {name: about for name, about in _all(request).items() if name != kind}
