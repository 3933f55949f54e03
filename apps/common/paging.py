"""Lists page by page. A cursor holds the values of its row, so that rows which come or go shift nothing.

The last ordering is always the key, so that the order is total. Empty values sort first when ascending, as SQLite and
MySQL both do: https://dev.mysql.com/doc/refman/8.4/en/working-with-null.html (read 2026-11-20).
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import Field, Model, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from rest_framework.pagination import BasePagination
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import remove_query_param, replace_query_param

from apps.common.errors import BadInput

DEFAULT_LIMIT, MAX_LIMIT = 50, 200


@dataclass(frozen=True, slots=True)
class Page:
    """Some rows, and the cursors of the pages around them (None: there is none)."""

    rows: list[Any]
    next: str | None
    previous: str | None


def page_of(rows: QuerySet, *, ordering: Sequence[str], limit: int = DEFAULT_LIMIT, cursor: str = "") -> Page:
    """The page of `rows` that `cursor` names; the first one without it. Raises BadInput for a cursor that is not ours."""
    order = _total(ordering)
    backwards, values = _read(cursor, rows, order) if cursor else (False, None)
    wanted = _turned(order) if backwards else order
    found = rows.order_by(*wanted)
    if values is not None:
        found = found.filter(_after(wanted, values, [_field(rows, name.removeprefix("-")) for name in wanted]))
    got = list(found[: limit + 1])
    has_more, got = len(got) > limit, got[:limit]
    if backwards:
        got.reverse()
    has_next, has_previous = (True, has_more) if backwards else (has_more, values is not None)
    return Page(
        got,
        _cursor(got[-1], order, backwards=False) if got and has_next else None,
        _cursor(got[0], order, backwards=True) if got and has_previous else None,
    )


def cursor_behind(row: Any, *, ordering: Sequence[str]) -> str:
    """The cursor of the page that begins behind `row`."""
    return _cursor(row, _total(ordering), backwards=False)


def rows_behind(rows: QuerySet, *, ordering: Sequence[str], cursor: str) -> QuerySet:
    """`rows` in their order, from where `cursor` leads forwards; all of them without it. For whoever counts or exports."""
    order = _total(ordering)
    found = rows.order_by(*order)
    if not cursor:
        return found
    _backwards, values = _read(cursor, rows, order)
    return found.filter(_after(order, values, [_field(rows, name.removeprefix("-")) for name in order]))


def leads_back(rows: QuerySet, *, ordering: Sequence[str], cursor: str) -> bool:
    """Whether the cursor names the page before a row, and not the one behind it."""
    return bool(cursor) and _read(cursor, rows, _total(ordering))[0]


def counted(rows: QuerySet, *, most: int = 1_000) -> int:
    """How many rows there are, or `most + 1` where there are more: a large table is never counted to its end."""
    return len(rows.order_by().values_list("pk", flat=True)[: most + 1])


class CursorPages(BasePagination):
    """`{"next", "previous", "results"}`; `?limit=`, `?cursor=`, and `?ordering=` among the view's `ordering_fields`."""

    def paginate_queryset(self, queryset: Any, request: Request, view: Any = None) -> list[Any]:
        self.url = request.build_absolute_uri()
        self.page = page_of(
            queryset,
            ordering=ordering_of(request.query_params.get("ordering", ""), queryset, view),
            limit=limit_of(request.query_params.get("limit", "")),
            cursor=request.query_params.get("cursor", ""),
        )
        return self.page.rows

    def get_paginated_response(self, data: Any) -> Response:
        return Response({"next": self._link(self.page.next), "previous": self._link(self.page.previous), "results": data})

    def response_of(self, request: Request, page: Page, data: list[Any], further: str = "") -> Response:
        """A page that was read elsewhere. `further`: where a reading that stopped early goes on."""
        self.url = request.build_absolute_uri()
        self.page = Page(page.rows, page.next or further or None, page.previous)
        return self.get_paginated_response(data)

    def _link(self, cursor: str | None) -> str | None:
        return replace_query_param(remove_query_param(self.url, "cursor"), "cursor", cursor) if cursor else None

    def get_paginated_response_schema(self, schema: dict) -> dict:
        link = {"type": ["string", "null"], "format": "uri"}
        properties = {"next": link, "previous": link, "results": schema}
        return {"type": "object", "required": list(properties), "properties": properties}

    def get_schema_operation_parameters(self, view: Any) -> list[dict]:
        fields = getattr(view, "ordering_fields", ())
        choices = [sign + name for name in fields for sign in ("", "-")]
        limit = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT, "default": DEFAULT_LIMIT}
        found = [
            _parameter("cursor", "The page, as `next` and `previous` name it.", {"type": "string"}),
            _parameter("limit", "Rows on a page.", limit),
        ]
        if choices:
            found.append(_parameter("ordering", "Order of the rows; - turns it round.", {"type": "string", "enum": choices}))
        return found


def limit_of(text: str) -> int:
    """How many rows a page may have, from what was asked."""
    if not text:
        return DEFAULT_LIMIT
    if not (text.isascii() and text.isdigit()) or not 1 <= int(text) <= MAX_LIMIT:
        raise BadInput(_("The limit is a number from 1 to %(most)s.") % {"most": MAX_LIMIT}, field="limit")
    return int(text)


