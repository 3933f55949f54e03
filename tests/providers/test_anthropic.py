"""The adapter for Anthropic's messages API against aimock, a server that nobody here wrote."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.providers.contract import ChatRequest, Connection, Message, ToolCall
from apps.providers.errors import (
    AuthenticationFailed,
    ContextTooLong,
    Interrupted,
    MalformedAnswer,
    NotSupported,
    Overloaded,
    RateLimited,
)
from tests.providers.contract import AdapterContract
from tests.servers.aimock import aimock

__all__ = ["aimock"]


class TestWithAimock(AdapterContract):
    model = "claude-3-5-sonnet-20241022"
    prompt = "Say hello"
    expected = "Hello! How can I help you today? 🎉 Olá, você."
    long_prompt = "Tell a long story"
    json_prompt = "Yes or no, as JSON"
    context_prompt = "Fill the context"
    refuses_wrong_keys = False

    @pytest.fixture
    def connection(self, aimock):
        return Connection("anthropic", aimock.url, "sk-ant-aimock-for-tests", allow_private=True, max_attempts=1)

    @pytest.mark.parametrize(
        ("prompt", "error"),
        [
            ("Hurry", RateLimited),
            ("Crowd in", Overloaded),
            ("Overdo it", Overloaded),
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
        assert "********" not in caught.value.message

    async def test_it_takes_thinking_apart_from_the_answer(self, adapter):
        request = replace(self.ask("Think first"), model="claude-opus-4-5")  # aimock lets only thinking models think
        for answer in (await adapter.complete(request), [piece async for piece in adapter.stream(request)][-1]):
            assert (answer.text, answer.reasoning) == ("Forty-two.", "Six times seven.")
            assert answer.usage.output_tokens == 7

    @pytest.mark.parametrize("way", ["complete", "stream"])
    async def test_it_gives_tool_calls(self, adapter, way):
        request = self.ask("What is the weather?", tools=({"name": "get_weather", "parameters": {"type": "object"}},))
        if way == "complete":
            answer = await adapter.complete(request)
        else:
            answer = [piece async for piece in adapter.stream(request)][-1]
        assert answer.finish_reason == "tool_calls"
        [call] = answer.tool_calls
        assert (call.name, call.arguments.replace(" ", "")) == ("get_weather", '{"city":"Recife"}')
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

    async def test_a_conversation_with_tools_and_images_is_taken(self, adapter):
        messages = (
            Message("system", "Be brief."),
            Message("user", "Look", images=("data:image/png;base64,iVBORw0KGgo=",)),
            Message("assistant", "", tool_calls=(ToolCall("c1", "look", '{"x": 1}'), ToolCall("c2", "look", "{}"))),
            Message("tool", "a cat", tool_call_id="c1"),
            Message("tool", "a dog", tool_call_id="c2"),
            Message("user", "Say hello"),
        )
        tools = ({"name": "look", "parameters": {"type": "object"}},)
        assert (await adapter.complete(ChatRequest(self.model, messages, tools=tools))).text == self.expected

    async def test_it_says_that_it_makes_no_embeddings(self, adapter):
        with pytest.raises(NotSupported):
            await adapter.embed("any", ["red"])
