"""What the way to a model tells besides the words of an answer. The AI stays the same; only where it is asked changes."""

from __future__ import annotations

from dataclasses import dataclass

from apps.providers.contract import Completion
from apps.tasks.engine.types import ModelRef


@dataclass(frozen=True, slots=True)
class Moved:
    """From here on the same model answers at another server.

    `was_asked`: the first one was asked and failed, of `code`; `partial` is what it had given and `latency_ms` how long it took.
    With `after_first_token` those words are void, and a delta that says so follows. Otherwise the other one was just less busy.
    """

    from_model: ModelRef
    to_model: ModelRef
    code: str = ""
    message: str = ""
    was_asked: bool = False
    after_first_token: bool = False
    partial: Completion | None = None
    latency_ms: int = 0


@dataclass(frozen=True, slots=True)
class Queued:
    """Every server of the model is as busy as it may be: the call waits for a free place, at most `at_most_s` seconds."""

    model: ModelRef
    at_most_s: float
