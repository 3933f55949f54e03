"""Answers as JSON: taken out, checked, and asked for again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.providers.adapters.schema import is_strict_schema
from apps.providers.contract import Delta, Usage
from apps.providers.errors import BadRequest, RateLimited, SchemaMismatch
from tests.providers.compatible import REQUEST, adapter_at, complete, stream
from tests.servers.bytes_server import JSON, SSE, BytesServer, answer, event, reply, whole, words

SCHEMA = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"], "additionalProperties": False}
ASK = replace(REQUEST, json_schema=SCHEMA)


def said(text: str) -> tuple:
    return whole(JSON, answer(text))


@pytest.mark.parametrize(
    "text",
    [
        '{"n": 1}', '  {"n": 1}\n', '```json\n{"n": 1}\n```', 'Sure!\n```\n{"n": 1}\n```\nAnything else?',
        'The answer is {"n": 1}.',
        'First {"x": 2}, no: {"n": 1}', 'I use {braces} and [1]: {"n": 1}',
        '```json\n{"n": "no"}\n```\n```json\n{"n": 1}\n```',
    ],
)  # fmt: skip
async def test_json_is_found_in_what_the_model_wrote(text):
    result = await complete(said(text), request=ASK)
    assert result.data == {"n": 1} and result.text == text and result.attempts == 1


async def test_the_schema_is_sent_with_strict_where_it_is_strict():
    async with BytesServer(said('{"n": 1}')) as server, adapter_at(server) as adapter:
        await adapter.complete(ASK)
        await adapter.complete(replace(ASK, json_schema={"type": "object"}, schema_name="plan"))
    first, second = (request.json["response_format"] for request in server.requests)
    assert first == {"type": "json_schema", "json_schema": {"name": "answer", "schema": SCHEMA, "strict": True}}
    assert (second["json_schema"]["name"], second["json_schema"]["strict"]) == ("plan", False)


async def test_an_answer_that_does_not_fit_is_asked_for_again_with_the_reason():
    async with BytesServer(said('{"n": "one"}'), said('{"n": 1}')) as server, adapter_at(server) as adapter:
        result = await adapter.complete(ASK)
    assert result.data == {"n": 1} and result.attempts == 2
    assert result.usage == Usage(6, 4)
    *_, repeated, correction = server.requests[1].json["messages"]
    assert repeated == {"role": "assistant", "content": '{"n": "one"}'}
    assert "$.n" in correction["content"] and "integer" in correction["content"]


async def test_each_repeat_corrects_the_question_and_not_the_correction():
    async with BytesServer(said("no"), said("never"), said('{"n": 1}')) as server, adapter_at(server) as adapter:
        assert (await adapter.complete(ASK)).attempts == 3
    assert [len(request.json["messages"]) for request in server.requests] == [1, 3, 3]


@pytest.mark.parametrize("text", ["no json", '{"n": NaN}', '{"n": "1"}', "[" * 5000, '{"n": 1, "m": 2}'])
async def test_a_model_that_does_not_learn_is_a_mismatch_that_keeps_answer_and_cost(text):
    with pytest.raises(SchemaMismatch) as caught:
        await complete(said(text), request=ASK)
    partial = caught.value.extra["partial"]
    assert (partial.text, partial.usage, partial.attempts) == (text, Usage(9, 6), 3)


async def test_a_stream_says_that_it_begins_again():
    def streamed(text):
        return reply(SSE, event(words(text)), event(words(finish="stop")))

    deltas, last = await stream(streamed("no"), streamed('{"n": 1}'), request=ASK)
    assert deltas == [Delta("no"), Delta(restarted=True), Delta('{"n": 1}')]
    assert last.data == {"n": 1}


async def test_the_cost_of_earlier_answers_is_not_lost_when_a_later_one_fails():
    refused = whole({"retry-after": "9999"}, "", status="429 No")
    with pytest.raises(RateLimited) as caught:
        await complete(said("no"), refused, request=ASK)
    assert caught.value.extra["usage"] == Usage(3, 2)


async def test_a_tool_call_instead_of_json_is_an_answer():
    calls = [{"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}]
    result = await complete(whole(JSON, answer(None, tool_calls=calls)), request=ASK)
    assert result.tool_calls and result.data is None


@pytest.mark.parametrize("schema", [{"type": "banana"}, {"$ref": "http://127.0.0.1:9/schema.json"}, {"$ref": "#/$defs/missing"}])
async def test_a_schema_that_cannot_be_used_is_refused_and_nothing_is_fetched(schema, monkeypatch):
    fetched = []
    monkeypatch.setattr("urllib.request.urlopen", fetched.append)
    with pytest.raises(BadRequest):
        await complete(said("{}"), request=replace(REQUEST, json_schema=schema))
    assert fetched == []


def test_strict_needs_closed_objects_with_all_properties_required():
    assert is_strict_schema(SCHEMA)
    assert is_strict_schema({"type": "array", "items": SCHEMA})
    assert not is_strict_schema({"type": "array", "items": {**SCHEMA, "required": []}})
    assert not is_strict_schema({**SCHEMA, "additionalProperties": True})
    assert not is_strict_schema({"anyOf": [SCHEMA, {"type": "object"}]})
