"""What `./orq score confidence` writes for each answer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from apps.tasks.engine.trust.assess import assess


def score_lines(records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """{"id", "prompt", "answer"} -> {"id", "score"}, one for each record, in order."""
    for record in records:
        yield {"id": record["id"], "score": assess(str(record["prompt"]), str(record["answer"])).score}
