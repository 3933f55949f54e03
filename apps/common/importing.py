"""Rows from a file that somebody gives: read, judged one by one, and stored all together or not at all."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.utils.translation import gettext as _

from apps.common.errors import BadInput, OrquestradorError

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
    rows = _json(text) if text.lstrip()[:1] in ("[", "{") else _csv(text)
    if not rows:
        raise BadInput(_("There is nothing in the file."), field="file")
    if len(rows) > MOST_ROWS:
        raise BadInput(_("At most %(most)s rows are taken from one file.") % {"most": MOST_ROWS}, field="file")
    return rows


def _json(text: str) -> list[dict[str, Any]]:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(_("This is not JSON: %(error)s") % {"error": error}, field="file") from error
    found = [found] if isinstance(found, dict) else found
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        raise BadInput(_("The file is a list of objects."), field="file")
    return found


def _csv(text: str) -> list[dict[str, Any]]:
    try:
        reader = csv.DictReader(io.StringIO(text), strict=True)
        return [{str(name).strip(): (value or "").strip() for name, value in row.items() if name} for row in reader]
    except csv.Error as error:
        raise BadInput(_("This is not CSV: %(error)s") % {"error": error}, field="file") from error


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
