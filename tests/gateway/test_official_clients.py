"""The official clients of OpenAI and Anthropic, unchanged but for their base URL, against a stand-in that nobody here wrote.

Each asks a model that speaks its own dialect, whose bytes pass through, and one that speaks the other's, which is converted.
"""

from __future__ import annotations

import base64
import json

import anthropic
import openai
import pytest
from asgiref.sync import sync_to_async

from apps.providers.models import CreditUsage
from tests.servers.aimock import aimock  # noqa: F401

in_thread = sync_to_async
OURS, THEIRS = "acme/gpt-test", "bravo/claude-test"
BOTH = pytest.mark.parametrize("model", [OURS, THEIRS])
WEATHER = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"], "additionalProperties": False}
OPENAI_TOOL = {"type": "function", "function": {"name": "get_weather", "description": "Weather.", "parameters": WEATHER}}
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n" + bytes(40)).decode()


@pytest.fixture
async def key(gateway, aimock, model_at, key_of):  # noqa: F811
    await in_thread(model_at)(f"{aimock.url}/v1", name="acme", api_key="sk-test-123456")
    await in_thread(model_at)(aimock.url, name="bravo", kind="anthropic", key="claude-test")
    return await in_thread(key_of)()


@pytest.fixture
async def ai(gateway, key):
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0) as client:
        yield client


@pytest.fixture
async def claude(gateway, key):
    async with anthropic.AsyncAnthropic(base_url=gateway.url, api_key=key, max_retries=0) as client:
        yield client


def asks(text, model=OURS):
    return {"model": model, "messages": [{"role": "user", "content": text}]}


def asks_claude(text, model=THEIRS):
    return {**asks(text, model), "max_tokens": 200}


@BOTH
async def test_openai_gets_a_whole_answer(ai, model):
    answer = await ai.chat.completions.create(**asks("Say hello", model))
    assert answer.choices[0].message.content.startswith("Hello! How can I help you today? 🎉")
    assert answer.choices[0].finish_reason == "stop"
    assert answer.usage.total_tokens > 0
    assert answer.orq["model"] == model and float(answer.orq["cost"]) > 0


@BOTH
async def test_openai_gets_a_stream(ai, model):
    stream = await ai.chat.completions.create(**asks("Say hello", model), stream=True)
    chunks = [chunk async for chunk in stream]
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
    assert text.startswith("Hello! How can I help you today? 🎉") and len(chunks) > 3
    assert chunks[-1].choices[0].finish_reason == "stop"
    assert chunks[-1].orq["model"] == model


@BOTH
async def test_openai_gets_counts_where_it_asks_for_them(ai, model):
    asked = {**asks("Say hello", model), "stream": True, "stream_options": {"include_usage": True}}
    chunks = [chunk async for chunk in await ai.chat.completions.create(**asked)]
    assert chunks[-1].choices == [] and chunks[-1].usage.completion_tokens > 0 and chunks[-1].orq["model"] == model


@BOTH
@pytest.mark.parametrize("is_stream", [False, True])
async def test_openai_gets_calls_of_tools_whole(ai, model, is_stream):
    asked = {**asks("What is the weather in Recife?", model), "tools": [OPENAI_TOOL]}
    if is_stream:
        async with ai.chat.completions.stream(**asked) as stream:
            answer = await stream.get_final_completion()
    else:
        answer = await ai.chat.completions.create(**asked)
    [call] = answer.choices[0].message.tool_calls
    assert call.function.name == "get_weather" and json.loads(call.function.arguments) == {"city": "Recife"}
    assert answer.choices[0].finish_reason == "tool_calls"


@BOTH
@pytest.mark.parametrize(
    ("text", "error", "status"),
    [
        ("Hurry", openai.RateLimitError, 429),
        ("Spend everything", openai.RateLimitError, 429),
        ("Fill the context", openai.BadRequestError, 400),
        ("Crowd in", openai.InternalServerError, 503),
        ("Bring the wrong key", openai.InternalServerError, 502),
    ],
)
async def test_openai_gets_its_own_errors(ai, model, text, error, status):
    with pytest.raises(error) as raised:
        await ai.chat.completions.create(**asks(text, model))
    assert raised.value.status_code == status and raised.value.body["message"]
    if text == "Hurry":
        assert raised.value.response.headers["retry-after"] == "3600"
    if text == "Fill the context":
        assert raised.value.code == "context_length_exceeded"


@BOTH
async def test_openai_gets_a_response_whole_and_streamed(ai, model):
    whole = await ai.responses.create(model=model, input="Say hello")
    assert whole.output_text.startswith("Hello! How can I help you today? 🎉") and whole.usage.total_tokens > 0
    assert whole.orq["model"] == model
    async with ai.responses.stream(model=model, input="Say hello") as stream:
        kinds = [event.type async for event in stream]
        final = await stream.get_final_response()
    assert final.output_text == whole.output_text and "response.output_text.delta" in kinds
    assert kinds[0] == "response.created" and kinds[-1] == "response.completed"


