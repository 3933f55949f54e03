"""What known models accept, from the dated file that ships with the product."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent / "data" / "accepts.json"


def known_of(kind: str, key: str) -> dict[str, Any]:
    """Names and values as in `contract.ACCEPTS` of the vendor's own model; {} when the file does not know it."""
    name = key.strip().lower().removeprefix("models/")
    known: dict[str, Any] = {}
    for pattern, accepts in _rows().get(kind, ()):
        if pattern.search(name):
            known |= accepts
    return known


def source() -> str:
    """Where it comes from and of when it is, for people."""
    file = _file()
    return f"{file['source']} ({file['date']})"


@cache
def _file() -> dict[str, Any]:
    return json.loads(FILE.read_text(encoding="utf-8"))


@cache
def _rows() -> dict[str, list[tuple[re.Pattern[str], dict[str, Any]]]]:
    rows: dict[str, list[tuple[re.Pattern[str], dict[str, Any]]]] = {}
    for row in _file()["models"]:
        rows.setdefault(row["kind"], []).append((re.compile(row["pattern"]), row["accepts"]))
    return rows
