"""Telling the pages that look at a trial what happens to it."""

from __future__ import annotations

from apps.common import live
from apps.providers.models import Benchmark, ComparisonAnswer, Trial


def topic_of(trial: Trial) -> str:
    return f"{'benchmark' if isinstance(trial, Benchmark) else 'compare'}:{trial.public_id}"


def changed(trial: Trial) -> None:
    """That it is to be read again. The web processes read, if anybody looks on."""
    topic = topic_of(trial)
    live.publish(topic, f"{topic.partition(':')[0]}:changed", {})


def said(trial: Trial, column: ComparisonAnswer, at: int, delta: str, *, restarted: bool) -> None:
    """A piece of an answer on its way; `at` is where it belongs, counted in UTF-16 units."""
    text = {"column": column.position, "at": at, "delta": delta, "restarted": restarted}
    live.publish(topic_of(trial), "compare:update", {"event": "text", "text": text})
