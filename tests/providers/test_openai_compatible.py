"""The adapter for OpenAI-compatible servers against servers that nobody here wrote: llama.cpp and aimock."""

from __future__ import annotations

from dataclasses import replace

import pytest

from apps.providers.contract import ChatRequest, Connection, Message
from tests.providers.aimock_contract import AimockContract
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


class TestWithAimock(AimockContract):
    model = "gpt-4o"
    embedding_model = "text-embedding-3-small"
    thinking_model = "o3"
    gives_request_ids = True

    @pytest.fixture
    def connection(self, aimock):
        return Connection("openai_compatible", aimock.url, "sk-aimock-for-tests", allow_private=True, max_attempts=1)

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
