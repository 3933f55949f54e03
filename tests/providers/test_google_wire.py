"""What Google's server may send, byte by byte, and what is sent to it."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import pytest

from apps.providers.adapters.failures import http_failure
from apps.providers.adapters.google.schemas import google_schema
from apps.providers.adapters.google.wire import api_base, model_path
from apps.providers.contract import ChatRequest, Message, ToolCall, Usage
from apps.providers.errors import (
    AuthenticationFailed,
    BadRequest,
    ContentFiltered,
    ContextTooLong,
    EmptyAnswer,
    Interrupted,
    MalformedAnswer,
    NotAnApi,
    OutOfCredit,
    Overloaded,
    ProviderError,
    ProviderTimeout,
    RateLimited,
)
from tests.providers.contract import YES_OR_NO
from tests.providers.native import REQUEST, Vendor
from tests.servers.bytes_server import HOLD, HTML, JSON, RESET, SSE, BytesServer, chunked, event, reply, whole

KEY = "AIzaSyTest0123456789abcdef"
vendor = Vendor("google", KEY)
TEXT = 'Olá, 🎉 “naïve” {"a": [1]} \\ \u2028\u2029\x85 end'


def part(*parts: dict, finish: str | None = None, **fields) -> dict:
    candidate = {"content": {"role": "model", "parts": list(parts)}, "index": 0}
    return {
        "candidates": [candidate | ({"finishReason": finish} if finish else {})],
        "modelVersion": "gemini-x",
        "responseId": "r1",
        **fields,
    }


def words(text: str, *, finish: str | None = None, **fields) -> dict:
    return part({"text": text}, finish=finish, **fields)


def usage(prompt: int = 3, candidates: int = 2, **more: int) -> dict:
    return {"usageMetadata": {"promptTokenCount": prompt, "candidatesTokenCount": candidates, **more}}


def refusal(code: int, status: str, text: str = "no", *details: dict) -> dict:
    return {"error": {"code": code, "message": text, "status": status, "details": list(details)}}


PIECES = [words(TEXT[:8]), words(TEXT[8:], **usage(3, 1)), words("", finish="STOP", **usage())]
STREAM = b"".join(map(event, PIECES))
ARRAY = (
    "["
    + json.dumps(PIECES[0], indent=2)
    + "\n,\r\n"
    + json.dumps(PIECES[1], ensure_ascii=False)
    + ",\n"
    + json.dumps(PIECES[2])
    + "]\n"
).encode()
RETRY = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "13s"}
PER_MINUTE = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerMinutePerProject"}],
}
PER_DAY = {
    "@type": "type.googleapis.com/google.rpc.QuotaFailure",
    "violations": [{"quotaId": "GenerateRequestsPerDayPerProject-FreeTier"}],
}
TOO_LONG = "The input token count (9) exceeds the maximum number of tokens allowed (8)."
QUOTA = "You exceeded your current quota, please check your plan and billing details."


@pytest.mark.parametrize("raw", [STREAM, ARRAY], ids=["events", "array"])
@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 100_000])
async def test_a_stream_is_read_however_its_bytes_are_cut(raw, size):
    deltas, last = await vendor.stream(chunked(SSE, *(raw[i : i + size] for i in range(0, len(raw), size))))
    assert last.text == "".join(delta.text for delta in deltas) == TEXT
    assert (last.finish_reason, last.model, last.request_id, last.usage) == ("stop", "gemini-x", "r1", Usage(3, 2))


async def test_a_json_array_is_passed_on_piece_by_piece():
    first, second = (json.dumps(words(text)).encode() for text in "ab")
    deltas, last = await vendor.stream(
        chunked(JSON, b"[" + first, b",\n" + second, b"," + json.dumps(words("", finish="STOP")).encode() + b"]")
    )
    assert [delta.text for delta in deltas] == ["a", "b"] and last.text == "ab"


async def test_an_answer_without_a_reason_to_stop_is_interrupted_and_keeps_its_words():
    half = event(words("half an"))
    for script in (
        reply(SSE, half),
        reply(SSE, half + event(words("?", finish="STOP"))[:40]),
        chunked(SSE, half, ending=0),
        chunked(SSE, half, 0.05, ending=RESET),
        reply(JSON, b"[" + json.dumps(words("half an")).encode() + b',\n{"candid'),
        reply(JSON, b"[" + json.dumps(words("half an")).encode() + b"]"),
    ):
        with pytest.raises(Interrupted) as caught:
            await vendor.stream(script)
        assert caught.value.extra["partial"].text == "half an"


async def test_keep_alive_signals_and_unknown_fields_are_no_words():
    strange = (
        event({"holograms": [1]}) + event({"candidates": []}) + event({"candidates": [{"content": {"parts": [{"x": 1}, 3]}}]})
    )
    deltas, last = await vendor.stream(reply(SSE, b": ping\n\n", event(words("a")), strange, event(words("b", finish="STOP"))))
    assert last.text == "ab" and len(deltas) == 2


BUSY = refusal(503, "UNAVAILABLE", "The model is overloaded.")


@pytest.mark.parametrize(
    "script",
    [
        whole(JSON, BUSY),
        whole(JSON, [BUSY]),
        reply(SSE, event(BUSY)),
        reply(SSE, json.dumps(BUSY, indent=2).encode()),
        reply(SSE, b": hi\n\n", json.dumps(BUSY, indent=2).encode()),
        reply(SSE, event(words("")), json.dumps(BUSY, indent=2).replace("\n", "\r\n").encode()),
        reply(SSE, event(words("")), json.dumps(BUSY).encode(), b"\n\n"),
    ],
)
async def test_an_error_inside_a_success_is_an_error_in_every_place(script):
    with pytest.raises(Overloaded) as caught:
        await vendor.stream(script)
    assert caught.value.vendor_message == "The model is overloaded."


async def test_an_error_in_the_middle_of_a_stream_keeps_the_words():
    for script in (
        reply(SSE, event(words("so far")), event(BUSY)),
        reply(SSE, event(words("so far")), json.dumps(BUSY, indent=2).encode()),
        whole(JSON, [words("so far"), BUSY]),
    ):
        with pytest.raises(Overloaded) as caught:
            await vendor.stream(script)
        assert caught.value.extra["partial"].text == "so far"


async def test_json_without_an_end_between_events_does_not_swallow_the_answer():
    _, last = await vendor.stream(reply(SSE, event(words("a")), b"{oh no\n\n", event(words("b", finish="STOP"))))
    assert last.text == "ab"


def failure(status: int, body: object, **headers: str) -> ProviderError:
    return http_failure(
        status, headers, json.dumps(body), name="Google", url="http://g/v1beta/models/m:generateContent", secret=KEY
    )


@pytest.mark.parametrize(
    ("status", "body", "kind", "is_retried"),
    [
        (400, refusal(400, "INVALID_ARGUMENT", "Unable to submit request"), BadRequest, False),
        (400, refusal(400, "INVALID_ARGUMENT", TOO_LONG), ContextTooLong, False),
        (400, refusal(400, "INVALID_ARGUMENT", "API key not valid.", {"reason": "API_KEY_INVALID"}), AuthenticationFailed, False),
        (400, refusal(400, "FAILED_PRECONDITION", "User location is not supported for the API use."), BadRequest, False),
        (403, refusal(403, "PERMISSION_DENIED"), AuthenticationFailed, False),
        (404, refusal(404, "NOT_FOUND", "models/x is not found"), BadRequest, False),
        (429, refusal(429, "RESOURCE_EXHAUSTED", QUOTA, PER_MINUTE, RETRY), RateLimited, True),
        (429, refusal(429, "RESOURCE_EXHAUSTED", QUOTA, PER_DAY, RETRY), RateLimited, False),
        (429, refusal(429, "RESOURCE_EXHAUSTED", "Resource has been exhausted (e.g. check quota)."), RateLimited, True),
        (429, refusal(429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted."), OutOfCredit, False),
        (429, [refusal(429, "RESOURCE_EXHAUSTED", QUOTA, RETRY)], RateLimited, True),
        (500, refusal(500, "INTERNAL"), ProviderError, True),
        (503, BUSY, Overloaded, True),
        (504, refusal(504, "DEADLINE_EXCEEDED"), ProviderTimeout, True),
    ],
)  # fmt: skip
def test_every_refusal_has_its_error(status, body, kind, is_retried):
    error = failure(status, body)
    assert type(error) is kind
    assert (error.retryable, error.http_status) == (is_retried, status)


def test_how_long_to_wait_stands_in_the_body():
    assert failure(429, refusal(429, "RESOURCE_EXHAUSTED", QUOTA, PER_MINUTE, RETRY)).retry_after_s == 13
    assert failure(429, refusal(429, "RESOURCE_EXHAUSTED", "Please retry in 20.04466179s.")).retry_after_s == pytest.approx(
        20.04466179
    )


async def test_how_long_to_wait_is_also_known_when_the_limit_comes_inside_a_success():
    with pytest.raises(RateLimited) as caught:
        await vendor.stream(reply(SSE, event(refusal(429, "RESOURCE_EXHAUSTED", QUOTA, RETRY))))
    assert caught.value.retry_after_s == 13


async def test_a_vendor_that_asks_for_a_moment_gets_it():
    moment = {**RETRY, "retryDelay": "0.1s"}
    limited = whole(JSON, refusal(429, "RESOURCE_EXHAUSTED", QUOTA, PER_MINUTE, moment), status="429 Too Many Requests")
    started = time.monotonic()
    answer = await vendor.complete(limited, whole(JSON, words("hi", finish="STOP")), max_attempts=2)
    assert (answer.text, answer.attempts) == ("hi", 2) and time.monotonic() - started > 0.1


async def test_a_wrong_key_is_not_shown():
    body = refusal(400, "INVALID_ARGUMENT", f"API key not valid: {KEY}", {"reason": "API_KEY_INVALID"})
    with pytest.raises(AuthenticationFailed) as caught:
        await vendor.complete(whole(JSON, body, status="400 Bad Request"))
    assert "[redacted]" in caught.value.vendor_message
    assert KEY not in f"{caught.value} {caught.value.message} {caught.value.vendor_message}"


async def test_cancelling_closes_the_connection_at_once():
    async with BytesServer(reply(SSE, event(words("a")), HOLD)) as server, vendor.adapter_at(server) as adapter:
        seen = asyncio.Event()

        async def read():
            async for _one in adapter.stream(REQUEST):
                seen.set()

        reading = asyncio.create_task(read())
        async with asyncio.timeout(5):
            await seen.wait()
        cancelled_at = time.monotonic()
        reading.cancel()
        assert await server.wait_until_client_is_gone() - cancelled_at < 0.3
        with pytest.raises(asyncio.CancelledError):
            await reading


async def test_a_blocked_question_is_a_refusal():
    blocked = {"promptFeedback": {"blockReason": "SAFETY", "safetyRatings": []}, **usage(3, 0)}
    for script in (whole(JSON, blocked), reply(SSE, event(blocked)), whole(JSON, [blocked])):
        with pytest.raises(ContentFiltered) as caught:
            await vendor.stream(script)
        assert "SAFETY" in caught.value.vendor_message


@pytest.mark.parametrize("reason", ["SAFETY", "RECITATION", "BLOCKLIST", "PROHIBITED_CONTENT", "SPII", "LANGUAGE"])
async def test_a_blocked_answer_is_a_refusal_without_words_and_a_result_with_them(reason):
    empty = {"candidates": [{"finishReason": reason, "safetyRatings": []}]}
    with pytest.raises(ContentFiltered) as caught:
        await vendor.complete(whole(JSON, empty))
    assert reason in caught.value.vendor_message
    _, last = await vendor.stream(reply(SSE, event(words("so far")), event(empty)))
    assert (last.text, last.finish_reason) == ("so far", "content_filter")


@pytest.mark.parametrize(
    ("vendors", "ours"),
    [("STOP", "stop"), ("MAX_TOKENS", "length"), ("SAFETY", "content_filter"), ("OTHER", "unknown"), ("BANANA", "unknown")],
)
async def test_reasons_to_stop_have_our_names(vendors, ours):
    assert (await vendor.complete(whole(JSON, words("hi", finish=vendors)))).finish_reason == ours


async def test_thinking_that_used_up_the_tokens_is_an_answer_that_was_cut():
    _, last = await vendor.stream(
        reply(SSE, event({"candidates": [{"finishReason": "MAX_TOKENS"}], **usage(5, 0, thoughtsTokenCount=9)}))
    )
    assert (last.text, last.finish_reason, last.usage) == ("", "length", Usage(5, 9, 0, 9))
    for reason in ("STOP", "MALFORMED_FUNCTION_CALL"):
        with pytest.raises(EmptyAnswer):
            await vendor.complete(whole(JSON, {"candidates": [{"finishReason": reason, "content": {}}]}))


async def test_thoughts_are_reasoning_and_calls_come_whole():
    thought, call = {"text": "hm", "thought": True}, {"functionCall": {"name": "f", "args": {"x": "é"}}, "thoughtSignature": "s"}
    other = {"functionCall": {"name": "g", "id": "g1"}}
    _, last = await vendor.stream(reply(SSE, event(part(thought)), event(part(call, other)), event(part(finish="STOP"))))
    assert (last.reasoning, last.finish_reason) == ("hm", "tool_calls")
    assert last.tool_calls == (ToolCall("call_0", "f", '{"x": "é"}'), ToolCall("g1", "g", "{}"))


async def test_usage_is_that_of_the_last_piece_and_adds_the_thoughts():
    counts = usage(10, 4, thoughtsTokenCount=6, cachedContentTokenCount=8, toolUsePromptTokenCount=2, totalTokenCount=22)
    _, last = await vendor.stream(reply(SSE, event(words("a", **usage(10, 1))), event(words("b", finish="STOP", **counts))))
    assert last.usage == Usage(input_tokens=12, output_tokens=10, cached_tokens=8, reasoning_tokens=6)
    _, last = await vendor.stream(reply(SSE, event(words("eight ch", finish="STOP"))))
    assert last.usage.is_estimated


async def test_a_stream_in_answer_to_a_question_without_one_is_understood():
    assert (await vendor.complete(reply(SSE, STREAM))).text == TEXT
    assert (await vendor.stream(whole(JSON, words("whole", finish="STOP"))))[1].text == "whole"


@pytest.mark.parametrize("body", [{}, "text", 3, {"candidates": []}, {"choices": [{"message": {"content": "hi"}}]}])
async def test_json_that_is_no_answer_is_malformed(body):
    with pytest.raises(MalformedAnswer):
        await vendor.complete(whole(JSON, body))


async def test_a_web_page_is_no_api():
    with pytest.raises(NotAnApi):
        await vendor.stream(whole(HTML, "<!DOCTYPE html><html>Sign in</html>"))


async def sent(request: ChatRequest, *, way: str = "complete", **options):
    """The request that goes out."""
    async with BytesServer(whole(JSON, words('{"answer": "yes"}', finish="STOP"))) as server:
        async with vendor.adapter_at(server, **options) as adapter:
            if way == "complete":
                await adapter.complete(request)
            else:
                [one async for one in adapter.stream(request)]
    return server.requests[0]


async def test_the_request_is_as_the_vendor_describes_it():
    messages = (
        Message("system", "Be brief."),
        Message("user", "Look", images=("data:image/png;base64,iVBORw0KGgo=",)),
        Message("assistant", "", tool_calls=(ToolCall("c1", "f", '{"x": 1}'), ToolCall("c2", "g", ""))),
        Message("tool", '{"a": 1}', tool_call_id="c1"),
        Message("tool", "b", tool_call_id="c2"),
    )
    tools = (
        {"name": "f", "parameters": {"type": "object", "properties": {"x": {"type": "integer"}}}},
        {"type": "function", "function": {"name": "g"}},
    )
    request = await sent(
        ChatRequest("gemini-x", messages, max_output_tokens=9, temperature=0, seed=3, stop=("END",), tools=tools)
    )
    assert request.path == "/v1/models/gemini-x:generateContent"
    assert request.headers["x-goog-api-key"] == KEY and "authorization" not in request.headers
    body = request.json
    assert body["systemInstruction"] == {"parts": [{"text": "Be brief."}]}
    assert body["generationConfig"] == {"maxOutputTokens": 9, "temperature": 0, "seed": 3, "stopSequences": ["END"]}
    first, second, third = body["contents"]
    assert first["parts"] == [{"inlineData": {"mimeType": "image/png", "data": "iVBORw0KGgo="}}, {"text": "Look"}]
    assert [one["functionCall"] for one in second["parts"]] == [{"name": "f", "args": {"x": 1}}, {"name": "g", "args": {}}]
    assert ["thoughtSignature" in one for one in second["parts"]] == [True, False]
    assert [one["functionResponse"] for one in third["parts"]] == [
        {"name": "f", "response": {"a": 1}},
        {"name": "g", "response": {"result": "b"}},
    ]
    f, g = body["tools"][0]["functionDeclarations"]
    assert f["parameters"]["properties"] == {"x": {"type": "INTEGER"}} and "parameters" not in g


async def test_models_that_sign_no_calls_get_no_signature():
    messages = (
        Message("user", "Hi"),
        Message("assistant", "", tool_calls=(ToolCall("c1", "f", "{}"),)),
        Message("tool", "1", tool_call_id="c1"),
    )
    for model, is_signed in (("gemini-2.5-pro", False), ("gemini-3.8-flash", True), ("gemini-4-argon", True)):
        request = await sent(ChatRequest(model, messages))
        assert ("thoughtSignature" in request.json["contents"][1]["parts"][0]) == is_signed


async def test_a_stream_is_asked_for_as_events_and_without_compression():
    request = await sent(REQUEST, way="stream")
    assert request.path == "/v1/models/m:streamGenerateContent?alt=sse"
    assert request.headers["accept-encoding"] == "identity"
    assert set(request.json) == {"contents"}


async def test_what_the_connection_adds_is_joined_with_what_is_asked():
    extra = {"extra_body": {"generationConfig": {"thinkingConfig": {"thinkingBudget": 0}}}}
    request = await sent(replace(REQUEST, max_output_tokens=9), quirks=extra)
    assert request.json["generationConfig"] == {"maxOutputTokens": 9, "thinkingConfig": {"thinkingBudget": 0}}


async def test_a_schema_goes_in_the_vendors_words_then_as_json_then_in_words_alone():
    no_schema = whole(
        JSON,
        refusal(
            400,
            "INVALID_ARGUMENT",
            "The specified schema produces a constraint that has too many states (generation_config.response_schema).",
        ),
        status="400 Bad",
    )
    no_json = whole(JSON, refusal(400, "INVALID_ARGUMENT", "JSON mode is not enabled for this model"), status="400 Bad")
    good = whole(JSON, words('{"answer": "yes"}', finish="STOP"))
    async with BytesServer(no_schema, no_json, good) as server, vendor.adapter_at(server) as adapter:
        assert (await adapter.complete(replace(REQUEST, json_schema=YES_OR_NO))).data == {"answer": "yes"}
    first, second, third = (request.json for request in server.requests)
    assert first["generationConfig"]["responseSchema"]["properties"] == {
        "answer": {"type": "STRING", "format": "enum", "enum": ["yes", "no"]}
    }
    assert second["generationConfig"] == {"responseMimeType": "application/json"}
    assert "generationConfig" not in third
    assert all("JSON schema" in body["contents"][-1]["parts"][-1]["text"] for body in (second, third))


async def test_a_model_that_refuses_temperature_is_asked_without():
    no = whole(JSON, refusal(400, "INVALID_ARGUMENT", "temperature is not supported for this model"), status="400 Bad")
    async with BytesServer(no, whole(JSON, words("hi", finish="STOP"))) as server, vendor.adapter_at(server) as adapter:
        assert (await adapter.complete(replace(REQUEST, temperature=0))).text == "hi"
        assert ["generationConfig" in request.json for request in server.requests] == [True, False]


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": ["string", "null"]}, {"type": "STRING", "nullable": True}),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, {"type": "INTEGER", "nullable": True}),
        ({"enum": ["a", "b"]}, {"type": "STRING", "format": "enum", "enum": ["a", "b"]}),
        ({"type": "integer", "enum": [1, 2]}, {"type": "INTEGER"}),
        ({"items": {"$ref": "#/$defs/x"}, "type": "array", "$defs": {"x": {"type": "string", "format": "uuid", "minLength": 2}}},
         {"type": "ARRAY", "items": {"type": "STRING", "minLength": 2}}),
        ({"oneOf": [{"type": "string"}, {"type": "number"}]}, {"anyOf": [{"type": "STRING"}, {"type": "NUMBER"}]}),
        ({"type": "object", "properties": {"a": {"allOf": [{"type": "boolean"}]}}, "required": ["a"]},
         {"type": "OBJECT", "properties": {"a": {"type": "BOOLEAN"}}, "propertyOrdering": ["a"], "required": ["a"]}),
    ],
)  # fmt: skip
def test_a_schema_is_said_in_the_vendors_words(schema, said):
    assert google_schema(schema) == said


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object"},
        {"type": "object", "additionalProperties": {"type": "string"}, "properties": {"a": {"type": "string"}}},
        {"$ref": "#/$defs/n", "$defs": {"n": {"type": "array", "items": {"$ref": "#/$defs/n"}}}},
        {"$ref": "#/$defs/n", "$defs": {"n": {"$ref": "#/$defs/n"}}},
        {"type": ["string", "integer"]},
        {"type": "array"},
    ],
)
def test_a_schema_that_the_vendor_has_no_words_for_is_none(schema):
    assert google_schema(schema) is None


async def test_embeddings_come_together_or_one_by_one():
    together = whole(JSON, {"embeddings": [{"values": [1, 2]}, {"values": [3, 4]}]})
    async with BytesServer(together) as server, vendor.adapter_at(server) as adapter:
        assert await adapter.embed("e", ["a", "b"]) == [[1.0, 2.0], [3.0, 4.0]]
        assert server.requests[0].path == "/v1/models/e:batchEmbedContents"
        assert server.requests[0].json["requests"][1] == {"model": "models/e", "content": {"parts": [{"text": "b"}]}}
    missing, one = whole(JSON, refusal(404, "NOT_FOUND"), status="404 Not Found"), whole(JSON, {"embedding": {"values": [5]}})
    async with BytesServer(missing, one) as server, vendor.adapter_at(server) as adapter:
        assert await adapter.embed("e", ["a", "b"]) == await adapter.embed("e", ["a", "b"]) == [[5.0], [5.0]]
        assert [request.path.rpartition(":")[2] for request in server.requests] == ["batchEmbedContents", *["embedContent"] * 4]
        assert await adapter.embed("e", []) == []


@pytest.mark.parametrize("body", [{}, {"embedding": None}, {"embedding": {"values": []}}, {"embedding": {"values": ["x"]}}, []])
async def test_embeddings_that_are_none_are_malformed(body):
    async with BytesServer(whole(JSON, body)) as server, vendor.adapter_at(server) as adapter:
        with pytest.raises(MalformedAnswer):
            await adapter.embed("e", ["a"])


async def test_models_are_listed_page_by_page_and_only_those_that_can_be_asked():
    gemini = {"name": "models/gemini-x", "displayName": "Gemini X", "inputTokenLimit": 1000}
    rows = [
        {**gemini, "supportedGenerationMethods": ["generateContent"]},
        {"name": "models/imagen", "supportedGenerationMethods": ["predict"]},
    ]
    more = [{"name": "models/embed-1", "supportedGenerationMethods": ["embedContent"]}, {"name": 3}]
    pages = (whole(JSON, {"models": rows, "nextPageToken": "a&b"}), whole(JSON, {"models": more}))
    async with BytesServer(*pages) as server, vendor.adapter_at(server) as adapter:
        x, embedding = await adapter.list_models()
    assert (x.key, x.display_name, x.capabilities, x.context_window) == ("gemini-x", "Gemini X", ("chat",), 1000)
    assert (embedding.key, embedding.capabilities) == ("embed-1", ("embeddings",))
    assert server.requests[1].path == "/v1/models?pageSize=1000&pageToken=a%26b"


@pytest.mark.parametrize("body", [{"hello": 1}, {"models": {}}, [], {"data": []}])
async def test_what_is_no_model_list_is_malformed(body):
    async with BytesServer(whole(JSON, body)) as server, vendor.adapter_at(server) as adapter:
        assert (await adapter.check()).error_code == "malformed_answer"


@pytest.mark.parametrize(
    ("typed", "base"),
    [
        ("https://h", "https://h/v1beta"), ("https://h/", "https://h/v1beta"), ("https://h/v1beta", "https://h/v1beta"),
        ("https://h/v1beta/models", "https://h/v1beta"), ("https://h/v1beta/openai/", "https://h/v1beta"),
        ("https://h/v1beta/models/gemini-x:generateContent", "https://h/v1beta"), ("https://h/proxy/google/v1", "https://h/proxy/google/v1"),
    ],
)  # fmt: skip
def test_a_base_url_is_understood_however_it_is_typed(typed, base):
    assert api_base(typed) == base


def test_a_model_is_called_by_its_name_with_or_without_its_collection():
    assert model_path("gemini-x") == model_path("models/gemini-x") == "/models/gemini-x"
    assert model_path("tunedModels/mine") == "/tunedModels/mine"
    assert model_path("a b?c") == "/models/a%20b%3Fc"


async def test_how_likely_each_word_was_is_asked_for_and_read():
    def likely(token: str, logarithm: float) -> dict:
        return {"token": token, "logProbability": logarithm, "tokenId": 1}

    def piece(text: str, *chosen: dict, **more) -> dict:
        others = [{"candidates": [one, likely("Yo", -3.0)]} for one in chosen]
        result = {"chosenCandidates": list(chosen), "topCandidates": others, "logProbabilitySum": -1.0}
        return {"candidates": [{"content": {"parts": [{"text": text}]}, "logprobsResult": result, **more}]}

    first = event(piece("Hi ", likely("Hi", -0.5), likely(" ", -0.1)))
    last = event(piece("you", likely("you", -0.25), finishReason="STOP"))
    request = replace(REQUEST, logprobs=True, top_logprobs=2)
    async with BytesServer(reply(SSE, first, last)) as server, vendor.adapter_at(server) as adapter:
        *_deltas, answer = [piece async for piece in adapter.stream(request)]
    assert [(one.token, one.logprob) for one in answer.logprobs] == [("Hi", -0.5), (" ", -0.1), ("you", -0.25)]
    assert answer.logprobs[0].top == (("Hi", -0.5), ("Yo", -3.0))
    assert server.requests[0].json["generationConfig"] == {"responseLogprobs": True, "logprobs": 2}


@pytest.mark.parametrize(
    ("choice", "said"),
    [
        ("auto", {"mode": "AUTO"}),
        ("none", {"mode": "NONE"}),
        ("required", {"mode": "ANY"}),
        ("look", {"mode": "ANY", "allowedFunctionNames": ["look"]}),
    ],
)
async def test_the_choice_of_a_tool_has_its_words(choice, said):
    request = replace(REQUEST, tools=({"name": "look", "parameters": {"type": "object"}},), tool_choice=choice)
    body = {"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]}
    async with BytesServer(whole(JSON, body)) as server, vendor.adapter_at(server) as adapter:
        await adapter.complete(request)
    assert server.requests[0].json["toolConfig"] == {"functionCallingConfig": said}
