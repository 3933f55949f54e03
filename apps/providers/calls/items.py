"""What a call tells besides words of an answer."""

from __future__ import annotations

from dataclasses import dataclass

from apps.providers.contract import Completion
from apps.providers.models import AIModel


@dataclass(frozen=True, slots=True)
class Waiting:
    """All servers of the model are as busy as they may be; the call waits for a place, at most `at_most_s` seconds."""

    model: AIModel
    at_most_s: float


@dataclass(frozen=True, slots=True)
class Switched:
    """From here on `to_model` answers instead of `from_model`: another model, or the same one at another server.

    `error_code` and `reason` say why the first one does not; both are "" when another server of the model was merely less busy.
    `was_asked`: its call failed and is to be recorded: `partial` is what had come, `latency_ms` how long it took.
    With `after_first_token` the words that were given are void, and Delta(restarted=True) follows.
    """

    from_model: AIModel
    to_model: AIModel
    error_code: str = ""
    reason: str = ""
    after_first_token: bool = False
    was_asked: bool = False
    partial: Completion | None = None
    latency_ms: int = 0
