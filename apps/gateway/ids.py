"""Names for calls and requests that no other process gives out, made without asking the system for each."""

from __future__ import annotations

import itertools
import os
from uuid import UUID

_VARIANT, _VERSION = 0x8000_0000_0000_0000, 0x8000  # a UUID of version 8: its bits are the maker's own


class _Names:
    """122 bits: 82 random ones of this process, and a number."""

    def __init__(self) -> None:
        random = int.from_bytes(os.urandom(12), "big")
        self._high = (random >> 48) << 80 | (random >> 36 & 0xFFF) << 64
        self._low = (random & 0x3F_FFFF) << 40
        self._numbers = itertools.count(int.from_bytes(os.urandom(4), "big"))

    def next(self) -> UUID:
        number = next(self._numbers) & 0xFF_FFFF_FFFF
        return UUID(int=self._high | _VERSION << 64 | _VARIANT | self._low | number)


_names = _Names()


def new_id() -> UUID:
    """Unlike any other, though not hard to guess: for names, never for secrets."""
    return _names.next()


def _begin_anew() -> None:
    global _names
    _names = _Names()


os.register_at_fork(after_in_child=_begin_anew)
