"""What every adapter must do against aimock, which plays each vendor's protocol by the same script (tests/servers/aimock.py).

A subclass names its models and the fixture `connection`, and says where its vendor's protocol is another.
"""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

import pytest

from apps.providers.contract import ChatRequest, Message, ToolCall
from apps.providers.errors import (
    AuthenticationFailed,
    ContextTooLong,
    Interrupted,
    MalformedAnswer,
    OutOfCredit,
    Overloaded,
    ProviderError,
    RateLimited,
)
from tests.providers.contract import AdapterContract

LOOK = ({"name": "look", "parameters": {"type": "object"}},)
CONVERSATION = (
    Message("system", "Be brief."),
    Message("user", "Look", images=("data:image/png;base64,iVBORw0KGgo=",)),
    Message("assistant", "", tool_calls=(ToolCall("c1", "look", '{"x": 1}'), ToolCall("c2", "look", "{}"))),
    Message("tool", "a cat", tool_call_id="c1"),
    Message("tool", "a dog", tool_call_id="c2"),
    Message("assistant", "A cat and a dog."),
    Message("user", "Say hello"),
)
WEATHER = ({"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {"type": "string"}}}},)
ERRORS: dict[str, type[ProviderError]] = {
    "Spend everything": OutOfCredit,
    "Hurry": RateLimited,
    "Crowd in": Overloaded,
    "Bring the wrong key": AuthenticationFailed,
    "Fill the context": ContextTooLong,
}


class AimockContract(AdapterContract):
    prompt = "Say hello"
    expected = "Hello! How can I help you today? 🎉 Olá, você."
    long_prompt = "Tell a long story"
    json_prompt = "Yes or no, as JSON"
    context_prompt = "Fill the context"
    refuses_wrong_keys = False
    thinking_model: str | None  # aimock lets only thinking models think
    errors: ClassVar[dict[str, type[ProviderError]]] = ERRORS
    gives_request_ids = False
    tells_of_limits = True
    nonsense: type[ProviderError] = MalformedAnswer  # what bytes that make no sense are taken for

    def pytest_generate_tests(self, metafunc: pytest.Metafunc) -> None:
        if "error_prompt" in metafunc.fixturenames:
            metafunc.parametrize("error_prompt", metafunc.cls.errors)

    async def test_it_knows_the_vendors_errors(self, adapter, error_prompt, way):
        with pytest.raises(ProviderError) as caught:
            await self.answered(adapter, self.ask(error_prompt), way)
        assert type(caught.value) is self.errors[error_prompt]
        assert caught.value.vendor_message and "********" not in caught.value.message
        assert caught.value.request_id.startswith("req-") or not self.gives_request_ids

    async def test_it_takes_thinking_apart_from_the_answer(self, adapter, way):
        if self.thinking_model is None:
            pytest.skip("aimock has no thoughts in this protocol")
        answer = await self.answered(adapter, replace(self.ask("Think first"), model=self.thinking_model), way)
        assert (answer.text, answer.reasoning) == ("Forty-two.", "Six times seven.")
        assert answer.usage.reasoning_tokens <= answer.usage.output_tokens == 7

    async def test_it_gives_tool_calls(self, adapter, way):
        answer = await self.answered(adapter, self.ask("What is the weather?", tools=WEATHER, tool_choice="required"), way)
        assert answer.finish_reason == "tool_calls"
        [call] = answer.tool_calls
        assert (call.name, call.arguments.replace(" ", "")) == ("get_weather", '{"city":"Recife"}')
        assert call.id

    async def test_a_stream_that_breaks_off_keeps_its_words(self, adapter):
        with pytest.raises(Interrupted) as caught:
            await self.answered(adapter, self.ask("Break off"), "stream")
        assert caught.value.extra["partial"].text.startswith("This")
        assert caught.value.extra["partial"].usage.is_estimated

    async def test_an_answer_cut_at_the_limit_says_so(self, adapter, way):
        if not self.tells_of_limits:
            pytest.skip("aimock ends every answer of this protocol as whole")
        assert (await self.answered(adapter, self.ask("Say too much"), way)).finish_reason == "length"

    async def test_it_says_that_the_answer_makes_no_sense(self, adapter, aimock):
        with aimock.chaos(malformedRate=1):
            with pytest.raises(self.nonsense):
                await adapter.complete(self.ask("Say hello"))

    async def test_a_conversation_with_tools_and_images_is_taken(self, adapter):
        assert (await adapter.complete(ChatRequest(self.model, CONVERSATION, tools=LOOK))).text == self.expected
