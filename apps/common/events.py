"""Typed events inside one process: how a lower app tells those above it what happened, without knowing them.

An event is a frozen dataclass in the publishing app's `contract.py`, or here where a lower app listens to a higher one.
Handlers run at once, in the order in which they subscribed and in the caller's transaction: a handler that fails undoes
the change it was told about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar
from uuid import UUID

Event = TypeVar("Event")
_handlers: defaultdict[type, list[Callable[[Any], None]]] = defaultdict(list)


@dataclass(frozen=True, slots=True)
class AnswerRated:
    """A person said what they think of a routed answer; published inside the transaction that keeps the thumb.

    `execution_public_id` is that of the answer's `TaskExecution`, `person_id` the internal key of the user. `thumb`: 1 good,
    -1 bad, 0 taken back.
    """

    execution_public_id: UUID
    person_id: int
    thumb: Literal[1, -1, 0]


def subscribe(event_class: type[Event], handler: Callable[[Event], None]) -> None:
    """Have `handler` called with every published event of exactly this class; subscribing twice changes nothing."""
    if handler not in _handlers[event_class]:
        _handlers[event_class].append(handler)


def publish(event: object) -> None:
    """Call every subscriber of the event's class; whatever a handler raises goes to the caller."""
    for handler in tuple(_handlers[type(event)]):
        handler(event)
