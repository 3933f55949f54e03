"""Answers as JSON: taken out of what the model wrote, checked against the schema, asked for again when they do not fit."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import replace
from functools import lru_cache
from typing import Any

from jsonschema import Draft202012Validator
from jsonschema.exceptions import SchemaError, best_match
from referencing import Registry
from referencing.exceptions import Unresolvable

from apps.common.said import gettext as _
from apps.providers.contract import ChatRequest, Completion, Delta, Message, Usage
from apps.providers.errors import BadRequest, ProviderError, SchemaMismatch

REPAIRS = 2
_FENCE = re.compile(r"```[a-zA-Z]*\s*\n(.*?)```", re.DOTALL)
_JSON_ONLY = "Answer with JSON only, without any other text and without a code fence. It must fit this JSON schema:"
_BEGINNINGS = 30  # how many braces in a text are tried as the beginning of the JSON

Ask = Callable[[ChatRequest], AsyncGenerator[Delta | Completion]]


async def answer_in_schema(request: ChatRequest, ask: Ask, *, repairs: int = REPAIRS) -> AsyncGenerator[Delta | Completion]:
    """What `ask` yields for `request`, until the Completion fits the schema; its `data` is then the parsed JSON.

    Before each repeat comes Delta(restarted=True). Usage is that of all requests together, since all are paid.
    Raises SchemaMismatch, whose `extra["partial"]` is the last answer.
    """
    schema = request.json_schema or {}
    validator = _validator(schema)
    asked, spent = request, Usage()
    for remaining in range(repairs, -1, -1):
        try:
            async with aclosing(ask(asked)) as pieces:
                async for piece in pieces:
                    if isinstance(piece, Delta):
                        yield piece
                    else:
                        answer = piece
        except ProviderError as error:
            _add_usage(error, spent)
            raise
        spent += answer.usage
        answer = replace(answer, usage=spent)
        data, problem = (None, "") if answer.tool_calls else _read(answer.text, validator)
        if not problem:
            yield replace(answer, data=data)
            return
        if not remaining:
            raise _mismatch(answer, problem)
        asked = _ask_again(request, answer.text, problem, schema)
        yield Delta(restarted=True)


def is_strict_schema(schema: Any) -> bool:
    """Whether OpenAI takes it with `strict`: every object closed, and all of its properties required."""
    if isinstance(schema, list):
        return all(is_strict_schema(item) for item in schema)
    if not isinstance(schema, Mapping):
        return True
    if schema.get("type") == "object" or "properties" in schema:
        properties = schema.get("properties", {})
        if schema.get("additionalProperties") is not False or set(schema.get("required", ())) != set(properties):
            return False
    return all(is_strict_schema(value) for value in schema.values())


def schema_in_words(schema: Mapping[str, Any]) -> str:
    """The request for JSON as text, for servers that have no parameter for it."""
    return f"{_JSON_ONLY}\n{json.dumps(schema, ensure_ascii=False)}"


def _validator(schema: Mapping[str, Any]) -> Draft202012Validator:
    return _validator_of(json.dumps(schema))


@lru_cache(maxsize=64)
def _validator_of(text: str) -> Draft202012Validator:
    schema = json.loads(text)
    try:
        Draft202012Validator.check_schema(schema)
    except SchemaError as error:
        raise BadRequest(_("The JSON schema of the request is not valid: %s") % error.message) from error
    return Draft202012Validator(schema, registry=Registry())  # the empty registry fetches no remote schema


def _read(text: str, validator: Draft202012Validator) -> tuple[Any, str]:
    """(data, ""), or (None, what is wrong) of the best candidate in the text."""
    problem = "The answer holds no JSON."
    for data in _candidates(text):
        try:
            error = best_match(validator.iter_errors(data))
        except Unresolvable as unresolvable:
            raise BadRequest(_("The JSON schema of the request refers to something that it does not hold.")) from unresolvable
        if error is None:
            return data, ""
        if problem.startswith("The answer holds"):
            problem = f"At {error.json_path}: {error.message[:300]}"
    return None, problem


def _candidates(text: str) -> list[Any]:
    """What may be meant by the text: all of it, then fenced blocks, then JSON amid prose."""
    found = []
    for whole in (text, *_FENCE.findall(text)):
        try:
            found.append(json.loads(whole, parse_constant=_refuse_constant))
        except (ValueError, RecursionError):
            continue
    return found or _amid_prose(text)


def _amid_prose(text: str) -> list[Any]:
    decoder = json.JSONDecoder(parse_constant=_refuse_constant)
    found, position = [], 0
    for _attempt in range(_BEGINNINGS):
        begins = re.compile(r"[\[{]").search(text, position)
        if not begins:
            break
        try:
            data, position = decoder.raw_decode(text, begins.start())
            found.append(data)
        except (ValueError, RecursionError):
            position = begins.start() + 1
    return found


def _refuse_constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _ask_again(request: ChatRequest, answer: str, problem: str, schema: Mapping[str, Any]) -> ChatRequest:
    correction = f"Your answer could not be used. {problem}\n{schema_in_words(schema)}"
    said = (Message("assistant", answer),) if answer.strip() else ()
    return replace(request, messages=(*request.messages, *said, Message("user", correction)))


def _mismatch(answer: Completion, problem: str) -> SchemaMismatch:
    return SchemaMismatch(
        _("The model %(model)s did not answer in the form asked for, also after being told: %(problem)s")
        % {"model": answer.model, "problem": problem},
        partial=answer,
        attempts=answer.attempts,
    )


def _add_usage(error: ProviderError, usage: Usage) -> None:
    """What earlier requests of the same call cost is not lost when a later one fails."""
    partial = error.extra.get("partial")
    if isinstance(partial, Completion):
        error.extra["partial"] = replace(partial, usage=partial.usage + usage)
    elif usage != Usage():
        error.extra["usage"] = usage
