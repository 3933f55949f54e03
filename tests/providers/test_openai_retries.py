"""When the adapter asks again, how long it waits for what, and how soon it lets go."""

from __future__ import annotations

import asyncio
import time
from contextlib import aclosing
from dataclasses import replace

import pytest

from apps.providers.adapters.base import Call
from apps.providers.contract import ChatRequest, Connection, Delta, Message
from apps.providers.errors import (
    AddressRefused,
    AuthenticationFailed,
    BadRequest,
    Interrupted,
    OutOfCredit,
    Overloaded,
    ProviderTimeout,
    RateLimited,
    Unreachable,
)
from tests.providers.compatible import REQUEST, adapter_at, complete, stream
from tests.servers.bytes_server import (
    DONE,
    HOLD,
    JSON,
    KEEP,
    RESET,
    SSE,
    BytesServer,
    answer,
    chunked,
    event,
    reply,
    whole,
    words,
)

BUSY = whole({"retry-after": "0"}, "", status="503 Busy")
GOOD = whole(JSON, answer("good"))
FULL = ChatRequest(
    "m", (Message("user", "Hi"),), max_output_tokens=9, temperature=0.3, seed=4, stop=("X",), json_schema={"type": "object"}
)


def refusal(message: str, param: str | None = None) -> tuple:
    error = {"message": message, "type": "invalid_request_error", "param": param, "code": None}
    return whole(JSON, {"error": error}, status="400 Bad Request")


async def test_it_asks_again_when_the_server_is_busy_and_counts_the_attempts():
    answer = await complete(BUSY, BUSY, GOOD, max_attempts=3)
    assert (answer.text, answer.attempts) == ("good", 3)


async def test_it_gives_up_after_the_attempts_that_the_connection_allows():
    async with BytesServer(BUSY) as server, adapter_at(server, max_attempts=3) as adapter:
        with pytest.raises(Overloaded) as caught:
            await adapter.complete(REQUEST)
        assert len(server.requests) == 3 == caught.value.extra["attempts"]


@pytest.mark.parametrize(
    ("script", "error"),
    [
        (whole(JSON, {"error": {"type": "insufficient_quota"}}, status="429 No"), OutOfCredit),
        (whole(JSON, {}, status="401 No"), AuthenticationFailed),
        (whole(JSON, {}, status="400 No"), BadRequest),
        (whole({"x-should-retry": "false"}, "", status="503 No"), Overloaded),
        (whole({"retry-after": "61"}, "", status="429 No"), RateLimited),
    ],
)
async def test_it_does_not_ask_again_when_that_cannot_help(script, error):
    async with BytesServer(script, GOOD) as server, adapter_at(server, max_attempts=3) as adapter:
        started = time.monotonic()
        with pytest.raises(error):
            await adapter.complete(REQUEST)
        assert len(server.requests) == 1
        assert time.monotonic() - started < 1


async def test_an_hour_long_retry_after_is_passed_on():
    with pytest.raises(RateLimited) as caught:
        await complete(whole({"retry-after": "3600"}, "", status="429 No"), max_attempts=3)
    assert caught.value.retry_after_s == 3600


async def test_it_waits_as_long_as_the_server_asks():
    started = time.monotonic()
    await complete(whole({"retry-after-ms": "300"}, "", status="429 No"), GOOD, max_attempts=2)
    assert 0.3 <= time.monotonic() - started < 3


async def test_it_does_not_wait_past_the_end_of_the_time_allowed():
    started = time.monotonic()
    with pytest.raises(Overloaded):
        await complete(whole({"retry-after": "30"}, "", status="503 No"), GOOD, max_attempts=2, total_timeout_s=1)
    assert time.monotonic() - started < 1


def test_the_waits_double_and_vary():
    call = Call(Connection("openai_compatible", "http://h", max_attempts=9))
    waits = []
    for failures in range(1, 8):
        call.failures = failures
        waits.append([call._wait_s(None) for _ in range(50)])
    for expected, found in zip((0.5, 1, 2, 4, 8, 8, 8), waits, strict=True):
        assert expected * 0.75 <= min(found) < max(found) <= expected
    assert call._wait_s(0.0) == 0.0