def ordering_of(text: str, queryset: QuerySet, view: Any) -> Sequence[str]:
    """The order that was asked for, or else the view's, the query's, the table's, or the newest first."""
    if not text:
        given: Any = getattr(view, "ordering", ()) or queryset.query.order_by or queryset.model._meta.ordering
        return given or ("-pk",)
    allowed = getattr(view, "ordering_fields", ())
    asked = [name.strip() for name in text.split(",")]
    if unknown := [name for name in asked if name.removeprefix("-") not in allowed]:
        words = {"unknown": ", ".join(unknown), "known": ", ".join(allowed)}
        raise BadInput(_("It cannot be ordered by %(unknown)s; it can by: %(known)s.") % words, field="ordering")
    return asked


def _parameter(name: str, description: str, schema: dict) -> dict:
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}


def _total(ordering: Sequence[str]) -> list[str]:
    names = [str(name) for name in ordering]
    if any(name.removeprefix("-") in ("pk", "id") for name in names):
        return names
    return [*names, "-pk" if names and names[0].startswith("-") else "pk"]


def _turned(order: list[str]) -> list[str]:
    return [name.removeprefix("-") if name.startswith("-") else f"-{name}" for name in order]


def _after(order: list[str], values: list[Any], fields: list[Field]) -> Q:
    """Rows behind the one with these values: later in the first field, or equal there and later in the second, …

    Where the first field is never empty, a bound that all of them keep stands before: by it a database finds the place in an
    index, where an OR alone would have it read everything that lies before.
    """
    later, equal = Q(pk__in=[]), Q()
    for name, value, field in zip(order, values, fields, strict=True):
        column, is_descending = name.removeprefix("-"), name.startswith("-")
        later |= equal & _behind(column, value, is_descending=is_descending, may_be_empty=_may_be_empty(column, field))
        equal &= Q(**{f"{column}__isnull": True}) if value is None else Q(**{column: value})
    first = order[0].removeprefix("-")
    if _may_be_empty(first, fields[0]):
        return later
    return Q(**{f"{first}__{'lte' if order[0].startswith('-') else 'gte'}": values[0]}) & later


def _may_be_empty(column: str, field: Field) -> bool:
    """Of the row's own columns it is known; a relation, what lies behind one, and what is computed may be empty."""
    is_own = column == "pk" or field.name == column
    return not is_own or field.null


def _behind(field: str, value: Any, *, is_descending: bool, may_be_empty: bool) -> Q:
    if is_descending:
        if value is None:
            return Q(pk__in=[])
        return Q(**{f"{field}__lt": value}) | (Q(**{f"{field}__isnull": True}) if may_be_empty else Q(pk__in=[]))
    return Q(**{f"{field}__isnull": False}) if value is None else Q(**{f"{field}__gt": value})


def _cursor(row: Any, order: list[str], *, backwards: bool) -> str:
    values = [_plain(_value(row, name.removeprefix("-"))) for name in order]
    packed = json.dumps(["b" if backwards else "f", *values], separators=(",", ":"))
    return base64.urlsafe_b64encode(packed.encode()).decode().rstrip("=")


def _value(row: Any, path: str) -> Any:
    for name in path.split("__"):
        row = getattr(row, name, None)
    return row.pk if isinstance(row, Model) else row


def _plain(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    return value.isoformat() if isinstance(value, date | datetime) else str(value)


def _read(cursor: str, rows: QuerySet, order: list[str]) -> tuple[bool, list[Any]]:
    try:
        direction, *plain = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        if direction not in ("f", "b") or len(plain) != len(order):
            raise ValueError
        fields = [_field(rows, name.removeprefix("-")) for name in order]
        values = [
            _as_stored(name.removeprefix("-"), field, value) for name, field, value in zip(order, fields, plain, strict=True)
        ]
    except (ValueError, TypeError, ArithmeticError, RecursionError, ValidationError) as error:
        raise BadInput(_("This cursor does not belong to this list. Start again without it."), field="cursor") from error
    return direction == "b", values


def _as_stored(column: str, field: Field, value: Any) -> Any:
    """The value as the column has it. Raises one of many errors for what no row of this list can hold."""
    if value is None:
        if not _may_be_empty(column, field):
            raise ValueError("never empty")
        return None
    found = field.to_python(value)
    if isinstance(found, datetime) and timezone.is_naive(found):
        raise ValueError("no time zone")
    if isinstance(found, float | Decimal) and not math.isfinite(found):
        raise ValueError("no number")
    return found


def _field(rows: QuerySet, path: str) -> Field:
    """The field behind an ordering: a column, a column of a relation, or an annotation."""
    if path in rows.query.annotations:
        return rows.query.annotations[path].output_field
    meta, field = rows.model._meta, rows.model._meta.pk
    for name in path.split("__"):
        field = meta.pk if name == "pk" else meta.get_field(name)
        meta = field.related_model._meta if field.is_relation else meta
    return field.target_field if field.is_relation else field
