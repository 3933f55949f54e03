"""The adapter for OpenAI-compatible servers against servers that nobody here wrote: llama.cpp and aimock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.providers.contract import ChatRequest, Connection, Message
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


class TestWithLlamaCpp(AdapterContract):
    model = "practice-good"
    prompt = "1: add 7 and 8\n2: subtract 2 from 9"  # a practice model answers it at length
    long_prompt = "What is 2 + 3?"
    json_prompt = "Is 5 larger than 3? Answer yes or no."
    embedding_model = "practice-good"
    context_prompt = "one two three four " * 3000
    gives_logprobs = True

    @pytest.fixture
    def connection(self, llama):
        return Connection("openai_compatible", llama.url, llama.api_key, allow_private=True)

    @pytest.fixture
    def slow_connection(self, connection):
        return replace(connection, quirks={"extra_body": {"ignore_eos": True}})  # it goes on until max_output_tokens

    async def test_an_answer_that_hits_the_limit_says_so(self, adapter):
        answer = await adapter.complete(self.ask(self.prompt, max_output_tokens=1))
        assert answer.finish_reason == "length"
        assert answer.usage.output_tokens == 1


class TestWithAimock(AdapterContract):
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
        return Connection("openai_compatible", aimock.url, "sk-aimock-for-tests", allow_private=True, max_attempts=1)

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
        assert caught.value.vendor_message
        assert caught.value.request_id.startswith("req-")
        assert "********" not in caught.value.message

    async def test_it_takes_thinking_apart_from_the_answer(self, adapter):
        request = replace(self.ask("Think first"), model="o3")  # aimock lets only thinking models think
        for answer in (await adapter.complete(request), [piece async for piece in adapter.stream(request)][-1]):
            assert (answer.text, answer.reasoning) == ("Forty-two.", "Six times seven.")
            assert answer.usage.reasoning_tokens <= answer.usage.output_tokens == 7

    @pytest.mark.parametrize("way", ["complete", "stream"])
    async def test_it_gives_tool_calls(self, adapter, way):
        request = self.ask("What is the weather?", tools=({"name": "get_weather", "parameters": {"type": "object"}},))
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

    async def test_an_answer_cut_at_the_limit_says_so(self, adapter):
        assert (await adapter.complete(self.ask("Say too much"))).finish_reason == "length"

    async def test_it_says_that_the_answer_makes_no_sense(self, adapter, aimock):
        with aimock.chaos(malformedRate=1):
            with pytest.raises(MalformedAnswer):
                await adapter.complete(self.ask("Say hello"))

    async def test_the_conversation_arrives_as_it_was_said(self, adapter, aimock):
        messages = (
            Message("system", "Be brief."),
            Message("user", "Hi"),
            Message("assistant", "Hi!"),
            Message("user", "Say hello"),
        )
        await adapter.complete(ChatRequest("gpt-4o", messages))
        sent = aimock.journal()[-1]["body"]["messages"]
        assert [(message["role"], message["content"]) for message in sent] == [(m.role, m.content) for m in messages]
