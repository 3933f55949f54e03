"""What every adapter must do, whatever it speaks: a test class for each of them to inherit.

A subclass gives the fixture `connection` and says, as class attributes, what its server answers to which prompt. What a
server cannot play is None there, and the test that needs it is skipped.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import replace

import pytest

from apps.providers.adapters import make_adapter
from apps.providers.contract import Adapter, ChatRequest, Completion, Connection, Delta, Message
from apps.providers.errors import AddressRefused, AuthenticationFailed, ContextTooLong, ProviderError, Unreachable
from tests.servers.services import free_port

YES_OR_NO = {
    "type": "object",
    "properties": {"answer": {"type": "string", "enum": ["yes", "no"]}},
    "required": ["answer"],
    "additionalProperties": False,
}


class AdapterContract:
    model: str
    prompt: str  # gets a short answer
    expected: str | None = None  # that answer, where it is always the same
    long_prompt: str  # gets an answer that takes more than a second to stream
    json_prompt: str | None  # gets an answer that fits YES_OR_NO when that schema is asked for
    embedding_model: str | None = None
    context_prompt: str | None = None  # does not fit
    refuses_wrong_keys = True
    gives_logprobs = False

    @pytest.fixture
    async def adapter(self, connection):
        adapter = make_adapter(connection)
        yield adapter
        await adapter.aclose()

    @pytest.fixture
    def slow_connection(self, connection) -> Connection:
        """One over which `long_prompt` gets its long answer."""
        return connection

    @pytest.fixture
    async def slow_adapter(self, slow_connection):
        adapter = make_adapter(slow_connection)
        yield adapter
        await adapter.aclose()

    @pytest.fixture(params=["complete", "stream"])
    def way(self, request) -> str:
        return request.param

    def ask(self, prompt: str, **options) -> ChatRequest:
        return ChatRequest(self.model, (Message("user", prompt),), **options)

    async def answered(self, adapter: Adapter, request: ChatRequest, way: str) -> Completion:
        """What comes of it, asked whole or read as a stream."""
        return await adapter.complete(request) if way == "complete" else [piece async for piece in adapter.stream(request)][-1]

    def test_it_is_an_adapter(self, adapter):
        assert isinstance(adapter, Adapter)

    def test_it_does_not_show_the_key(self, connection):
        assert connection.api_key
        assert connection.api_key not in repr(connection)

    async def test_it_lists_models(self, adapter):
        models = await adapter.list_models()
        assert self.model in [model.key for model in models]

    async def test_it_says_that_the_server_is_fine(self, adapter):
        result = await adapter.check()
        assert result.ok, result.message
        assert result.models == len(await adapter.list_models())
        assert result.message and result.latency_ms is not None and not result.error_code

    async def test_it_answers(self, adapter):
        answer = await adapter.complete(self.ask(self.prompt, max_output_tokens=60, temperature=0))
        assert answer.text
        assert answer.text == (self.expected or answer.text)
        assert answer.finish_reason in ("stop", "length")
        assert answer.model
        assert answer.attempts == 1
        assert 0 <= answer.latency_ms < 60_000

    async def test_it_counts_the_tokens_as_the_vendor_does(self, adapter):
        usage = (await adapter.complete(self.ask(self.prompt, max_output_tokens=60))).usage
        assert usage.input_tokens > 0 and usage.output_tokens > 0 and not usage.is_estimated

    async def test_it_streams_the_same_answer_in_pieces(self, adapter):
        request = self.ask(self.prompt, max_output_tokens=60, temperature=0)
        *deltas, last = [piece async for piece in adapter.stream(request)]
        whole = await adapter.complete(request)
        assert isinstance(last, Completion)
        assert len(deltas) > 1 and all(isinstance(delta, Delta) for delta in deltas)
        assert "".join(delta.text for delta in deltas) == last.text == whole.text
        assert "".join(delta.reasoning for delta in deltas) == last.reasoning == whole.reasoning
        assert last.usage == replace(whole.usage, cached_tokens=last.usage.cached_tokens)
        assert last.finish_reason == whole.finish_reason

    async def test_it_says_when_the_first_token_came(self, adapter):
        async for piece in adapter.stream(self.ask(self.prompt, max_output_tokens=60)):
            last = piece
        assert 0 <= last.first_token_ms <= last.latency_ms

    async def test_it_gives_json_that_fits_the_schema(self, adapter):
        if self.json_prompt is None:
            pytest.skip("this server does not hold a model to a schema")
        request = self.ask(self.json_prompt, json_schema=YES_OR_NO, max_output_tokens=200, temperature=0)
        assert (await adapter.complete(request)).data["answer"] in ("yes", "no")

    async def test_it_streams_json_that_fits_the_schema(self, adapter):
        if self.json_prompt is None:
            pytest.skip("this server does not hold a model to a schema")
        request = self.ask(self.json_prompt, json_schema=YES_OR_NO, max_output_tokens=200, temperature=0)
        pieces = [piece async for piece in adapter.stream(request)]
        assert pieces[-1].data["answer"] in ("yes", "no")

    async def test_it_says_how_likely_each_word_was_where_it_is_told(self, adapter, way):
        request = self.ask(self.prompt, max_output_tokens=20, temperature=0, logprobs=True, top_logprobs=3)
        answer = await self.answered(adapter, request, way)
        if not self.gives_logprobs:
            assert answer.logprobs is None
            return
        assert "".join(one.token for one in answer.logprobs).startswith(answer.text[:10])
        assert all(-100 < one.logprob <= 0 and len(one.top) == 3 for one in answer.logprobs)

    async def test_it_tells_nothing_of_likelihood_unasked(self, adapter):
        assert (await adapter.complete(self.ask(self.prompt, max_output_tokens=20))).logprobs is None

    async def test_it_stops_when_the_reader_goes_away(self, adapter, slow_adapter):
        async with aclosing(slow_adapter.stream(self.ask(self.long_prompt, max_output_tokens=2000))) as pieces:
            async for _piece in pieces:
                break
        answer = await adapter.complete(self.ask(self.prompt, max_output_tokens=60))
        assert answer.text

    async def test_it_stops_at_once_when_it_is_cancelled(self, slow_adapter):
        first_piece = asyncio.Event()

        async def read():
            async for _piece in slow_adapter.stream(self.ask(self.long_prompt, max_output_tokens=2000)):
                first_piece.set()

        reading = asyncio.create_task(read())
        async with asyncio.timeout(10):
            await first_piece.wait()
        reading.cancel()
        started = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await reading
        assert time.monotonic() - started < 0.3

    async def test_it_answers_several_at_once(self, adapter):
        request = self.ask(self.prompt, max_output_tokens=30)
        answers = await asyncio.gather(*(adapter.complete(request) for _ in range(6)))
        assert all(answer.text for answer in answers)

    async def test_it_says_that_the_key_is_wrong(self, connection):
        if not self.refuses_wrong_keys:
            pytest.skip("this server takes every key")
        wrong = "sk-this-is-a-wrong-key-0123456789"
        adapter = make_adapter(replace(connection, api_key=wrong))
        with pytest.raises(AuthenticationFailed) as caught:
            await adapter.complete(self.ask(self.prompt))
        assert wrong not in f"{caught.value} {caught.value.message} {caught.value.vendor_message}"
        result = await adapter.check()
        assert not result.ok and result.error_code == "authentication"
        await adapter.aclose()

    async def test_it_says_that_nobody_answers(self, connection):
        adapter = make_adapter(replace(connection, base_url=f"http://127.0.0.1:{free_port()}", max_attempts=1))
        with pytest.raises(Unreachable):
            await adapter.complete(self.ask(self.prompt))
        result = await adapter.check()
        assert not result.ok and result.error_code == "unreachable"
        await adapter.aclose()

    async def test_it_calls_no_private_address_unless_that_is_allowed(self, connection):
        adapter = make_adapter(replace(connection, allow_private=False))
        with pytest.raises(AddressRefused):
            await adapter.complete(self.ask(self.prompt))
        result = await adapter.check()
        assert not result.ok and result.error_code == "address_refused"
        await adapter.aclose()

    async def test_it_says_that_the_text_does_not_fit(self, adapter):
        if self.context_prompt is None:
            pytest.skip("this server has no limit")
        with pytest.raises(ContextTooLong):
            await adapter.complete(self.ask(self.context_prompt))

    async def test_it_makes_vectors_of_texts(self, adapter):
        if self.embedding_model is None:
            pytest.skip("this server makes no embeddings")
        vectors = await adapter.embed(self.embedding_model, ["red", "red"])
        assert len(vectors) == 2 and len(vectors[0]) == len(vectors[1]) > 1
        assert vectors[0] == pytest.approx(vectors[1], abs=1e-4)

    async def test_all_of_its_errors_are_of_one_family(self, connection):
        adapter = make_adapter(replace(connection, base_url=f"http://127.0.0.1:{free_port()}", max_attempts=1))
        for attempt in (adapter.list_models(), adapter.embed("m", ["red"]), adapter.complete(self.ask(self.prompt))):
            with pytest.raises(ProviderError):
                await attempt
        await adapter.aclose()