@BOTH
async def test_openai_gets_calls_of_tools_in_a_response(ai, model):
    tool = {"type": "function", "name": "get_weather", "parameters": WEATHER, "strict": True}
    async with ai.responses.stream(model=model, input="What is the weather in Recife?", tools=[tool]) as stream:
        final = await stream.get_final_response()
    [call] = [item for item in final.output if item.type == "function_call"]
    assert call.name == "get_weather" and json.loads(call.arguments) == {"city": "Recife"}


async def test_openai_gets_embeddings(ai):
    answer = await ai.embeddings.create(model=OURS, input=["red", "red wine"])
    assert answer.data[0].embedding == [0.25, 0.5, -1.0] and len(answer.data) == 2


async def test_openai_lists_the_models(ai):
    names = [model.id async for model in ai.models.list()]
    assert names[:5] == ["orq/auto", "orq/cheapest", "orq/fastest", "orq/best", "orq/verified"]
    assert {OURS, THEIRS} <= set(names)
    assert (await ai.models.retrieve(OURS)).id == OURS
    with pytest.raises(openai.NotFoundError):
        await ai.models.retrieve("made/up")


@BOTH
async def test_anthropic_gets_a_whole_answer(claude, model):
    answer = await claude.messages.create(**asks_claude("Say hello", model))
    assert answer.content[0].text.startswith("Hello! How can I help you today? 🎉")
    assert answer.stop_reason == "end_turn" and answer.usage.output_tokens > 0
    assert answer.orq["model"] == model


@BOTH
async def test_anthropic_gets_a_stream(claude, model):
    async with claude.messages.stream(**asks_claude("Say hello", model)) as stream:
        pieces = [text async for text in stream.text_stream]
        final = await stream.get_final_message()
    assert len(pieces) > 2 and "".join(pieces) == final.content[0].text and final.usage.output_tokens > 0
    raw = await claude.messages.create(**asks_claude("Say hello", model), stream=True)
    events = [event async for event in raw]
    assert events[-1].type == "message_stop" and events[-1].orq["model"] == model


@BOTH
async def test_anthropic_gets_calls_of_tools(claude, model):
    tools = [{"name": "get_weather", "description": "Weather.", "input_schema": WEATHER}]
    whole = await claude.messages.create(**asks_claude("What is the weather in Recife?", model), tools=tools)
    async with claude.messages.stream(**asks_claude("What is the weather in Recife?", model), tools=tools) as stream:
        streamed = await stream.get_final_message()
    for answer in (whole, streamed):
        [call] = [block for block in answer.content if block.type == "tool_use"]
        assert (call.name, call.input, answer.stop_reason) == ("get_weather", {"city": "Recife"}, "tool_use")


@BOTH
@pytest.mark.parametrize(
    ("text", "error", "kind"),
    [
        ("Hurry", anthropic.RateLimitError, "rate_limit_error"),
        ("Fill the context", anthropic.BadRequestError, "invalid_request_error"),
        ("Bring the wrong key", anthropic.InternalServerError, "api_error"),
        ("Crowd in", anthropic.APIStatusError, "overloaded_error"),
    ],
)
async def test_anthropic_gets_its_own_errors(claude, model, text, error, kind):
    with pytest.raises(error) as raised:
        await claude.messages.create(**asks_claude(text, model))
    assert raised.value.body["type"] == "error" and raised.value.body["error"]["type"] == kind


async def test_anthropic_lists_the_models(claude):
    names = [model.id async for model in claude.models.list()]
    assert "orq/auto" in names and THEIRS in names


async def test_both_clients_are_told_of_a_wrong_key(gateway, key):
    async with openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key="orq_wrong", max_retries=0) as client:
        with pytest.raises(openai.AuthenticationError) as raised:
            await client.chat.completions.create(**asks("Say hello"))
    assert raised.value.code == "invalid_api_key"
    async with anthropic.AsyncAnthropic(base_url=gateway.url, api_key="orq_wrong", max_retries=0) as client:
        with pytest.raises(anthropic.AuthenticationError):
            await client.messages.create(**asks_claude("Say hello"))


async def test_every_call_of_either_client_is_a_row(gateway, ai, claude):
    await ai.chat.completions.create(**asks("Say hello"))
    await ai.chat.completions.create(**asks("Say hello", THEIRS))
    await claude.messages.create(**asks_claude("Say hello"))
    await claude.messages.create(**asks_claude("Say hello", OURS))
    await gateway.written()
    rows = await in_thread(lambda: list(CreditUsage.objects.values_list("purpose", "model_key", "error_code")))()
    assert sorted(rows) == [("gateway", "claude-test", "")] * 2 + [("gateway", "gpt-test", "")] * 2


async def test_a_picture_crosses_from_one_dialect_to_the_other(ai, claude):
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    content = [{"type": "text", "text": "Say hello"}, image]
    answer = await ai.chat.completions.create(model=THEIRS, messages=[{"role": "user", "content": content}])
    assert answer.choices[0].message.content
    block = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    content = [{"type": "text", "text": "Say hello"}, block]
    answer = await claude.messages.create(model=OURS, max_tokens=9, messages=[{"role": "user", "content": content}])
    assert answer.content[0].text
