"""What Mistral says in its own way, byte by byte. Shapes from its SDK 3.7.0; error bodies also as third parties report them."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.providers.contract import ChatRequest, Message, ModelInfo, ToolCall, Usage
from apps.providers.errors import AuthenticationFailed, BadRequest, Interrupted, RateLimited
from tests.providers.native import REQUEST, Vendor
from tests.servers.bytes_server import DONE, JSON, SSE, BytesServer, answer, event, reply, whole, words

vendor = Vendor("mistral", "mistral-key-0123456789abcdef")
TOOL = {"name": "look", "parameters": {"type": "object"}}


async def sent_for(request: ChatRequest, **options) -> dict:
    async with BytesServer(whole(JSON, answer("yes"))) as server, vendor.adapter_at(server, **options) as adapter:
        await adapter.complete(request)
    return server.requests[0].json


async def test_the_seed_the_limit_and_the_tool_have_their_names_there():
    request = replace(REQUEST, seed=7, max_output_tokens=9, temperature=0.5, tools=(TOOL,), tool_choice="required")
    sent = await sent_for(request)
    assert (sent["random_seed"], sent["max_tokens"], sent["temperature"], sent["tool_choice"]) == (7, 9, 0.5, "any")
    assert not {"seed", "max_completion_tokens", "stream_options"} & set(sent)


async def test_one_tool_can_be_demanded_by_name():
    sent = await sent_for(replace(REQUEST, tools=(TOOL,), tool_choice="look"))
    assert sent["tool_choice"] == {"type": "function", "function": {"name": "look"}}


async def test_no_stream_options_are_sent_and_the_usage_comes_all_the_same():
    last = words("!", finish="stop") | {"usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7}}
    async with BytesServer(reply(SSE, event(words("Hi")), event(last), DONE)) as server, vendor.adapter_at(server) as adapter:
        *_deltas, completion = [piece async for piece in adapter.stream(REQUEST)]
    assert (completion.text, completion.usage) == ("Hi!", Usage(5, 2))
    assert server.requests[0].json["stream"] is True and "stream_options" not in server.requests[0].json


async def test_a_persons_switches_go_along():
    sent = await sent_for(REQUEST, quirks={"safe_prompt": True, "prompt_mode": "reasoning"})
    assert (sent["safe_prompt"], sent["prompt_mode"]) == (True, "reasoning")
    assert "safe_prompt" not in await sent_for(REQUEST)


async def test_thinking_comes_as_typed_pieces_inside_the_content():
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "Six times "}, {"type": "text", "text": "seven."}]}
    pieces = [words([thinking]), words([{"type": "text", "text": "Forty"}]), words("-two.", finish="stop")]
    deltas, last = await vendor.stream(reply(SSE, *map(event, pieces), DONE))
    assert (last.reasoning, last.text) == ("Six times seven.", "Forty-two.")
    assert deltas[0].reasoning and not deltas[0].text
    completion = await vendor.complete(whole(JSON, answer([thinking, {"type": "text", "text": "42"}])))
    assert (completion.reasoning, completion.text) == ("Six times seven.", "42")


async def test_calls_of_tools_come_whole_with_an_object_and_an_id_that_is_the_word_null():
    call = {"id": "null", "index": 0, "function": {"name": "look", "arguments": {"x": 1}}}
    _, last = await vendor.stream(reply(SSE, event(words(tool_calls=[call], finish="tool_calls")), DONE))
    assert last.tool_calls == (ToolCall("call_0", "look", '{"x": 1}'),)
    assert last.finish_reason == "tool_calls"


async def test_ids_that_another_vendor_gave_are_put_into_the_form_that_it_takes():
    messages = (
        Message("user", "Look"),
        Message(
            "assistant", "", tool_calls=(ToolCall("call_with_a_long_name", "look", "{}"), ToolCall("abcDEF123", "look", "{}"))
        ),
        Message("tool", "a cat", tool_call_id="call_with_a_long_name"),
        Message("tool", "a dog", tool_call_id="abcDEF123"),
    )
    sent = (await sent_for(ChatRequest("m", messages)))["messages"]
    first, second = (call["id"] for call in sent[1]["tool_calls"])
    assert first.isalnum() and len(first) == 9 and second == "abcDEF123"
    assert [message["tool_call_id"] for message in sent[2:]] == [first, second]


async def test_the_end_of_the_context_is_a_length_and_an_error_is_none():
    _, last = await vendor.stream(reply(SSE, event(words("Hi", finish="model_length")), DONE))
    assert last.finish_reason == "length"
    with pytest.raises(Interrupted) as caught:
        await vendor.stream(reply(SSE, event(words("Hi", finish="error")), DONE))
    assert caught.value.extra["partial"].text == "Hi"


@pytest.mark.parametrize(
    ("status", "body", "error"),
    [
        ("422 Unprocessable Entity", {"detail": [{"loc": ["body", "n"], "msg": "extra input", "type": "extra"}]}, BadRequest),
        ("400 Bad Request", {"object": "error", "message": "wrong", "type": "invalid_request_error", "code": "3051"}, BadRequest),
        ("401 Unauthorized", {"detail": "Unauthorized"}, AuthenticationFailed),
        ("401 Unauthorized", {"message": "Unauthorized", "request_id": "r-1"}, AuthenticationFailed),
        ("429 Too Many Requests", {"message": "Requests rate limit exceeded"}, RateLimited),
    ],
)
async def test_its_errors_come_in_several_shapes(status, body, error):
    with pytest.raises(error) as caught:
        await vendor.complete(whole(JSON, body, status=status))
    assert type(caught.value) is error and caught.value.vendor_message


async def test_only_models_that_chat_or_embed_are_taken_for_that():
    rows = [
        {"id": "mistral-large-4", "max_context_length": 1_048_576, "aliases": ["mistral-large-latest"],
         "capabilities": {"completion_chat": True, "function_calling": True, "vision": True, "reasoning": True}},
        {"id": "mistral-ocr-latest", "capabilities": {"completion_chat": False}},
        {"id": "mistral-embed", "capabilities": {"completion_chat": False}},
    ]  # fmt: skip
    async with BytesServer(whole(JSON, {"object": "list", "data": rows})) as server, vendor.adapter_at(server) as adapter:
        chat, ocr, embed = await adapter.list_models()
    assert chat == ModelInfo(
        "mistral-large-4", "", ("chat", "vision", "tools"), 1_048_576, details={"aliases": ["mistral-large-latest"]}
    )
    assert (ocr.capabilities, embed.capabilities) == ((), ("embeddings",))
