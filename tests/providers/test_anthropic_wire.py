"""What Anthropic's server may send, byte by byte, and what is sent to it."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import pytest

from apps.providers.adapters.anthropic.schemas import closed_schema
from apps.providers.adapters.anthropic.wire import api_base
from apps.providers.adapters.failures import http_failure
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
from tests.servers.bytes_server import HOLD, HTML, JSON, RESET, SSE, BytesServer, chunked, reply, whole

KEY = "sk-ant-test-0123456789abcdef"
vendor = Vendor("anthropic", KEY)
TEXT = "Olá, 🎉 “naïve” \u2028\u2029\x85 end"


def event(type: str, **fields) -> bytes:
    data = json.dumps({"type": type, **fields}, ensure_ascii=False)
    return f"event: {type}\ndata: {data}\n\n".encode()


def start(**usage: int) -> bytes:
    counts = {"input_tokens": 11, "output_tokens": 1, **usage}
    return event("message_start", message={"id": "msg_1", "type": "message", "model": "claude-x", "content": [], "usage": counts})


def block(index: int, **content) -> bytes:
    return event("content_block_start", index=index, content_block=content)


def piece(index: int, **delta) -> bytes:
    return event("content_block_delta", index=index, delta=delta)


def words(text: str) -> bytes:
    return piece(0, type="text_delta", text=text)


def stop(reason: str = "end_turn", *, output_tokens: int = 7, **details) -> bytes:
    return event("message_delta", delta={"stop_reason": reason, **details}, usage={"output_tokens": output_tokens})


BEGIN = start() + block(0, type="text", text="")
END = event("content_block_stop", index=0) + stop() + event("message_stop")
STREAM = BEGIN + words(TEXT[:8]) + words(TEXT[8:]) + END
PING = event("ping")


def message(text: str | None, *, stop_reason: str = "end_turn", content: list | None = None, **fields) -> dict:
    blocks = [{"type": "text", "text": text}] if content is None else content
    usage = {"input_tokens": 3, "output_tokens": 2}
    return {
        "id": "msg_1",
        "type": "message",
        "model": "claude-x",
        "content": blocks,
        "stop_reason": stop_reason,
        "usage": usage,
        **fields,
    }


def refusal(type: str, text: str = "no", **error) -> dict:
    return {"type": "error", "error": {"type": type, "message": text, **error}, "request_id": "req_body"}


@pytest.mark.parametrize("size", [1, 2, 3, 7, 64, 100_000])
async def test_a_stream_is_read_however_its_bytes_are_cut(size):
    deltas, last = await vendor.stream(chunked(SSE, *(STREAM[i : i + size] for i in range(0, len(STREAM), size))))
    assert last.text == "".join(delta.text for delta in deltas) == TEXT
    assert (last.finish_reason, last.model, last.request_id) == ("stop", "claude-x", "msg_1")


async def test_pings_and_unknown_events_are_no_words():
    strange = event("content_block_lecture", index=0, text="no") + piece(0, type="hologram_delta", text="no") + PING
    deltas, last = await vendor.stream(reply(SSE, PING, BEGIN, PING, words("a"), strange, words("b"), PING, END))
    assert last.text == "ab" and len(deltas) == 2


async def test_an_answer_without_its_stop_event_is_interrupted_and_keeps_its_words():
    for script in (
        reply(SSE, BEGIN, words("half an")),
        reply(SSE, BEGIN, words("half an"), stop()),
        chunked(SSE, BEGIN + words("half an"), ending=0),
        chunked(SSE, BEGIN + words("half an"), 0.05, ending=RESET),
        reply(SSE, BEGIN, words("half an"), event("message_stop")[:30]),
    ):
        with pytest.raises(Interrupted) as caught:
            await vendor.stream(script)
        assert caught.value.extra["partial"].text == "half an"


async def test_what_was_asked_is_counted_also_when_the_answer_breaks_off():
    with pytest.raises(Interrupted) as caught:
        await vendor.stream(reply(SSE, BEGIN, words("eight ch")))
    assert caught.value.extra["partial"].usage == Usage(11, 2, is_estimated=True)


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (refusal("overloaded_error"), Overloaded),
        (refusal("rate_limit_error"), RateLimited),
        (refusal("billing_error"), OutOfCredit),
        (refusal("authentication_error"), AuthenticationFailed),
        (refusal("timeout_error"), ProviderTimeout),
        (refusal("api_error"), ProviderError),
        (refusal("invalid_request_error", "prompt is too long: 9 tokens > 8 maximum"), ContextTooLong),
        (refusal("request_too_large"), ContextTooLong),
    ],
)
async def test_an_error_inside_a_success_is_an_error_in_every_place(error, kind):
    fields = {name: value for name, value in error.items() if name != "type"}
    for script in (whole(JSON, error), reply(SSE, event("error", **fields)), reply(SSE, PING, start(), event("error", **fields))):
        with pytest.raises(kind) as caught:
            await vendor.stream(script)
        assert type(caught.value) is kind
        assert caught.value.request_id == "req_body"


async def test_an_error_in_the_middle_of_a_stream_keeps_the_words_and_is_not_tried_again():
    script = reply(SSE, BEGIN, words("so far"), event("error", error={"type": "overloaded_error", "message": "Overloaded"}))
    async with BytesServer(script) as server, vendor.adapter_at(server, max_attempts=3) as adapter:
        with pytest.raises(Overloaded) as caught:
            [one async for one in adapter.stream(REQUEST)]
        assert len(server.requests) == 1
    assert caught.value.extra["partial"].text == "so far"


async def test_a_busy_vendor_is_asked_again():
    busy = whole(JSON, refusal("overloaded_error"), status="529 ")
    limited = whole({**JSON, "retry-after": "0.1"}, refusal("rate_limit_error"), status="429 Too Many Requests")
    started = time.monotonic()
    answer = await vendor.complete(limited, busy, whole(JSON, message("hi")), max_attempts=3)
    assert (answer.text, answer.attempts) == ("hi", 3)
    assert time.monotonic() - started > 0.1


def failure(status: int, body: dict, **headers: str) -> ProviderError:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return http_failure(status, headers, json.dumps(body), name="Anthropic", url="http://a/v1/messages", secret=KEY)


@pytest.mark.parametrize(
    ("status", "body", "kind", "is_retried"),
    [
        (400, refusal("invalid_request_error", "messages: at least one"), BadRequest, False),
        (400, refusal("invalid_request_error", "prompt is too long: 210000 tokens > 200000 maximum"), ContextTooLong, False),
        (
            400,
            refusal("invalid_request_error", "input length and `max_tokens` exceed context limit: 9 + 9 > 8"),
            ContextTooLong,
            False,
        ),
        (400, refusal("invalid_request_error", "Your credit balance is too low to access the API."), OutOfCredit, False),
        (400, refusal("invalid_request_error", "You have reached your specified API usage limits."), OutOfCredit, False),
        (400, refusal("invalid_request_error", "x", details={"error_code": "organization_on_hold"}), AuthenticationFailed, False),
        (401, refusal("authentication_error", "invalid x-api-key"), AuthenticationFailed, False),
        (402, refusal("billing_error"), OutOfCredit, False),
        (403, refusal("permission_error"), AuthenticationFailed, False),
        (404, refusal("not_found_error", "model: claude-9"), BadRequest, False),
        (413, refusal("request_too_large"), ContextTooLong, False),
        (429, refusal("rate_limit_error"), RateLimited, True),
        (429, refusal("rate_limit_error", details={"error_code": "ramp_limit_exceeded"}), RateLimited, True),
        (429, refusal("rate_limit_error", details={"error_code": "enforced_spend_limit_reached"}), OutOfCredit, False),
        (429, refusal("rate_limit_error", details={"error_code": "contract_spend_limit_reached"}), OutOfCredit, False),
        (500, refusal("api_error"), ProviderError, True),
        (504, refusal("timeout_error"), ProviderTimeout, True),
        (529, refusal("overloaded_error"), Overloaded, True),
    ],
)
def test_every_refusal_has_its_error(status, body, kind, is_retried):
    error = failure(status, body, request_id="req_head")
    assert type(error) is kind
    assert (error.retryable, error.http_status, error.request_id) == (is_retried, status, "req_head")


def test_the_vendor_says_how_long_to_wait():
    assert failure(429, refusal("rate_limit_error"), retry_after="17").retry_after_s == 17


async def test_a_wrong_key_is_not_shown():
    script = whole(JSON, refusal("authentication_error", f"invalid x-api-key: {KEY}"), status="401 Unauthorized")
    with pytest.raises(AuthenticationFailed) as caught:
        await vendor.complete(script)
    assert "[redacted]" in caught.value.vendor_message
    assert KEY not in f"{caught.value} {caught.value.message} {caught.value.vendor_message}"


async def test_cancelling_closes_the_connection_at_once():
    async with BytesServer(reply(SSE, BEGIN, words("a"), HOLD)) as server, vendor.adapter_at(server) as adapter:
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


async def test_a_whole_message_in_answer_to_a_stream_is_understood():
    deltas, last = await vendor.stream(whole(JSON, message("all at once")))
    assert [delta.text for delta in deltas] == ["all at once"] == [last.text]
    assert last.usage == Usage(3, 2)


async def test_a_stream_in_answer_to_a_question_without_one_is_understood():
    assert (await vendor.complete(reply(SSE, STREAM))).text == TEXT


@pytest.mark.parametrize("body", [{}, [], "text", 3, {"type": "message"}, {"choices": [{"message": {"content": "hi"}}]}])
async def test_json_that_is_no_message_is_malformed(body):
    with pytest.raises(MalformedAnswer):
        await vendor.complete(whole(JSON, body))


async def test_a_web_page_is_no_api():
    with pytest.raises(NotAnApi):
        await vendor.stream(whole(HTML, "<!DOCTYPE html><html>Sign in</html>"))


async def test_thinking_is_reasoning_and_its_signature_is_no_word():
    thought = block(0, type="thinking", thinking="", signature="") + piece(0, type="thinking_delta", thinking="hm ")
    thought += piece(0, type="thinking_delta", thinking="hm") + piece(0, type="signature_delta", signature="c2ln")
    hidden = block(1, type="redacted_thinking", data="xxxx")
    _, last = await vendor.stream(reply(SSE, start(), thought, hidden, block(2, type="text", text="yes"), END))
    assert (last.reasoning, last.text) == ("hm hm", "yes")


async def test_tool_calls_are_put_together_from_their_pieces():
    calls = block(0, type="text", text="Let me see.") + block(1, type="tool_use", id="t1", name="f", input={})
    calls += block(2, type="tool_use", id="t2", name="g", input={})
    calls += piece(1, type="input_json_delta", partial_json='{"x"') + piece(1, type="input_json_delta", partial_json=": 1}")
    _, last = await vendor.stream(reply(SSE, start(), calls, stop("tool_use"), event("message_stop")))
    assert last.tool_calls == (ToolCall("t1", "f", '{"x": 1}'), ToolCall("t2", "g", "{}"))
    assert (last.text, last.finish_reason) == ("Let me see.", "tool_calls")


async def test_usage_is_cumulative_and_counts_what_was_cached():
    begin = start(cache_read_input_tokens=100, cache_creation_input_tokens=20, cache_creation={"ephemeral_1h_input_tokens": 5})
    later = event("message_delta", delta={}, usage={"output_tokens": 3})
    details = {"output_tokens": 9, "output_tokens_details": {"thinking_tokens": 4}}
    last_count = event("message_delta", delta={"stop_reason": "end_turn"}, usage=details)
    _, last = await vendor.stream(reply(SSE, begin, block(0, type="text", text="a"), later, last_count, event("message_stop")))
    assert last.usage == Usage(131, 9, cached_tokens=100, reasoning_tokens=4, cache_write_tokens=20, cache_write_1h_tokens=5)


@pytest.mark.parametrize(
    ("vendors", "ours"),
    [("end_turn", "stop"), ("stop_sequence", "stop"), ("max_tokens", "length"), ("model_context_window_exceeded", "length"),
     ("refusal", "content_filter"), ("pause_turn", "unknown"), ("banana", "unknown")],
)  # fmt: skip
async def test_reasons_to_stop_have_our_names(vendors, ours):
    assert (await vendor.complete(whole(JSON, message("hi", stop_reason=vendors)))).finish_reason == ours


async def test_an_answer_without_a_word_says_why():
    details = {"stop_details": {"category": "weapons", "explanation": "Not about that."}}
    with pytest.raises(ContentFiltered) as caught:
        await vendor.complete(whole(JSON, message(None, content=[], stop_reason="refusal", **details)))
    assert caught.value.vendor_message == "Not about that."
    with pytest.raises(ContextTooLong):
        await vendor.complete(whole(JSON, message(None, content=[], stop_reason="model_context_window_exceeded")))
    with pytest.raises(EmptyAnswer):
        await vendor.complete(whole(JSON, message(None, content=[])))


async def sent(request: ChatRequest, *, way: str = "complete", **options) -> tuple[dict, dict]:
    """(headers, body) of the request that goes out."""
    async with BytesServer(whole(JSON, message('{"answer": "yes"}'))) as server, vendor.adapter_at(server, **options) as adapter:
        await adapter.complete(request)
    return server.requests[0].headers, server.requests[0].json


async def test_the_request_is_as_the_vendor_describes_it():
    messages = (
        Message("system", "Be brief."),
        Message("user", "Look", images=("data:image/png;base64,iVBORw0KGgo=",)),
        Message("assistant", "", tool_calls=(ToolCall("c1", "f", '{"x": 1}'), ToolCall("c2", "f", "broken"))),
        Message("tool", "a", tool_call_id="c1"),
        Message("tool", "b", tool_call_id="c2"),
    )
    tools = ({"name": "f", "parameters": {"properties": {}}}, {"type": "function", "function": {"name": "g", "description": "d"}})
    headers, body = await sent(ChatRequest("m", messages, temperature=0.5, seed=3, stop=("END", "\n"), tools=tools))
    assert (headers["x-api-key"], headers["anthropic-version"]) == (KEY, "2026-10-21")
    assert "authorization" not in headers
    assert (body["system"], body["max_tokens"], body["stop_sequences"]) == ("Be brief.", 16_384, ["END"])
    assert not {"temperature", "seed", "stream"} & set(body)
    first, second, third = body["messages"]
    assert first["content"][0]["source"] == {"type": "base64", "media_type": "image/png", "data": "iVBORw0KGgo="}
    assert [one["input"] for one in second["content"]] == [{"x": 1}, {"arguments": "broken"}]
    assert [one["tool_use_id"] for one in third["content"]] == ["c1", "c2"]
    assert [tool["name"] for tool in body["tools"]] == ["f", "g"] and body["tools"][0]["input_schema"]["type"] == "object"


async def test_instructions_alone_are_asked_as_a_question():
    _, body = await sent(ChatRequest("m", (Message("system", "Say hello."),)))
    assert body["messages"] == [{"role": "user", "content": [{"type": "text", "text": "Say hello."}]}]
    assert "system" not in body


async def test_an_image_that_is_no_data_url_is_refused_in_words():
    for url in ("https://example.org/cat.png", "data:image/png;base64,§§§"):
        with pytest.raises(BadRequest):
            await vendor.complete(whole(JSON, message("hi")), request=ChatRequest("m", (Message("user", "x", images=(url,)),)))


async def test_an_older_version_takes_temperature_until_the_model_refuses_it():
    options = {"quirks": {"anthropic_version": "2023-06-01"}, "max_attempts": 1}
    headers, body = await sent(replace(REQUEST, temperature=1.7), **options)
    assert (headers["anthropic-version"], body["temperature"]) == ("2023-06-01", 1.0)
    no = whole(JSON, refusal("invalid_request_error", "`temperature` is not supported by this model."), status="400 Bad")
    async with BytesServer(no, whole(JSON, message("hi"))) as server, vendor.adapter_at(server, **options) as adapter:
        assert (await adapter.complete(replace(REQUEST, temperature=0))).text == "hi"
        assert ["temperature" in request.json for request in server.requests] == [True, False]


async def test_a_limit_that_the_model_names_is_kept():
    no = whole(JSON, refusal("invalid_request_error", "max_tokens: 16384 > 4096, which is the maximum allowed"), status="400 Bad")
    async with BytesServer(no, whole(JSON, message("hi"))) as server, vendor.adapter_at(server) as adapter:
        await adapter.complete(REQUEST)
        await adapter.complete(REQUEST)
        assert [request.json["max_tokens"] for request in server.requests] == [16_384, 4096, 4096]


async def test_the_key_may_go_as_a_bearer():
    headers, _body = await sent(REQUEST, quirks={"auth_header": "authorization"})
    assert headers["authorization"] == f"Bearer {KEY}" and "x-api-key" not in headers


async def test_a_schema_goes_as_structured_output_then_as_a_tool_then_in_words():
    asked = replace(REQUEST, json_schema=YES_OR_NO)
    no_format = whole(JSON, refusal("invalid_request_error", "output_config.format: not supported"), status="400 Bad")
    no_tool = whole(
        JSON, refusal("invalid_request_error", "Thinking may not be enabled when tool_choice forces tool use."), status="400 Bad"
    )
    async with BytesServer(no_format, no_tool, whole(JSON, message('{"answer": "yes"}'))) as server:
        async with vendor.adapter_at(server) as adapter:
            assert (await adapter.complete(asked)).data == {"answer": "yes"}
    first, second, third = (request.json for request in server.requests)
    assert first["output_config"] == {"format": {"type": "json_schema", "schema": YES_OR_NO}}
    assert second["tool_choice"] == {"type": "tool", "name": "answer"} and second["tools"][0]["input_schema"] == YES_OR_NO
    assert "tools" not in third and "JSON schema" in third["messages"][-1]["content"][-1]["text"]


@pytest.mark.parametrize("way", ["stream", "whole"])
async def test_the_input_of_the_answering_tool_is_the_answer(way):
    called = block(0, type="tool_use", id="t", name="answer", input={})
    called += piece(0, type="input_json_delta", partial_json='{"answer"') + piece(
        0, type="input_json_delta", partial_json=': "no"}'
    )
    script = reply(SSE, start(), called, stop("tool_use"), event("message_stop"))
    if way == "whole":
        content = [{"type": "tool_use", "id": "t", "name": "answer", "input": {"answer": "no"}}]
        script = whole(JSON, message(None, content=content, stop_reason="tool_use"))
    asked = replace(REQUEST, json_schema=YES_OR_NO)
    _, last = await vendor.stream(script, request=asked, quirks={"response_format": "tool"})
    assert (last.data, last.tool_calls, last.finish_reason) == ({"answer": "no"}, (), "stop")


async def test_an_answer_that_does_not_fit_is_asked_for_again():
    scripts = (whole(JSON, message('{"answer": "maybe"}')), whole(JSON, message('{"answer": "yes"}')))
    answer = await vendor.complete(*scripts, request=replace(REQUEST, json_schema=YES_OR_NO))
    assert (answer.data, answer.attempts, answer.usage) == ({"answer": "yes"}, 2, Usage(6, 4))


def test_a_schema_is_closed_and_its_bounds_are_left_out():
    words = {"type": "array", "items": {"type": "string", "maxLength": 3}, "minItems": 4}
    schema = {"type": "object", "properties": {"n": {"type": "integer", "minimum": 1}, "l": words}, "required": ["n"]}
    assert closed_schema(schema) == {
        "type": "object",
        "properties": {"n": {"type": "integer"}, "l": {"type": "array", "items": {"type": "string"}}},
        "required": ["n"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object"},
        {"type": "object", "properties": {"a": {"type": "object", "additionalProperties": {"type": "string"}}}},
        {"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}}}},
        {"type": "object", "properties": {"a": {"$ref": "#"}}},
        {"oneOf": [{"type": "string"}]},
    ],
)
def test_a_schema_that_structured_output_cannot_say_is_none(schema):
    assert closed_schema(schema) is None


async def test_models_are_listed_page_by_page():
    first = {"data": [{"id": "claude-x", "display_name": "Claude X", "line": "opus", "max_input_tokens": 1000,
             "capabilities": {"image_input": {"supported": True}}}], "has_more": True, "last_id": "claude-x"}  # fmt: skip
    second = {"data": [{"id": "claude-y"}], "has_more": False}
    async with BytesServer(whole(JSON, first), whole(JSON, second)) as server, vendor.adapter_at(server) as adapter:
        x, y = await adapter.list_models()
    assert (x.key, x.display_name, x.capabilities, x.context_window) == (
        "claude-x",
        "Claude X",
        ("chat", "tools", "vision"),
        1000,
    )
    assert x.details["line"] == "opus" and y.capabilities == ("chat",)
    assert [request.path for request in server.requests] == ["/v1/models?limit=1000", "/v1/models?limit=1000&after_id=claude-x"]


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": [3]}, [], {"models": []}])
async def test_what_is_no_model_list_is_malformed(body):
    async with BytesServer(whole(JSON, body)) as server, vendor.adapter_at(server) as adapter:
        assert (await adapter.check()).error_code == "malformed_answer"


@pytest.mark.parametrize(
    ("typed", "base"),
    [
        ("https://h", "https://h/v1"), ("https://h/v1", "https://h/v1"), ("https://h/v1/messages", "https://h/v1"),
        ("https://h/v1/models/", "https://h/v1"), ("https://h/anthropic", "https://h/anthropic/v1"),
    ],
)  # fmt: skip
def test_a_base_url_is_understood_however_it_is_typed(typed, base):
    assert api_base(typed) == base


@pytest.mark.parametrize(
    ("choice", "said"),
    [("auto", {"type": "auto"}), ("none", {"type": "none"}), ("required", {"type": "any"}), ("f", {"type": "tool", "name": "f"})],
)
async def test_the_choice_of_a_tool_has_its_words_and_a_demanded_tool_is_no_answer(choice, said):
    call = {"type": "tool_use", "id": "t1", "name": "f", "input": {"x": 1}}
    body = {"type": "message", "content": [call], "stop_reason": "tool_use", "usage": {}}
    request = replace(REQUEST, tools=({"name": "f", "parameters": {"type": "object"}},), tool_choice=choice)
    async with BytesServer(whole(JSON, body)) as server, vendor.adapter_at(server) as adapter:
        completion = await adapter.complete(request)
    assert server.requests[0].json["tool_choice"] == said
    assert completion.tool_calls == (ToolCall("t1", "f", '{"x": 1}'),) and not completion.text
