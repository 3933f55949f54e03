"""Rows as a file: written while it is read from the database, so that a large one needs no memory and starts at once."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from typing import Any

from asgiref.sync import sync_to_async
from django.core.handlers.asgi import ASGIRequest
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet
from django.http import HttpRequest, StreamingHttpResponse
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common.errors import BadInput
from apps.common.paging import page_of

MOST_ROWS = 100_000
AT_ONCE = 1_000
FORMATS = {"csv": "text/csv; charset=utf-8", "json": "application/json"}
RUNS_IN_SHEETS = ("=", "+", "-", "@", "\t", "\r")

Record = Mapping[str, Any]


def exported(
    request: HttpRequest,
    rows: QuerySet,
    *,
    name: str,
    ordering: Sequence[str],
    columns: Sequence[str],
    as_record: Callable[[Any], Record] | None = None,
    as_records: Callable[[list[Any]], Sequence[Record]] | None = None,
) -> StreamingHttpResponse:
    """`rows` as `?format=csv` or json: the first `MOST_ROWS` of them in their order. The file's name says so where it has less.

    `as_record` gives one row's fields, or `as_records` those of many rows at once.
    """
    format = request.GET.get("format", "csv")
    if format not in FORMATS:
        raise BadInput(_("A file is csv or json."), field="format")

    def many(found: list[Any]) -> Sequence[Record]:
        if as_records is not None:
            return as_records(found)
        assert as_record is not None
        return [as_record(row) for row in found]

    is_cut = rows.order_by(*ordering)[MOST_ROWS : MOST_ROWS + 1].exists()
    parts = _parts(_read(rows, ordering, many), columns, format)
    body: Any = _stepwise(parts) if isinstance(request, ASGIRequest) else parts
    response = StreamingHttpResponse(body, content_type=FORMATS[format])
    title = f"{name}-{timezone.localtime():%Y-%m-%d}" + (f"-first-{MOST_ROWS}" if is_cut else "")
    response["Content-Disposition"] = f'attachment; filename="{title}.{format}"'
    response["X-Accel-Buffering"] = "no"
    response["Cache-Control"] = "no-store"
    return response


def _read(rows: QuerySet, ordering: Sequence[str], many: Callable[[list[Any]], Sequence[Record]]) -> Iterator[Sequence[Record]]:
    left, cursor = MOST_ROWS, ""
    while left:
        page = page_of(rows, ordering=ordering, limit=min(AT_ONCE, left), cursor=cursor)
        yield many(page.rows)
        left -= len(page.rows)
        if page.next is None:
            return
        cursor = page.next


def _parts(pages: Iterator[Sequence[Record]], columns: Sequence[str], format: str) -> Iterator[bytes]:
    return _csv(pages, columns) if format == "csv" else _json(pages)


def _csv(pages: Iterator[Sequence[Record]], columns: Sequence[str]) -> Iterator[bytes]:
    yield _lines([columns]).encode("utf-8-sig")  # with the mark by which spreadsheets know UTF-8
    for page in pages:
        yield _lines([[_cell(record.get(name)) for name in columns] for record in page]).encode()


def _lines(rows: Sequence[Sequence[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(value: Any) -> Any:
    """As a spreadsheet takes it: nothing that it would run as a formula."""
    if value is None or isinstance(value, bool | int | float):
        return "" if value is None else value
    if isinstance(value, dict | list):
        value = json.dumps(value, cls=DjangoJSONEncoder, ensure_ascii=False)
    text = value.isoformat() if hasattr(value, "isoformat") else str(value)
    return f"'{text}" if text.startswith(RUNS_IN_SHEETS) and not _is_number(text) else text


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _json(pages: Iterator[Sequence[Record]]) -> Iterator[bytes]:
    separator = "[\n"
    for page in pages:
        if page:
            lines = (json.dumps(record, cls=DjangoJSONEncoder, ensure_ascii=False) for record in page)
            yield (separator + ",\n".join(lines)).encode()
            separator = ",\n"
    yield b"\n]\n" if separator == ",\n" else b"[]\n"


async def _stepwise(parts: Iterator[bytes]) -> AsyncIterator[bytes]:
    """Each part is read in the thread of the database, and the server sends it before the next one is read."""
    step = sync_to_async(lambda: next(parts, None), thread_sensitive=True)
    while (part := await step()) is not None:
        yield part
