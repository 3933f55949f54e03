"""`./orq score NAME`: reads JSON lines from standard input and writes a line with its score for each, in the same order."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Iterable, Iterator
from typing import Any

from scripts.words import Stop, t

# Each module has `score_lines`: an iterator of what to write, one for each record.
SCORERS = {
    "complexity": "apps.tasks.engine.complexity.score",
    "confidence": "apps.tasks.engine.trust.score",
    "hallucination": "apps.tasks.engine.hallucination.score",
}


def main(arguments: list[str]) -> int:
    if len(arguments) != 1 or arguments[0] not in SCORERS:
        raise Stop(t("Usage: ./orq score {names} < LINES.jsonl", names="|".join(SCORERS)))
    score_lines = importlib.import_module(SCORERS[arguments[0]]).score_lines
    for scored in score_lines(records(sys.stdin)):
        sys.stdout.write(json.dumps(scored, ensure_ascii=False) + "\n")
    return 0


def records(stream: Iterable[str]) -> Iterator[dict[str, Any]]:
    """The JSON objects of a stream of lines; empty lines are passed over."""
    for number, text in enumerate(stream, 1):
        if text.strip():
            yield _record(text, number)


def _record(text: str, number: int) -> dict[str, Any]:
    try:
        record = json.loads(text)
    except ValueError as error:
        raise Stop(t("Line {number} is not JSON: {cause}.", number=number, cause=error)) from error
    if not isinstance(record, dict):
        raise Stop(t("Line {number} is not a JSON object.", number=number))
    return _Record(record, line=number)


class _Record(dict[str, Any]):
    """A record that says which line it came from when a field is missing."""

    def __init__(self, values: dict[str, Any], *, line: int) -> None:
        super().__init__(values)
        self.line = line

    def __missing__(self, field: str) -> Any:
        raise Stop(t("Line {number} has no {field}.", number=self.line, field=field))
