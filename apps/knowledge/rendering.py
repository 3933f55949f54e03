"""Filling in a template: plain text for plain places. Nothing in a template or a value is ever run."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from apps.common.errors import BadInput

PLACE = re.compile(r"\{\{\s*([A-Za-z][A-Za-z0-9_]{0,39})\s*\}\}")
LONGEST_VALUE_CHARS = 400_000
_NUMBER = re.compile(r"[+-]?\d+([.,]\d+)?")


def places(body: str) -> list[str]:
    """The names of the places in a text, in their order, each once."""
    return list(dict.fromkeys(match[1] for match in PLACE.finditer(body)))


def rendered(body: str, variables: Sequence[Mapping[str, Any]], values: Mapping[str, Any]) -> str:
    """The text with its places filled in. What a value says is taken as it is: places in it stay as they are.

    Raises BadInput with an error for each value that is missing, unknown or of the wrong kind.
    """
    errors = [_problem("values", name, _("The template has no “%s”.") % name) for name in _unknown(variables, values)]
    filled: dict[str, str] = {}
    for variable in variables:
        try:
            filled[variable["name"]] = _value(variable, values.get(variable["name"]))
        except BadInput as error:
            errors.append(_problem("values", variable["name"], error.message))
    if errors:
        raise BadInput(" ".join(error["message"] for error in errors), errors=errors)
    return PLACE.sub(lambda match: filled.get(match[1], match[0]), body)


def label_of(variable: Mapping[str, Any]) -> str:
    """What people are asked for."""
    return variable.get("label") or variable["name"].replace("_", " ").capitalize()


def _unknown(variables: Iterable[Mapping[str, Any]], values: Mapping[str, Any]) -> list[str]:
    return sorted(set(values) - {variable["name"] for variable in variables})


def _value(variable: Mapping[str, Any], given: Any) -> str:
    value = "" if given is None else str(given).replace("\x00", "")
    value = value if value.strip() else variable.get("default", "")
    label = label_of(variable)
    if not value.strip() and variable.get("required", True):
        raise BadInput(_("Fill in “%s”.") % label)
    if len(value) > LONGEST_VALUE_CHARS:
        raise BadInput(_("“%(label)s” has at most %(most)s characters.") % {"label": label, "most": LONGEST_VALUE_CHARS})
    if value and variable["kind"] == "number" and not _NUMBER.fullmatch(value.strip()):
        raise BadInput(_("“%s” is a number.") % label)
    if value and variable["kind"] == "choice" and value not in variable["choices"]:
        raise BadInput(_("“%(label)s” is one of: %(choices)s.") % {"label": label, "choices": ", ".join(variable["choices"])})
    return value


def _problem(field: str, name: str, message: str) -> dict[str, str]:
    return {"field": f"{field}.{name}", "code": "invalid", "message": message}
