"""`./orq score hallucination`: JSON lines in, JSON lines out."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from apps.tasks.engine.hallucination.assess import assess


def score_lines(records: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """From `{"id", "question"?, "context"?, "answer", "samples"?}` to `{"id", "score", "factors"}`, in the same order.

    `score`: 0-100, higher = more likely hallucinated. `factors`: points that each detector added or took. `context`: a text or
    a list of texts.
    """
    for record in records:
        found = assess(
            record["answer"] or "",
            question=record.get("question") or "",
            sources=_texts(record.get("context")),
            samples=_texts(record.get("samples")),
        )
        yield {
            "id": record["id"],
            "score": found.score,
            "factors": {factor.name: factor.contribution for factor in found.factors},
        }


def _texts(value: Any) -> tuple[str, ...]:
    if not value:
        return ()
    return (value,) if isinstance(value, str) else tuple(str(item) for item in value)
