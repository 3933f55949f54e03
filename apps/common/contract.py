"""Sentences that remember how they were made, so that what is stored of them can be read in another language later.

Pure: the engine says its own sentences with `say`. What asks the catalogue of translations is in `apps/common/said.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any, SupportsIndex

MARK = "\x1e"  # begins a stored sentence; no keyboard has it


class Said(str):
    """A sentence in one language, and `told`, of which it can be made in any other.

    `told` is {"say": msgid, "with": values}, {"say": [one, many, n], "with": values} or {"all": parts, "by": separator}.
    Whoever knows nothing of it has an ordinary text: put together in another way than by `%` or `joined` it gives a plain one.
    """

    told: dict[str, Any]

    @classmethod
    def of(cls, text: str, told: dict[str, Any]) -> Said:
        said = cls(text)
        said.told = told
        return said

    def __mod__(self, values: Any) -> Said:
        return Said.of(str.__mod__(self, values), {**self.told, "with": _kept(values)})

    def __getitem__(self, key: SupportsIndex | slice) -> str:
        part = str.__getitem__(self, key)
        return self if len(part) == len(self) else part  # cut to a length that it has not, it stays what it is


def say(msgid: str) -> Said:
    """A sentence of code that knows no language but English; imported as `_`, so that the collector of texts finds it."""
    return Said.of(msgid, {"say": msgid})


def joined(parts: Iterable[str], by: str = " ") -> Said:
    parts = list(parts)
    return Said.of(by.join(str(part) for part in parts), {"all": [_value(part) for part in parts], "by": by})


def packed(value: Any) -> Any:
    """What is stored for a value: a sentence that remembers as marked JSON; in lists and mappings likewise."""
    if isinstance(value, Said):
        return MARK + json.dumps(value.told, ensure_ascii=False)
    if isinstance(value, Mapping):
        return {name: packed(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [packed(one) for one in value]
    return value


def as_text(value: Any) -> str:
    """For encoders that know no kind of text but the plain one. For all else it raises what msgspec asks of its `enc_hook`."""
    if isinstance(value, str):
        return str(value)
    raise NotImplementedError(f"{type(value)} is no text")


def _kept(values: Any) -> Any:
    if isinstance(values, Mapping):
        return {name: _value(value) for name, value in values.items()}
    return [_value(value) for value in values] if isinstance(values, tuple) else [_value(values)]


def _value(value: Any) -> Any:
    if isinstance(value, Said):
        return value.told
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)
