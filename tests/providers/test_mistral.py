"""The adapter for Mistral. Nobody plays this vendor: aimock and llama.cpp speak the protocol that it shares with OpenAI, and what
it says in its own way is played byte by byte in test_mistral_wire.py."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.providers.adapters.mistral.adapter import MistralAdapter
from apps.providers.contract import Connection
from tests.providers.aimock_contract import AimockContract
from tests.providers.contract import AdapterContract
from tests.servers.aimock import aimock
from tests.servers.llama import llama

__all__ = ["aimock", "llama"]


class TestWithAimock(AimockContract):
    model = "gpt-4o"
    embedding_model = "text-embedding-3-small"
    thinking_model = "o3"

    @pytest.fixture
    def connection(self, aimock):
        return Connection("mistral", aimock.url, "mistral-aimock-for-tests", allow_private=True, max_attempts=1)

    def test_it_is_mistrals_own(self, adapter):
        assert isinstance(adapter, MistralAdapter)

    async def test_it_counts_the_tokens_as_the_vendor_does(self, connection, adapter):
        """aimock counts in a stream only when asked to by a field that this vendor does not have."""
        await super().test_it_counts_the_tokens_as_the_vendor_does(adapter)

    async def test_it_streams_the_same_answer_in_pieces(self, slow_adapter):
        *deltas, last = [piece async for piece in slow_adapter.stream(self.ask(self.prompt))]
        assert "".join(delta.text for delta in deltas) == last.text == self.expected and len(deltas) > 1


class TestWithLlamaCpp(AdapterContract):
    model = "practice-good"
    prompt = "1: add 7 and 8\n2: subtract 2 from 9"
    long_prompt = "What is 2 + 3?"
    json_prompt = "Is 5 larger than 3? Answer yes or no."
    embedding_model = "practice-good"
    context_prompt = "one two three four " * 3000
    gives_logprobs = True

    @pytest.fixture
    def connection(self, llama):
        """llama.cpp counts in a stream only when asked to, which this vendor does by itself."""
        return Connection("mistral", llama.url, llama.api_key, allow_private=True, quirks={"include_usage": True})

    @pytest.fixture
    def slow_connection(self, connection):
        return replace(connection, quirks={**connection.quirks, "extra_body": {"ignore_eos": True}})
