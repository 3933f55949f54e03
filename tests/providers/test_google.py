"""The adapter for Google's Gemini API against aimock, a server that nobody here wrote."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.providers.adapters import make_adapter
from apps.providers.contract import ChatRequest, Connection, Message, ToolCall
from apps.providers.errors import (
    AuthenticationFailed,
    ContextTooLong,
    Interrupted,
    MalformedAnswer,
    Overloaded,
    RateLimited,
)
from tests.providers.contract import AdapterContract
from tests.providers.listing import listing
from tests.servers.aimock import aimock

__all__ = ["aimock"]


class TestWithAimock(AdapterContract):
    model = "gemini-2.5-flash"
    prompt = "Say hello"
    expected = "Hello! How can I help you today? 🎉 Olá, você."
    long_prompt = "Tell a long story"
    json_prompt = "Yes or no, as JSON"
    embedding_model = "gemini-embedding-001"
    context_prompt = "Fill the context"
    refuses_wrong_keys = False

    @pytest.fixture
    def connection(self, aimock):
        return Connection("google", aimock.url, "AIza-aimock-for-tests", allow_private=True, max_attempts=1)

    @pytest.fixture
    async def listing_adapter(self, connection):
        """aimock has no model list for this vendor, so the list is one as its reference describes it."""
        rows = [
            {"name": f"models/{self.model}", "supportedGenerationMethods": ["generateContent", "countTokens"]},
            {"name": "models/imagen-4", "supportedGenerationMethods": ["predict"]},
        ]
        with listing({"/v1beta/models?pageSize=1000": {"models": rows}}) as server:
            adapter = make_adapter(replace(connection, base_url=f"http://127.0.0.1:{server.port}"))
            yield adapter
            await adapter.aclose()

    async def test_it_lists_models(self, listing_adapter):
        await super().test_it_lists_models(listing_adapter)

    async def test_it_says_that_the_server_is_fine(self, listing_adapter):
        await super().test_it_says_that_the_server_is_fine(listing_adapter)

    @pytest.mark.parametrize(
        ("prompt", "error"),
        [
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
        assert "********" not in caught.value.message

    async def test_it_takes_thinking_apart_from_the_answer(self, adapter):
        request = replace(self.ask("Think first"), model="gemini-2.5-pro")  # aimock lets only thinking models think
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
