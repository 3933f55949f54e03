"""The adapter for OpenAI, on both of its APIs, against servers that nobody here wrote: aimock, and llama.cpp's /v1/responses."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.providers.contract import Connection
from tests.providers.aimock_contract import AimockContract
from tests.providers.contract import AdapterContract
from tests.servers.aimock import aimock
from tests.servers.llama import llama

__all__ = ["aimock", "llama"]


class OpenAIContract(AimockContract):
    api: str
    model = "gpt-4o"
    embedding_model = "text-embedding-3-small"
    thinking_model = "o3"
    gives_request_ids = True

    @pytest.fixture
    def connection(self, aimock):
        key = "sk-aimock-for-tests"
        return Connection("openai", aimock.url, key, allow_private=True, max_attempts=1, quirks={"api": self.api})

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