async def test_it_asks_again_when_a_whole_answer_breaks_off():
    torn = (b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{",)
    answer = await complete(torn, GOOD, max_attempts=2)
    assert (answer.text, answer.attempts) == ("good", 2)


async def test_a_stream_begins_again_only_before_its_first_word():
    silent = reply(SSE, event(words(role="assistant")), RESET)
    deltas, last = await stream(silent, reply(SSE, event(words("good", finish="stop"))), max_attempts=2)
    assert (last.text, last.attempts, len(deltas)) == ("good", 2, 1)
    async with (
        BytesServer(reply(SSE, event(words("half")), RESET), GOOD) as server,
        adapter_at(server, max_attempts=3) as adapter,
    ):
        with pytest.raises(Interrupted):
            [piece async for piece in adapter.stream(REQUEST)]
        assert len(server.requests) == 1


async def test_a_kept_connection_that_the_server_closed_is_replaced_without_an_attempt():
    async with BytesServer(GOOD) as server, adapter_at(server, max_attempts=1) as adapter:
        for _ in range(5):
            assert (await adapter.complete(REQUEST)).text == "good"
        assert len(server.requests) == 5


async def test_a_new_connection_that_is_closed_at_once_is_an_attempt():
    async with BytesServer((b"",)) as server, adapter_at(server, max_attempts=1) as adapter:
        with pytest.raises(Unreachable):
            await adapter.complete(REQUEST)
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("message", "param", "gone", "instead"),
    [
        (
            "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead.",
            "max_tokens",
            "max_tokens",
            "max_completion_tokens",
        ),
        ("Unsupported value: 'temperature' does not support 0.3 with this model.", "temperature", "temperature", None),
        ("`temperature` is deprecated for this model", None, "temperature", None),
        ("Unknown parameter: seed", None, "seed", None),
        ("body -> stop: Extra inputs are not permitted", None, "stop", None),
    ],
)
async def test_a_parameter_that_is_refused_is_put_another_way_and_remembered(message, param, gone, instead):
    async with BytesServer(refusal(message, param), whole(JSON, answer("{}"))) as server, adapter_at(server) as adapter:
        first = await adapter.complete(FULL)
        second = await adapter.complete(FULL)
        await adapter.complete(replace(FULL, model="another"))
    refused, repeated, later, other_model = (request.json for request in server.requests)
    assert gone in refused
    for body in (repeated, later):
        assert gone not in body
        assert instead is None or body[instead] == 9
        assert set(refused) - {gone} <= set(body)
    assert gone in other_model
    assert (first.attempts, second.attempts) == (2, 1)


async def test_max_completion_tokens_refused_becomes_max_tokens():
    script = refusal("Unrecognized request argument: max_completion_tokens")
    async with BytesServer(script, GOOD) as server, adapter_at(server, kind="openai") as adapter:
        await adapter.complete(replace(REQUEST, max_output_tokens=9))
    assert [("max_tokens" in r.json, "max_completion_tokens" in r.json) for r in server.requests] == [
        (False, True),
        (True, False),
    ]


async def test_a_server_that_refuses_both_ways_is_believed():
    script = refusal("Unsupported parameter: max_tokens and max_completion_tokens are unknown")
    async with BytesServer(script) as server, adapter_at(server) as adapter:
        with pytest.raises(BadRequest):
            await adapter.complete(replace(REQUEST, max_output_tokens=9))
        assert len(server.requests) == 2 or len(server.requests) == 3


async def test_a_limit_that_is_too_large_is_no_reason_to_put_it_another_way():
    script = refusal("max_tokens is too large: 9. This model supports at most 4 completion tokens", "max_tokens")
    async with BytesServer(script) as server, adapter_at(server) as adapter:
        with pytest.raises(BadRequest):
            await adapter.complete(replace(REQUEST, max_output_tokens=9))
        assert len(server.requests) == 1


async def test_stream_options_refused_are_left_out_and_the_usage_is_estimated():
    good = reply(SSE, event(words("good", finish="stop")))
    async with BytesServer(refusal("Unknown field stream_options"), good) as server, adapter_at(server) as adapter:
        for _ in range(2):
            last = [piece async for piece in adapter.stream(REQUEST)][-1]
        assert last.usage.is_estimated
    assert ["stream_options" in request.json for request in server.requests] == [True, False, False]


async def test_a_model_that_may_not_be_streamed_is_asked_for_a_whole_answer():
    script = refusal("Your organization must be verified to stream this model.", "stream")
    async with BytesServer(script, GOOD) as server, adapter_at(server) as adapter:
        pieces = [piece async for piece in adapter.stream(REQUEST)]
    assert [type(piece) for piece in pieces[:-1]] == [Delta] and pieces[-1].text == "good"
    assert "stream" not in server.requests[1].json


async def test_response_format_steps_down_from_schema_to_object_to_words():
    scripts = (
        refusal("response_format json_schema is not supported"),
        refusal("'response_format' of type json_object is not supported with this model", "response_format"),
        whole(JSON, answer('{"a": 1}')),
    )
    async with BytesServer(*scripts) as server, adapter_at(server) as adapter:
        assert (await adapter.complete(FULL)).data == {"a": 1}
        await adapter.complete(FULL)
    formats = [(request.json.get("response_format") or {}).get("type") for request in server.requests]
    assert formats == ["json_schema", "json_object", None, None]
    assert "JSON schema" in server.requests[2].json["messages"][-1]["content"]


async def test_quirks_of_the_connection_are_known_from_the_start():
    quirks = {
        "max_tokens_param": "max_completion_tokens",
        "temperature": False,
        "extra_body": {"ttl": 60},
        "headers": {"x-a": "b"},
    }
    async with BytesServer(GOOD) as server, adapter_at(server, quirks=quirks) as adapter:
        await adapter.complete(replace(REQUEST, max_output_tokens=9, temperature=0.1))
    [request] = server.requests
    assert request.json["max_completion_tokens"] == 9 and request.json["ttl"] == 60 and "temperature" not in request.json
    assert request.headers["x-a"] == "b"


async def test_mistral_gets_its_own_names():
    async with (
        BytesServer(reply(SSE, event(words("good", finish="stop")))) as server,
        adapter_at(server, kind="mistral") as adapter,
    ):
        [piece async for piece in adapter.stream(replace(REQUEST, seed=3))]
    [request] = server.requests
    assert request.json["random_seed"] == 3 and "seed" not in request.json and "stream_options" not in request.json


async def test_silence_in_a_stream_is_a_timeout_that_keeps_the_words():
    with pytest.raises(ProviderTimeout) as caught:
        await stream(reply(SSE, event(words("half")), HOLD), idle_timeout_s=0.2)
    assert caught.value.extra["partial"].text == "half"


async def test_silence_before_a_stream_is_a_timeout():
    with pytest.raises(ProviderTimeout):
        await stream((HOLD,), idle_timeout_s=0.2)


async def test_a_whole_answer_may_take_longer_than_the_silence_allowed_in_a_stream():
    assert (await complete((0.5, *GOOD), idle_timeout_s=0.2)).text == "good"


async def test_the_total_time_ends_an_answer_that_goes_on():
    endless = reply(SSE, *[event(words("and ")), 0.05] * 100)
    for ask in (stream, complete):
        started = time.monotonic()
        with pytest.raises(ProviderTimeout) as caught:
            await ask(endless, total_timeout_s=0.4)
        assert 0.3 < time.monotonic() - started < 2
        assert caught.value.extra["partial"].text.startswith("and and")


async def test_the_total_time_ends_the_wait_for_a_whole_answer():
    started = time.monotonic()
    with pytest.raises(ProviderTimeout):
        await complete((HOLD,), total_timeout_s=0.3, max_attempts=3)
    assert time.monotonic() - started < 2


@pytest.mark.parametrize("ping", [b": ping\n\n", b"event: ping\ndata: {}\n\n", event({"type": "ping"})])
async def test_keep_alive_signals_do_not_hold_a_call_open_for_ever(ping):
    pings = reply(SSE, *[ping, 0.05] * 100)
    started = time.monotonic()
    with pytest.raises(ProviderTimeout):
        await stream(pings, idle_timeout_s=1, quirks={"no_content_timeout_s": 0.4})
    assert 0.3 < time.monotonic() - started < 2


async def test_keep_alive_signals_hold_a_call_open_while_the_server_works():
    script = reply(SSE, *[b": ping\n\n", 0.1] * 6, event(words("good", finish="stop")))
    assert (await stream(script, idle_timeout_s=0.3))[1].text == "good"


async def test_an_answer_that_has_ended_is_not_held_up_by_an_open_connection(monkeypatch):
    monkeypatch.setattr("apps.providers.adapters.base.TAIL_TIMEOUT_S", 0.2)
    monkeypatch.setattr("apps.providers.adapters.base.TimedBytes.saw_end.__kwdefaults__", {"wait_s": 0.2})
    _, last = await stream(reply(SSE, event(words("all", finish="stop")), HOLD))
    assert last.text == "all" and last.latency_ms < 2000


@pytest.mark.parametrize("way", ["complete", "stream"])
@pytest.mark.parametrize(
    "script", [(HOLD,), reply(SSE, event(words("half")), HOLD), chunked(SSE, event(words("a")), ending=HOLD)]
)
async def test_cancelling_closes_the_connection_to_the_server_at_once(way, script):
    async with BytesServer(script) as server, adapter_at(server) as adapter:

        async def ask():
            if way == "complete":
                await adapter.complete(REQUEST)
            else:
                [piece async for piece in adapter.stream(REQUEST)]

        asking = asyncio.create_task(ask())
        async with asyncio.timeout(5):
            while not server.requests:
                await asyncio.sleep(0.005)
        cancelled_at = time.monotonic()
        asking.cancel()
        assert await server.wait_until_client_is_gone() - cancelled_at < 0.3
        with pytest.raises(asyncio.CancelledError):
            await asking


async def test_closing_a_stream_between_two_words_closes_the_connection_at_once():
    async with BytesServer(chunked(SSE, event(words("half")), ending=HOLD)) as server, adapter_at(server) as adapter:
        async with aclosing(adapter.stream(REQUEST)) as pieces:
            async for _piece in pieces:
                break
            closed_at = time.monotonic()
        assert await server.wait_until_client_is_gone() - closed_at < 0.3


async def test_a_stream_that_is_dropped_without_being_closed_lets_go_as_well():
    async with BytesServer(chunked(SSE, event(words("half")), ending=HOLD)) as server, adapter_at(server) as adapter:
        async for _piece in adapter.stream(REQUEST):
            break
        dropped_at = time.monotonic()
        assert await server.wait_until_client_is_gone() - dropped_at < 0.3


async def test_cancelling_the_wait_before_another_attempt_ends_it():
    busy = whole({"retry-after": "30"}, "", status="503 Busy")
    async with BytesServer(busy, GOOD) as server, adapter_at(server, max_attempts=3) as adapter:
        asking = asyncio.create_task(adapter.complete(REQUEST))
        async with asyncio.timeout(5):
            while not server.requests:
                await asyncio.sleep(0.005)
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        assert len(server.requests) == 1


async def test_a_private_address_is_refused_before_anything_is_sent():
    async with BytesServer(GOOD) as server, adapter_at(server, allow_private=False, max_attempts=3) as adapter:
        with pytest.raises(AddressRefused) as caught:
            await adapter.complete(REQUEST)
        assert server.connections == 0
        assert "ORQ_PRIVATE_HOSTS" in caught.value.message and caught.value.status == 400


async def test_many_calls_share_the_adapter():
    async with BytesServer((*GOOD, KEEP)) as server, adapter_at(server) as adapter:
        answers = await asyncio.gather(*(adapter.complete(REQUEST) for _ in range(20)))
        assert {answer.text for answer in answers} == {"good"}


async def test_done_without_more_is_the_end_of_the_wait():
    _, last = await stream(chunked(SSE, event(words("a", finish="stop")) + DONE, ending=HOLD))
    assert last.latency_ms < 1500
