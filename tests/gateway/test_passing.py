"""Requests that pass through: what reaches the server, what comes back, what is written down."""

from __future__ import annotations

import asyncio
import json
from decimal import Decimal

import pytest
from asgiref.sync import sync_to_async

from apps.providers.models import Breaker, Budget, CreditUsage, Reservation
from apps.providers.services import budget_create
from tests.servers.bytes_server import DONE, HOLD, JSON, SSE, BytesServer, answer, chunked, event, whole, words

ASKED = {"model": "acme/gpt-test", "messages": [{"role": "user", "content": "Olá ☕"}]}
COUNTS = {"id": "chatcmpl-1", "model": "m", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
in_thread = sync_to_async


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


async def rows() -> list[CreditUsage]:
    return await in_thread(lambda: list(CreditUsage.objects.order_by("pk")))()


def events_of(text: str) -> list:
    return [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]


async def test_a_request_goes_on_byte_for_byte_but_for_the_name_of_the_model(gateway, model_at, key_of):
    raw = b'{ "messages" : [{"role":"user","content":"Ol\\u00e1 1.0"}],\n "temperature":1.0,"made_up":{"x":[1e2]},'
    raw += b' "model":"acme/gpt-test" }'
    async with BytesServer(whole(JSON, answer("Hi"), keep=True)) as server:
        await in_thread(model_at)(server.url, name="acme")
        key = await in_thread(key_of)()
        got = await gateway.http.post("/v1/chat/completions", content=raw, headers=bearer(key))
    assert got.status_code == 200, got.text
    assert server.requests[0].body == raw.replace(b'"acme/gpt-test"', b'"gpt-test"')
    body = got.json()
    assert body["choices"] == answer("Hi")["choices"]
    assert body["orq"]["model"] == "acme/gpt-test"
    assert body["orq"]["cost"] == got.headers["x-orq-cost"] == "0.00000700"
    assert got.headers["x-orq-model"] == "acme/gpt-test"


async def test_a_call_is_a_row_with_its_key_its_tokens_and_its_cost(gateway, model_at, key_of, actor):
    async with BytesServer(whole(JSON, answer("Hi"), keep=True)) as server:
        model = await in_thread(model_at)(server.url, name="acme")
        key = await in_thread(key_of)()
        await gateway.http.post("/v1/chat/completions", json=ASKED, headers=bearer(key))
    await gateway.written()
    [row] = await rows()
    assert (row.model_id, row.owner_id, row.purpose) == (model.pk, actor.user.pk, "gateway")
    assert (row.input_tokens, row.output_tokens, row.cost_usd) == (3, 2, Decimal("0.000007"))
    assert row.key_id is not None and not row.is_estimated and row.error_code == ""


async def test_a_stream_passes_and_its_counts_are_read_without_showing_them(gateway, model_at, key_of):
    steps = [event(words("Hel")), event(words("lo")), event(words(finish="stop")), event(COUNTS), DONE]
    async with BytesServer(chunked(SSE, *steps)) as server:
        await in_thread(model_at)(server.url, name="acme")
        key = await in_thread(key_of)()
        got = await gateway.http.post("/v1/chat/completions", json={**ASKED, "stream": True}, headers=bearer(key))
    assert got.headers["content-type"].startswith("text/event-stream")
    assert server.requests[0].json["stream_options"] == {"include_usage": True}
    assert got.text.startswith((event(words("Hel")) + event(words("lo"))).decode())
    seen = events_of(got.text)
    assert all(chunk["choices"] for chunk in seen)
    assert seen[-1]["choices"][0]["finish_reason"] == "stop"
    assert seen[-1]["orq"]["cost"] == "0.00001300"
    assert got.text.endswith("data: [DONE]\n\n")
    await gateway.written()
    [row] = await rows()
    assert (row.input_tokens, row.output_tokens, row.first_token_ms is not None) == (7, 3, True)


async def test_who_asks_for_the_counts_gets_them_with_the_evidence(gateway, model_at, key_of):
    steps = [event(words("Hi")), event(words(finish="stop")), event(COUNTS), DONE]
    async with BytesServer(chunked(SSE, *steps)) as server:
        await in_thread(model_at)(server.url, name="acme")
        key = await in_thread(key_of)()
        asked = {**ASKED, "stream": True, "stream_options": {"include_usage": True}}
        got = await gateway.http.post("/v1/chat/completions", json=asked, headers=bearer(key))
    last = events_of(got.text)[-1]
    assert last["usage"] == COUNTS["usage"] and last["orq"]["model"] == "acme/gpt-test"


async def test_a_client_that_leaves_ends_the_call_and_what_came_is_written_down(gateway, model_at, key_of):
    async with BytesServer(chunked(SSE, event(words("word " * 8)), ending=HOLD)) as server:
        await in_thread(model_at)(server.url, name="acme")
        key = await in_thread(key_of)()
        asked = {**ASKED, "stream": True}
        async with gateway.http.stream("POST", "/v1/chat/completions", json=asked, headers=bearer(key)) as got:
            async for _piece in got.aiter_bytes():
                break
        await server.wait_until_client_is_gone()
        async with asyncio.timeout(5):
            while not await rows():
                await asyncio.sleep(0.02)
    [row] = await rows()
    assert (row.error_code, row.is_estimated, row.output_tokens) == ("cancelled", True, 10)


async def test_a_client_that_leaves_before_the_head_ends_the_call_too(gateway, model_at, key_of):
    async with BytesServer((HOLD,)) as server:
        await in_thread(model_at)(server.url, name="acme")
        key = await in_thread(key_of)()
        asking = asyncio.create_task(gateway.http.post("/v1/chat/completions", json=ASKED, headers=bearer(key)))
        async with asyncio.timeout(5):
            while not server.requests:
                await asyncio.sleep(0.01)
        asking.cancel()
        await asyncio.gather(asking, return_exceptions=True)
        await server.wait_until_client_is_gone()
        async with asyncio.timeout(5):
            while not await rows():
                await asyncio.sleep(0.02)
    [row] = await rows()
    assert row.error_code == "cancelled" and row.is_estimated


async def test_a_stream_that_breaks_off_ends_with_an_error_and_is_marked(gateway, model_at, key_of):
    async with BytesServer(chunked(SSE, event(words("Once upon")))) as server:
        await in_thread(model_at)(server.url, name="acme")
        key = await in_thread(key_of)()
        got = await gateway.http.post("/v1/chat/completions", json={**ASKED, "stream": True}, headers=bearer(key))
    assert events_of(got.text)[-1]["error"]["code"] == "interrupted"
    await gateway.written()
    [row] = await rows()
    assert row.error_code == "interrupted" and row.is_estimated


async def test_a_vendors_own_refusal_comes_through_whole_and_its_keys_do_not(gateway, model_at, key_of):
    said = {
        "error": {
            "message": "No tool for sk-abcdefghijkl, sorry.",
            "type": "invalid_request_error",
            "param": "tools",
            "code": "x",
        }
    }
    async with BytesServer(whole(JSON, said, status="400 Bad Request")) as server:
        await in_thread(model_at)(server.url, name="acme")
        key = await in_thread(key_of)()
        got = await gateway.http.post("/v1/chat/completions", json=ASKED, headers=bearer(key))
    assert got.status_code == 400
    assert got.json()["error"] == {**said["error"], "message": "No tool for [redacted], sorry."}


async def test_a_refused_key_of_the_provider_is_not_told_as_the_clients(gateway, model_at, key_of):
    said = {"error": {"message": "Incorrect API key provided: sk-1234567890.", "code": "invalid_api_key"}}
    async with BytesServer(whole(JSON, said, status="401 Unauthorized")) as server:
        await in_thread(model_at)(server.url, name="acme")
        key = await in_thread(key_of)()
        got = await gateway.http.post("/v1/chat/completions", json=ASKED, headers=bearer(key))
    assert got.status_code == 502 and got.json()["error"]["code"] == "authentication"
    assert "sk-1234" not in got.text
    assert await in_thread(Breaker.objects.exists)()


async def test_a_rate_limit_comes_with_how_long_to_wait(gateway, model_at, key_of):
    said = {"error": {"message": "Rate limit reached.", "type": "rate_limit_error", "code": "rate_limit_exceeded"}}
    async with BytesServer(whole({**JSON, "retry-after": "7"}, said, status="429 Too Many Requests")) as server:
        await in_thread(model_at)(server.url, name="acme")
        key = await in_thread(key_of)()
        got = await gateway.http.post("/v1/chat/completions", json=ASKED, headers=bearer(key))
    assert (got.status_code, got.headers["retry-after"]) == (429, "7")
    assert got.json()["error"]["code"] == "rate_limit_exceeded"


async def test_a_fallback_answers_when_the_first_model_cannot(gateway, model_at, key_of):
    async with (
        BytesServer(whole(JSON, {"error": {"message": "busy"}}, status="503 Service Unavailable")) as first,
        BytesServer(whole(JSON, answer("From the second"), keep=True)) as second,
    ):
        await in_thread(model_at)(first.url, name="acme")
        await in_thread(model_at)(second.url, name="bravo", key="other")
        key = await in_thread(key_of)()
        asked = {**ASKED, "fallbacks": ["bravo/other"]}
        got = await gateway.http.post("/v1/chat/completions", json=asked, headers=bearer(key))
    assert got.json()["choices"][0]["message"]["content"] == "From the second"
    assert got.headers["x-orq-model"] == "bravo/other"
    assert "fallbacks" not in second.requests[0].json
    await gateway.written()
    assert [row.error_code for row in await rows()] == ["overloaded", ""]


async def test_a_slow_reader_holds_up_neither_its_row_nor_anybody_else(gateway, model_at, key_of):
    long = [event(words("x" * 20_000)) for _ in range(200)]
    async with BytesServer(chunked(SSE, *long, event(words(finish="stop")), event(COUNTS), DONE)) as server:
        await in_thread(model_at)(server.url, name="acme")
        key = await in_thread(key_of)(cuts_loops=False)
        reader, writer = await asyncio.open_connection("127.0.0.1", gateway.http.base_url.port, limit=1024)
        body = json.dumps({**ASKED, "stream": True}).encode()
        head = (
            f"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        writer.write(head.encode() + body)
        assert await reader.read(1)
        async with asyncio.timeout(10):
            while not await rows():
                await asyncio.sleep(0.02)
        writer.close()
    [row] = await rows()
    assert (row.error_code, row.output_tokens) == ("", 3)


async def test_fifty_at_once_against_money_for_ten(gateway, model_at, key_of, actor):
    """Each call may cost 1 US dollar at most and costs that; ten dollars are there."""
    costs_one = {**answer("Hi"), "usage": {"prompt_tokens": 0, "completion_tokens": 1_000_000}}
    async with BytesServer(whole(JSON, costs_one, keep=True)) as server:
        await in_thread(model_at)(server.url, name="acme", price_input=Decimal(0), price_output=Decimal(1))
        key = await in_thread(key_of)(budget_usd=Decimal(10))
        asked = {**ASKED, "max_tokens": 1_000_000}
        ask = [gateway.http.post("/v1/chat/completions", json=asked, headers=bearer(key)) for _ in range(50)]
        got = await asyncio.gather(*ask)
    codes = [one.status_code for one in got]
    assert codes.count(200) == 10 and codes.count(429) == 40
    refused = next(one for one in got if one.status_code == 429)
    assert refused.json()["error"]["type"] == "insufficient_quota"
    await gateway.written()
    spent = await in_thread(lambda: Budget.objects.get().spent_usd)()
    assert spent == 10
    assert len(server.requests) == 10
    got = await gateway.http.post("/v1/chat/completions", json=asked, headers=bearer(key))
    assert got.status_code == 429 and got.headers["x-should-retry"] == "false"
    assert "It begins anew at" in got.json()["error"]["message"]


async def test_a_block_that_is_set_aside_is_given_back(gateway, model_at, key_of, actor):
    async with BytesServer(whole(JSON, answer("Hi"), keep=True)) as server:
        await in_thread(model_at)(server.url, name="acme")
        await in_thread(budget_create)(actor, scope="team", period="month", limit_usd=Decimal(1000))
        key = await in_thread(key_of)()
        for _ in range(5):
            got = await gateway.http.post("/v1/chat/completions", json={**ASKED, "max_tokens": 10}, headers=bearer(key))
            assert got.status_code == 200
        await gateway.written()
        [held] = await in_thread(lambda: list(Reservation.objects.all()))()
        assert held.settled_at is None and held.cost_usd == Decimal("0.000035")
    await gateway.app.aclose()
    [held] = await in_thread(lambda: list(Reservation.objects.all()))()
    assert held.settled_at is not None and held.left_usd == 0
    assert await in_thread(lambda: Budget.objects.get().spent_usd)() == Decimal("0.000035")


@pytest.mark.parametrize("path", ["/v1/made-up", "/v1/"])
async def test_other_addresses_are_told_apart(gateway, path):
    got = await gateway.http.post(path, json={})
    assert got.status_code == 404 and got.json()["error"]["code"] == "unknown_url"
