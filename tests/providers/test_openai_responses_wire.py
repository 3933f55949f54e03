"""OpenAI's responses API byte by byte: what is asked, every event that says something, and every way in which it fails."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.providers.contract import ChatRequest, Message, Refusal, TokenLogprob, ToolCall, Usage
from apps.providers.errors import (
    ContentFiltered,
    ContextTooLong,
    Interrupted,
    MalformedAnswer,
    OutOfCredit,
    ProviderError,
    RateLimited,
)
from tests.providers.native import REQUEST, Vendor
from tests.servers.bytes_server import JSON, RESET, SSE, BytesServer, answer, reply, whole
from tests.servers.bytes_server import event as data_only

KEY = "sk-responses-0123456789abcdef"
vendor = Vendor("openai", KEY)
ON = {"quirks": {"api": "responses"}}
USAGE = {
    "input_tokens": 12,
    "output_tokens": 9,
    "total_tokens": 21,
    "input_tokens_details": {"cached_tokens": 4, "cache_write_tokens": 3},
    "output_tokens_details": {"reasoning_tokens": 5},
}
CLOSED = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": False}
OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}


def event(kind: str, **more) -> bytes:
    """As the vendor sends it: with its name beside, and again inside."""
    return f"event: {kind}\n".encode() + data_only({"type": kind, "sequence_number": 1, **more})


def delta(text: str, **more) -> bytes:
    return event("response.output_text.delta", output_index=0, content_index=0, item_id="m1", delta=text, **more)


def response(status: str = "completed", output: list | None = None, **more) -> dict:
    said = output if output is not None else [message("Hi there")]
    return {"id": "resp_1", "object": "response", "model": "gpt-6-sol-2026", "status": status, "error": None, "output": said,
            "usage": USAGE, **more}  # fmt: skip


def message(text: str, **more) -> dict:
    part = {"type": "output_text", "text": text, "annotations": [], **more}
    return {"type": "message", "role": "assistant", "content": [part]}


COMPLETED = event("response.completed", response=response())


async def stream(*pieces, request: ChatRequest = REQUEST):
    return await vendor.stream(reply(SSE, *pieces), request=request, **ON)


async def sent_for(request: ChatRequest) -> dict:
    async with BytesServer(whole(JSON, response())) as server, vendor.adapter_at(server, **ON) as adapter:
        await adapter.complete(request)
    assert server.requests[0].path == "/v1/responses"
    return server.requests[0].json


async def test_a_conversation_becomes_items_and_nothing_is_stored_there():
    messages = (
        Message("system", "Be brief."),
        Message("user", "Look", images=("data:image/png;base64,iVBORw0KGgo=",)),
        Message("assistant", "Looking.", tool_calls=(ToolCall("c1", "look", '{"x": 1}'),)),
        Message("tool", "a cat", tool_call_id="c1"),
        Message("user", "And?"),
    )
    request = ChatRequest("gpt-6-sol", messages, max_output_tokens=50, temperature=0.2, seed=3, stop=("END",))
    image = {"type": "input_image", "image_url": "data:image/png;base64,iVBORw0KGgo=", "detail": "auto"}
    assert await sent_for(request) == {
        "model": "gpt-6-sol",
        "store": False,
        "instructions": "Be brief.",
        "max_output_tokens": 50,
        "temperature": 0.2,
        "input": [
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Look"}, image]},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "Looking."}]},
            {"type": "function_call", "call_id": "c1", "name": "look", "arguments": '{"x": 1}'},
            {"type": "function_call_output", "call_id": "c1", "output": "a cat"},
            {"type": "message", "role": "user", "content": "And?"},
        ],
    }  # there are no seeds and no stop texts on this API


async def test_a_tool_is_strict_only_when_its_schema_is():
    tools = ({"name": "open", "description": "Opens.", "parameters": OPEN}, {"name": "closed", "parameters": CLOSED})
    sent = await sent_for(replace(REQUEST, tools=tools, tool_choice="closed"))
    assert [tool["strict"] for tool in sent["tools"]] == [False, True]
    assert sent["tools"][0] == {
        "type": "function", "name": "open", "description": "Opens.", "parameters": OPEN, "strict": False,
    }  # fmt: skip
    assert sent["tool_choice"] == {"type": "function", "name": "closed"}


async def test_a_schema_goes_as_the_format_of_the_text():
    ours = whole(JSON, response(output=[message('{"a": "b"}')]))
    async with BytesServer(ours) as server, vendor.adapter_at(server, **ON) as adapter:
        completion = await adapter.complete(replace(REQUEST, json_schema=CLOSED))
    assert completion.data == {"a": "b"}
    assert server.requests[0].json["text"] == {
        "format": {"type": "json_schema", "name": "answer", "schema": CLOSED, "strict": True}
    }


async def test_words_thoughts_and_counts_come_as_events():
    deltas, last = await stream(
        event("response.created", response=response("in_progress", [])),
        event("response.output_item.added", output_index=0, item={"type": "reasoning", "id": "r1", "summary": []}),
        event("response.reasoning_summary_text.delta", delta="Hm, "),
        event("response.reasoning_text.delta", delta="well."),
        event("response.reasoning_summary_text.done", text="Hm, well."),
        delta("Hi "),
        delta("there"),
        event("response.output_text.done", text="Hi there"),
        event("response.brand_new.thing", whatever=1),
        COMPLETED,
    )
    assert [(d.text, d.reasoning) for d in deltas] == [("", "Hm, "), ("", "well."), ("Hi ", ""), ("there", "")]
    assert (last.text, last.reasoning, last.finish_reason) == ("Hi there", "Hm, well.", "stop")
    assert last.usage == Usage(12, 9, cached_tokens=4, reasoning_tokens=5, cache_write_tokens=3)
    assert last.model == "gpt-6-sol-2026"


async def test_a_whole_answer_is_read_as_the_events_are():
    output = [{"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]}, message("Hi there")]
    completion = await vendor.complete(whole(JSON, response(output=output)), **ON)
    assert (completion.text, completion.reasoning, completion.finish_reason) == ("Hi there", "Hm.", "stop")
    assert completion.usage.input_tokens == 12


async def test_words_that_only_the_last_event_holds_are_not_lost():
    _, last = await stream(event("response.completed", response=response()))
    assert last.text == "Hi there"


async def test_calls_of_tools_are_put_together_by_their_place():
    def added(place: int, call_id: str) -> bytes:
        item = {"type": "function_call", "id": f"fc{place}", "call_id": call_id, "name": f"tool{place}", "arguments": ""}
        return event("response.output_item.added", output_index=place, item=item)

    def more(place: int, piece: str) -> bytes:
        return event("response.function_call_arguments.delta", output_index=place, delta=piece)

    done = event("response.function_call_arguments.done", output_index=2, arguments='{"y": 2}')
    _, last = await stream(
        added(1, "call_a"), added(2, "call_b"), more(1, '{"x"'), more(2, '{"y"'), more(1, ": 1}"), done,
        event("response.completed", response=response(output=[])),
    )  # fmt: skip
    assert last.tool_calls == (ToolCall("call_a", "tool1", '{"x": 1}'), ToolCall("call_b", "tool2", '{"y": 2}'))
    assert last.finish_reason == "tool_calls"


async def test_how_likely_each_word_was_comes_with_it():
    likely = [
        {"token": "Hi", "logprob": -0.5, "top_logprobs": [{"token": "Hi", "logprob": -0.5}, {"token": "Yo", "logprob": -9999}]}
    ]
    request = replace(REQUEST, logprobs=True, top_logprobs=2)
    _, last = await stream(delta("Hi", logprobs=likely), COMPLETED, request=request)
    assert last.logprobs == (TokenLogprob("Hi", -0.5, (("Hi", -0.5), ("Yo", -9999.0))),)
    sent = await sent_for(request)
    assert (sent["include"], sent["top_logprobs"]) == (["message.output_text.logprobs"], 2)
    completion = await vendor.complete(whole(JSON, response(output=[message("Hi", logprobs=likely)])), request=request, **ON)
    assert completion.logprobs == last.logprobs


@pytest.mark.parametrize(
    ("reason", "ours"), [("max_output_tokens", "length"), ("content_filter", "content_filter"), (None, "length")]
)
async def test_an_incomplete_answer_says_why(reason, ours):
    details = {"incomplete_details": {"reason": reason} if reason else None}
    final = event("response.incomplete", response=response("incomplete", **details))
    _, last = await stream(delta("Hi"), final)
    assert (last.text, last.finish_reason) == ("Hi", ours)


async def test_a_refusal_is_no_answer():
    with pytest.raises(ContentFiltered) as caught:
        await stream(
            event("response.refusal.delta", delta="I will not."), event("response.completed", response=response(output=[]))
        )
    assert caught.value.vendor_message == "I will not."


@pytest.mark.parametrize("ending", [(), (RESET,)])
async def test_without_its_last_event_an_answer_is_interrupted_however_much_came(ending):
    with pytest.raises(Interrupted) as caught:
        await stream(delta("Hi there"), event("response.output_text.done", text="Hi there"), *ending)
    assert caught.value.extra["partial"].text == "Hi there"


async def test_a_done_mark_that_proxies_add_changes_nothing():
    _, last = await stream(delta("Hi there"), COMPLETED, b"data: [DONE]\n\n")
    assert (last.text, last.finish_reason) == ("Hi there", "stop")


@pytest.mark.parametrize(
    ("failure", "error"),
    [
        (event("response.failed", response=response("failed", [], error={"code": "rate_limit_exceeded", "message": "Slow"})),
         RateLimited),
        (event("response.failed", response=response("failed", [], error={"code": "server_error", "message": "Oops"})),
         ProviderError),
        (event("response.failed", response=response("failed", [])), ProviderError),
        (event("error", code="context_length_exceeded", message="Your input exceeds the context window.", param="input"),
         ContextTooLong),
        (event("error", error={"type": "insufficient_quota", "code": "credit_balance_exhausted", "message": "No credit."}),
         OutOfCredit),
    ],
)  # fmt: skip
async def test_an_error_can_come_as_an_event_flat_or_nested(failure, error):
    with pytest.raises(error) as caught:
        await stream(delta("Hi"), failure)
    assert type(caught.value) is error
    assert caught.value.extra["partial"].text == "Hi"


async def test_a_whole_answer_that_failed_is_an_error():
    failed = response("failed", [], error={"code": "server_error", "message": "Oops"})
    with pytest.raises(ProviderError) as caught:
        await vendor.complete(whole(JSON, failed), **ON)
    assert caught.value.vendor_message == "Oops"


@pytest.mark.parametrize("body", [{"ok": True}, {"output": "text"}, {"status": "completed"}, [], 3, "text"])
async def test_json_that_is_no_response_is_malformed(body):
    with pytest.raises(MalformedAnswer):
        await vendor.complete(whole(JSON, body), **ON)


async def test_a_chat_model_that_answers_only_here_is_asked_here_from_then_on():
    words = "This model is only supported in v1/responses and not in v1/chat/completions."
    error = {"error": {"message": words, "type": "invalid_request_error", "param": "model", "code": None}}
    scripts = (whole(JSON, error, status="404 Not Found"), whole(JSON, response()), whole(JSON, response()))
    async with BytesServer(*scripts) as server, vendor.adapter_at(server) as adapter:
        first, second = await adapter.complete(REQUEST), await adapter.complete(REQUEST)
    assert [request.path for request in server.requests] == ["/v1/chat/completions", "/v1/responses", "/v1/responses"]
    assert first.refusals == (Refusal("api", "responses", words),) and first.attempts == 2
    assert second.refusals == ()


async def test_a_server_without_this_api_is_asked_for_chat():
    error = {"error": {"message": "File Not Found", "type": "not_found_error", "code": 404}}
    scripts = (whole(JSON, error, status="404 Not Found"), whole(JSON, answer("yes")))
    async with BytesServer(*scripts) as server, vendor.adapter_at(server, **ON) as adapter:
        completion = await adapter.complete(REQUEST)
    assert [request.path for request in server.requests] == ["/v1/responses", "/v1/chat/completions"]
    assert [(one.flag, one.value) for one in completion.refusals] == [("api", "chat")]


async def test_a_model_that_is_not_there_is_not_looked_for_on_the_other_api():
    error = {"error": {"message": "The model `m` does not exist", "type": "invalid_request_error", "code": "model_not_found"}}
    async with BytesServer(whole(JSON, error, status="404 Not Found")) as server, vendor.adapter_at(server, **ON) as adapter:
        with pytest.raises(ProviderError):
            await adapter.complete(REQUEST)
    assert len(server.requests) == 1
