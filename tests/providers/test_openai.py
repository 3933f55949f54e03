"""The adapter for OpenAI, on both of its APIs, against servers that nobody here wrote: aimock, and llama.cpp's /v1/responses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.providers.contract import ChatRequest, Connection, Message, ToolCall
from apps.providers.errors import (
    AuthenticationFailed,
    ContextTooLong,
    Interrupted,
    MalformedAnswer,
    OutOfCredit,
    Overloaded,
    RateLimited,
)
from tests.providers.contract import AdapterContract
from tests.servers.aimock import aimock
from tests.servers.llama import llama

__all__ = ["aimock", "llama"]
WEATHER = ({"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},)
CONVERSATION = (
    Message("system", "Be brief."),
    Message("user", "Look", images=("data:image/png;base64,iVBORw0KGgo=",)),
    Message("assistant", "", tool_calls=(ToolCall("c1", "look", '{"x": 1}'), ToolCall("c2", "look", "{}"))),
    Message("tool", "a cat", tool_call_id="c1"),
    Message("tool", "a dog", tool_call_id="c2"),
    Message("assistant", "A cat and a dog."),
    Message("user", "Say hello"),
)


class OpenAIContract(AdapterContract):
    api: str
    model = "gpt-4o"
    prompt = "Say hello"
    expected = "Hello! How can I help you today? 🎉 Olá, você."
    long_prompt = "Tell a long story"
    json_prompt = "Yes or no, as JSON"
    embedding_model = "text-embedding-3-small"
    context_prompt = "Fill the context"
    refuses_wrong_keys = False

    @pytest.fixture
    def connection(self, aimock):
        key = "sk-aimock-for-tests"
        return Connection("openai", aimock.url, key, allow_private=True, max_attempts=1, quirks={"api": self.api})

    @pytest.mark.parametrize(
        ("prompt", "error"),
        [
            ("Spend everything", OutOfCredit),
            ("Hurry", RateLimited),
            ("Crowd in", Overloaded),
            ("Bring the wrong key", AuthenticationFailed),
            ("Fill the context", ContextTooLong),
        ],
    )
    @pytest.mark.parametrize("way", ["complete", "stream"])
    async def test_it_knows_the_vendors_errors(self, adapter, prompt, error, way):
        with pytest.raises(error) as caught:
            if way == "complete":
                await adapter.complete(self.ask(prompt))
            else:
                [piece async for piece in adapter.stream(self.ask(prompt))]
        assert type(caught.value) is error
        assert caught.value.vendor_message and caught.value.request_id.startswith("req-")

    async def test_it_takes_thinking_apart_from_the_answer(self, adapter):
        request = replace(self.ask("Think first"), model="o3")  # aimock lets only thinking models think
        for answer in (await adapter.complete(request), [piece async for piece in adapter.stream(request)][-1]):
            assert (answer.text, answer.reasoning) == ("Forty-two.", "Six times seven.")
            assert answer.usage.output_tokens == 7

    @pytest.mark.parametrize("way", ["complete", "stream"])
    async def test_it_gives_tool_calls(self, adapter, way):
        request = self.ask("What is the weather?", tools=WEATHER, tool_choice="required")
        if way == "complete":
            answer = await adapter.complete(request)
        else:
            answer = [piece async for piece in adapter.stream(request)][-1]
        assert answer.finish_reason == "tool_calls"
        [call] = answer.tool_calls
        assert (call.name, call.arguments) == ("get_weather", '{"city":"Recife"}')
        assert call.id

    async def test_a_stream_that_breaks_off_keeps_its_words(self, adapter):
        with pytest.raises(Interrupted) as caught:
            [piece async for piece in adapter.stream(self.ask("Break off"))]
        assert caught.value.extra["partial"].text.startswith("This")
        assert caught.value.extra["partial"].usage.is_estimated

    @pytest.mark.parametrize("way", ["complete", "stream"])
    async def test_an_answer_cut_at_the_limit_says_so(self, adapter, way):
        if way == "complete":
            answer = await adapter.complete(self.ask("Say too much"))
        else:
            answer = [piece async for piece in adapter.stream(self.ask("Say too much"))][-1]
        assert answer.finish_reason == "length"

    async def test_it_says_that_the_answer_makes_no_sense(self, adapter, aimock):
        with aimock.chaos(malformedRate=1):
            with pytest.raises(MalformedAnswer):
                await adapter.complete(self.ask("Say hello"))

    async def test_a_conversation_with_tools_and_images_is_taken(self, adapter):
        tools = ({"name": "look", "parameters": {"type": "object"}},)
        assert (await adapter.complete(ChatRequest(self.model, CONVERSATION, tools=tools))).text == self.expected

    async def test_it_asks_on_that_api(self, adapter, aimock):
        await adapter.complete(self.ask("Say hello"))
        path = {"chat": "/v1/chat/completions", "responses": "/v1/responses"}[self.api]
        assert [entry["path"] for entry in aimock.journal() if "Say hello" in str(entry["body"])][-1] == path


class TestChatCompletionsWithAimock(OpenAIContract):
    api = "chat"


class TestResponsesWithAimock(OpenAIContract):
    api = "responses"


class TestResponsesWithLlamaCpp(AdapterContract):
    """llama.cpp's own reading of the responses API, with a practice model that really writes."""

    model = "practice-good"
    prompt = "1: add 7 and 8\n2: subtract 2 from 9"
    long_prompt = "What is 2 + 3?"
    json_prompt = None  # llama.cpp b11549 leaves `text.format` of this API unread
    embedding_model = "practice-good"
    context_prompt = "one two three four " * 3000

    @pytest.fixture
    def connection(self, llama):
        return Connection("openai", llama.url, llama.api_key, allow_private=True, quirks={"api": "responses"})

    @pytest.fixture
    def slow_connection(self, connection):
        return replace(connection, quirks={**connection.quirks, "extra_body": {"ignore_eos": True}})
