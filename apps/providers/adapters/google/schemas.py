"""JSON Schema as Google's `responseSchema` and function parameters take it: a part of OpenAPI's schema.

Fields from Google's reference of the Schema object (v1beta, read 2026-11-20). What is left out here is still checked in the
answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_TYPES = {
    "string": "STRING",
    "number": "NUMBER",
    "integer": "INTEGER",
    "boolean": "BOOLEAN",
    "array": "ARRAY",
    "object": "OBJECT",
}
_KEPT = ("title", "description", "minItems", "maxItems", "minLength", "maxLength", "minimum", "maximum", "pattern")
_FORMATS = {"STRING": ("date-time",), "NUMBER": ("float", "double"), "INTEGER": ("int32", "int64")}
_DEEPEST = 24  # references are written out in full, so one that leads back to itself would have no end


class _CannotBeSaid(Exception):
    """Something that this part of OpenAPI has no words for."""


def google_schema(schema: Mapping[str, Any]) -> dict[str, Any] | None:
    """The schema in Google's words; None when it means something that cannot be said there."""
    definitions = {**schema.get("definitions", {}), **schema.get("$defs", {})}
    try:
        return _said(schema, definitions, 0)
    except _CannotBeSaid:
        return None


def _said(schema: Any, definitions: Mapping[str, Any], depth: int) -> dict[str, Any]:
    if not isinstance(schema, Mapping) or depth > _DEEPEST:
        raise _CannotBeSaid
    schema = _written_out(schema, definitions)
    choices = [part for name in ("anyOf", "oneOf") for part in schema.get(name, ())]
    if choices:
        return _choice(schema, choices, definitions, depth)
    kind, is_nullable = _type_of(schema)
    said = {name: schema[name] for name in _KEPT if name in schema}
    said["type"] = kind
    if is_nullable:
        said["nullable"] = True
    if schema.get("format") in _FORMATS.get(kind, ()):
        said["format"] = schema["format"]
    if kind == "STRING":
        said |= _allowed_words(schema)
    elif kind == "ARRAY":
        said["items"] = _said(schema.get("items"), definitions, depth + 1)
    elif kind == "OBJECT":
        said |= _properties(schema, definitions, depth)
    return said


def _written_out(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any]:
    """Without a reference, and without an `allOf` of one."""
    for _step in range(_DEEPEST):
        if "$ref" in schema:
            name = str(schema["$ref"]).removeprefix("#/$defs/").removeprefix("#/definitions/")
            target = definitions.get(name)
        elif "allOf" in schema:
            parts = schema["allOf"]
            target = parts[0] if len(parts) == 1 else None
        else:
            return schema
        if not isinstance(target, Mapping):
            raise _CannotBeSaid
        schema = {**target, **{key: value for key, value in schema.items() if key not in ("$ref", "allOf")}}
    raise _CannotBeSaid


def _choice(schema: Mapping[str, Any], choices: list[Any], definitions: Mapping[str, Any], depth: int) -> dict[str, Any]:
    if "properties" in schema:
        raise _CannotBeSaid
    others = [part for part in choices if not (isinstance(part, Mapping) and part.get("type") == "null")]
    said = [_said(part, definitions, depth + 1) for part in others]
    if not said:
        raise _CannotBeSaid
    whole: dict[str, Any] = said[0] if len(said) == 1 else {"anyOf": said}
    if len(others) < len(choices):
        whole["nullable"] = True
    return whole | {name: schema[name] for name in ("title", "description") if name in schema}


def _type_of(schema: Mapping[str, Any]) -> tuple[str, bool]:
    kinds = schema.get("type") or _implied_type(schema)
    kinds = [kinds] if isinstance(kinds, str) else kinds if isinstance(kinds, list) else []
    named = [kind for kind in kinds if kind != "null"]
    if len(named) != 1 or named[0] not in _TYPES:
        raise _CannotBeSaid
    return _TYPES[named[0]], len(named) < len(kinds)


def _implied_type(schema: Mapping[str, Any]) -> str:
    if "properties" in schema:
        return "object"
    allowed = schema.get("enum", [schema.get("const")])
    return "string" if all(isinstance(word, str) for word in allowed) else ""


def _allowed_words(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Only texts can be listed there."""
    allowed = [schema["const"]] if "const" in schema else schema.get("enum")
    words = [word for word in allowed or () if isinstance(word, str)]
    return {"enum": words, "format": "enum"} if words else {}


def _properties(schema: Mapping[str, Any], definitions: Mapping[str, Any], depth: int) -> dict[str, Any]:
    properties = schema.get("properties")
    if not properties or isinstance(schema.get("additionalProperties"), Mapping):
        raise _CannotBeSaid
    said = {name: _said(part, definitions, depth + 1) for name, part in properties.items()}
    required = [name for name in schema.get("required", ()) if name in said]
    return {"properties": said, "propertyOrdering": list(said), **({"required": required} if required else {})}
