"""Sentences that are stored, and read in the language of whoever reads them.

`from apps.common.said import gettext as _` in place of Django's: `_("…") % {…}` gives the same text, which a column
of `said_columns` stores as what it was made of and gives back in the language of now. Texts of others, and of earlier
versions, are stored and given back as they are.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from django.utils import translation

from apps.common.contract import MARK, Said, joined, packed

__all__ = ["MARK", "Said", "gettext", "joined", "ngettext", "packed", "plain", "unpacked"]

_WIDE = re.compile(r"%(\([^)]*\))?[^%a-zA-Z]*(\d{3}|\*)")  # asks for hundreds of characters: no sentence of ours


def gettext(message: str) -> Said:
    return Said.of(translation.gettext(message), {"say": message})


def ngettext(singular: str, plural: str, number: int) -> Said:
    return Said.of(translation.ngettext(singular, plural, number), {"say": [singular, plural, number]})


def plain(value: Any) -> Any:
    """Frozen values of the engine as lists, mappings and texts, in which sentences stay what they are."""
    return unpacked(msgspec.to_builtins(value, enc_hook=packed))


def unpacked(value: Any) -> Any:
    """What `packed` made, as sentences in the language of now; anything else as it is."""
    if isinstance(value, str):
        return _read(value) if value.startswith(MARK) else value
    if isinstance(value, Mapping):
        return {name: unpacked(one) for name, one in value.items()}
    return [unpacked(one) for one in value] if isinstance(value, (list, tuple)) else value


def _read(stored: str) -> str:
    try:
        return _spoken(json.loads(stored[len(MARK) :]))
    except (ValueError, TypeError, KeyError, RecursionError):
        return stored[len(MARK) :]  # cut, or none of ours: better seen than lost


def _spoken(told: dict[str, Any]) -> Said:
    if "all" in told:
        return joined([_value(part) for part in told["all"]], told["by"])
    say = told["say"]
    if _WIDE.search(str(say)):
        raise ValueError("this is no sentence of ours")
    sentence = gettext(say) if isinstance(say, str) else ngettext(*say)
    if "with" not in told:
        return sentence
    values = told["with"]
    if isinstance(values, dict):
        return sentence % {name: _value(value) for name, value in values.items()}
    return sentence % tuple(_value(value) for value in values)


def _value(value: Any) -> Any:
    return _spoken(value) if isinstance(value, dict) else value
