"""Typed events inside one process: how a lower app tells those above it what happened, without knowing them.

An event is a frozen dataclass in the publishing app's `contract.py`. Handlers run at once, in the order in which they
subscribed and in the caller's transaction: a handler that fails undoes the change it was told about.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar

Event = TypeVar("Event")
_handlers: defaultdict[type, list[Callable[[Any], None]]] = defaultdict(list)


def subscribe(event_class: type[Event], handler: Callable[[Event], None]) -> None:
    """Have `handler` called with every published event of exactly this class; subscribing twice changes nothing."""
    if handler not in _handlers[event_class]:
        _handlers[event_class].append(handler)


def publish(event: object) -> None:
    """Call every subscriber of the event's class; whatever a handler raises goes to the caller."""
    for handler in tuple(_handlers[type(event)]):
        handler(event)
