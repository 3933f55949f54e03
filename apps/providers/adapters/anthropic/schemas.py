"""The part of JSON Schema that Anthropic's structured output takes.

Objects must be closed, and bounds of numbers, texts and lists are refused (third-party copies of Anthropic's documentation of
structured outputs, read 2026-11-20; its SDKs take them out the same way). What is taken out here is checked in the answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_KEPT = {
    "type", "title", "description", "enum", "const", "anyOf", "allOf", "$ref", "$defs", "definitions",
    "properties", "required", "items", "format", "default",
}  # fmt: skip
_FORMATS = {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
_NAMED = ("properties", "$defs", "definitions")


def closed_schema(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema as structured output takes it; None when it means something that cannot be said there."""
    try:
        return None if _refers_to_itself(schema) else _closed(schema)
    except _CannotBeSaid:
        return None


class _CannotBeSaid(Exception):
    """An object with properties of any name, or a schema of another form than an object."""


def _closed(schema: Any) -> dict[str, Any]:
    if not isinstance(schema, Mapping) or "oneOf" in schema or "not" in schema:
        raise _CannotBeSaid
    closed: dict[str, Any] = {}
    for name, value in schema.items():
        if name in _NAMED:
            closed[name] = {key: _closed(part) for key, part in value.items()}
        elif name in ("anyOf", "allOf"):
            closed[name] = [_closed(part) for part in value]
        elif name == "items":
            closed[name] = _closed(value)
        elif name == "minItems" and value in (0, 1):
            closed[name] = value
        elif name == "format" and value not in _FORMATS:
            continue
        elif name in _KEPT:
            closed[name] = value
    if _is_object(schema):
        if schema.get("additionalProperties", False) is not False or not schema.get("properties"):
            raise _CannotBeSaid
        closed["additionalProperties"] = False
    return closed


def _is_object(schema: Mapping[str, Any]) -> bool:
    kind = schema.get("type")
    return kind == "object" or (isinstance(kind, list) and "object" in kind) or "properties" in schema


def _refers_to_itself(schema: Mapping[str, Any]) -> bool:
    """Whether a definition leads back to itself, or a reference leads out of the schema or to its root."""
    definitions = {**schema.get("definitions", {}), **schema.get("$defs", {})}
    leads_to = {name: _references(part) for name, part in definitions.items()}
    if not _references(schema) <= set(definitions):
        return True
    return any(name in _reachable(name, leads_to) for name in definitions)


def _references(part: Any) -> set[str]:
    if isinstance(part, list):
        return {name for item in part for name in _references(item)}
    if not isinstance(part, Mapping):
        return set()
    own = {str(part["$ref"]).removeprefix("#/$defs/").removeprefix("#/definitions/")} if "$ref" in part else set()
    return own.union(*(_references(value) for value in part.values()))


def _reachable(start: str, leads_to: Mapping[str, set[str]]) -> set[str]:
    found: set[str] = set()
    following = set(leads_to[start])
    while following:
        found |= following
        following = {name for seen in following for name in leads_to.get(seen, set())} - found
    return found
