"""Stored JSON as the dataclasses that it was made of."""

from __future__ import annotations

import threading
from typing import Any, TypeVar

import msgspec

T = TypeVar("T")

_known: set[Any] = set()
_one_at_a_time = threading.Lock()


def converted(stored: Any, shape: type[T]) -> T:
    """`stored` as a `shape`; numbers and dates may be written as texts. Raises msgspec.ValidationError where it does not fit.

    msgspec looks through a dataclass when it meets it first, and keeps what it finds before that is whole: a second thread that
    comes in between ends the process (0.22, segmentation fault, 2026-11-21). So each shape is met by one thread alone.
    """
    if shape not in _known:
        with _one_at_a_time:
            msgspec.json.Decoder(shape)
            _known.add(shape)
    return msgspec.convert(stored, shape, strict=False)
