"""What `./orq score complexity` writes for each prompt."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from apps.tasks.engine.complexity.estimate import estimate


def score_lines(records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """{"id", "prompt"} -> {"id", "score"}, one for each record, in order."""
    for record in records:
        yield {"id": record["id"], "score": estimate(str(record["prompt"])).score}
