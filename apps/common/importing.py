"""Rows from a file that somebody gives: read, judged one by one, and stored all together or not at all."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.common.errors import BadInput, OrquestradorError
from apps.common.exporting import RUNS_IN_SHEETS

DELIMITERS = (",", ";", "\t")
MOST_BYTES = 2 * 1024 * 1024
MOST_ROWS = 1_000


@dataclass(frozen=True, slots=True)
class Imported:
    made: int
    changed: int


def rows_of(upload: UploadedFile | None) -> list[dict[str, Any]]:
    """The objects of a JSON list, or the lines of a CSV file by their first line. Raises BadInput that says what is wrong."""
    if upload is None:
        raise BadInput(_("Choose a file."), field="file")
    if (upload.size or 0) > MOST_BYTES:
        raise BadInput(_("The file is larger than %(most)s MB.") % {"most": MOST_BYTES // 1024 // 1024}, field="file")
    try:
        text = upload.read().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise BadInput(_("The file is not text in UTF-8."), field="file") from error
    if "\x00" in text:
        raise BadInput(_("The file is not text: there are zero bytes in it."), field="file")
    is_json = str(upload.name).lower().endswith(".json") or text.lstrip()[:1] in ("[", "{")
    rows = _json(text) if is_json else _csv(text)
    if not rows:
        raise BadInput(_("There is nothing in the file."), field="file")
    if len(rows) > MOST_ROWS:
        raise BadInput(_("At most %(most)s rows are taken from one file.") % {"most": MOST_ROWS}, field="file")
    return rows


def _json(text: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text) if text.strip() else []
    except (ValueError, RecursionError) as error:
        raise BadInput(_("This is not JSON: %(error)s") % {"error": error}, field="file") from error
    found = [found] if isinstance(found, dict) else found
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise BadInput(_("The file is a list of objects."), field="file")
    return found


def _csv(text: str) -> list[dict[str, Any]]:
    """By the first line, which also says what stands between the cells: a comma, a semicolon or a tab."""
    first = text.lstrip().split("\n", 1)[0]
    delimiter = max(DELIMITERS, key=first.count)
    try:
        lines = [cells for cells in csv.reader(io.StringIO(text), delimiter=delimiter, strict=True) if any(map(str.strip, cells))]
    except csv.Error as error:
        raise BadInput(_("This is not CSV: %(error)s") % {"error": error}, field="file") from error
    names = [name.strip() for name in lines[0]] if lines else []
    if twice := next((name for name in names if name and names.count(name) > 1), ""):
        raise BadInput(_("The column “%(name)s” is there twice.") % {"name": twice[:60]}, field="file")
    return [_row(number, names, cells) for number, cells in enumerate(lines[1:], 1)]


def _row(number: int, names: list[str], cells: list[str]) -> dict[str, Any]:
    if any(cell.strip() for cell in cells[len(names) :]) or any(
        cell.strip() for name, cell in zip(names, cells, strict=False) if not name
    ):
        raise BadInput(_("Row %(n)s has more cells than the first line has names.") % {"n": number}, field="file")
    filled = [*cells, *[""] * (len(names) - len(cells))]
    return {name: _cell(cell) for name, cell in zip(names, filled, strict=False) if name}


def _cell(text: str) -> str:
    """Without the mark by which an export keeps spreadsheets from running it."""
    text = text.strip()
    return text[1:] if text[:1] == "'" and text[1:2] in RUNS_IN_SHEETS and len(text) > 1 else text


def list_in(value: Any) -> Any:
    """A list from a cell: as JSON, as an export writes it, or with commas. What is no text stays as it is."""
    if not isinstance(value, str):
        return value
    with contextlib.suppress(ValueError, RecursionError):
        if isinstance(found := json.loads(value), list):
            return found
    return [one.strip() for one in value.split(",") if one.strip()]


def flag_in(value: Any) -> bool:
    """Yes or no from a cell."""
    return str(value).strip().lower() not in ("false", "0", "no", "none", "")


def store_all(rows: list[dict[str, Any]], store: Callable[[Mapping[str, Any]], bool]) -> Imported:
    """`store` each row; it says whether the row is new. If one cannot be used none is stored: BadInput tells of all of them."""
    wrong: list[dict[str, str]] = []
    made = 0
    with transaction.atomic():
        for number, row in enumerate(rows, 1):
            try:
                with transaction.atomic():
                    made += store(row)
            except OrquestradorError as error:
                wrong += _told(number, row, error)
        if wrong:
            raise BadInput(_("Nothing was imported."), errors=wrong)
    return Imported(made, len(rows) - made)


def _told(number: int, row: Mapping[str, Any], error: OrquestradorError) -> list[dict[str, str]]:
    name = str(row.get("name") or row.get("model") or "")[:60]
    where = _("Row %(n)s (%(name)s)") % {"n": number, "name": name} if name else _("Row %(n)s") % {"n": number}
    told = getattr(error, "errors", None) or [{"field": "", "code": error.code, "message": error.message}]
    return [{**one, "message": f"{where}: {one['message']}"} for one in told]


def taken_in(
    request: HttpRequest, store: Callable[[list[dict[str, Any]]], Imported], *, title: str, help: str, back: str
) -> HttpResponse:
    """The page with the field for a file. What is wrong with the file is told row by row, and then nothing is stored."""
    errors: list[str] = []
    if request.method == "POST":
        try:
            done = store(rows_of(request.FILES.get("file")))
        except BadInput as error:
            errors = [one["message"] for one in error.errors] or [error.message]
        else:
            messages.success(request, _words(done))
            return redirect(back)
    context = {"title": title, "help": help, "errors": errors[:50], "more": max(0, len(errors) - 50), "back": back}
    return render(request, "components/import.html", context, status=400 if errors else 200)


def _words(done: Imported) -> str:
    made = ngettext("%(n)s was made", "%(n)s were made", done.made) % {"n": done.made}
    changed = ngettext("%(n)s was changed", "%(n)s were changed", done.changed) % {"n": done.changed}
    return f"{made}, {changed}."
