"""What people paste and what servers send by mistake, in every protocol that an adapter speaks."""

from __future__ import annotations

import asyncio
import gzip
import json
import time
from contextlib import aclosing

import pytest

from apps.providers.adapters import base, make_adapter
from apps.providers.contract import Connection
from apps.providers.errors import (
    AuthenticationFailed,
    BadRequest,
    ContextTooLong,
    Interrupted,
    MalformedAnswer,
    NotAnApi,
    Overloaded,
    ProviderError,
    ProviderTimeout,
)
from tests.providers.native import REQUEST
from tests.providers.wires import KEY, WIRES
from tests.servers.bytes_server import HOLD, HTML, JSON, BytesServer, chunked, reply, whole

every_wire = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)
both_ways = pytest.mark.parametrize("way", ["complete", "stream"])
KEY_HEADERS = ("authorization", "x-api-key", "x-goog-api-key")


async def ask(adapter, way: str = "complete"):
    if way == "complete":
        return await adapter.complete(REQUEST)
    return [piece async for piece in adapter.stream(REQUEST)][-1]


# ── keys ──────────────────────────────────────────────────────────────────────────────────────────────────────────


@every_wire
async def test_a_key_pasted_with_blanks_and_line_ends_around_it_is_the_key(wire):
    async with wire.at(whole(JSON, wire.body("Hi")), api_key=f" \r\n\t{KEY}\r\n ") as (server, adapter):
        assert (await ask(adapter)).text == "Hi"
    [sent] = [server.requests[-1].headers[name] for name in KEY_HEADERS if name in server.requests[-1].headers]
    assert sent.removeprefix("Bearer ") == KEY


@every_wire
@pytest.mark.parametrize("key", ["sk-a\nb-0123456789", "sk-a\r\nX-Evil: 1", "sk-ключ-0123456789", "sk-\x00-0123456789"])
async def test_a_key_that_no_header_can_carry_is_refused_before_anything_is_sent(wire, key):
    async with wire.at(whole(JSON, wire.body("Hi")), api_key=key) as (server, adapter):
        with pytest.raises(AuthenticationFailed) as caught:
            await ask(adapter)
        assert (await adapter.check()).error_code == "authentication"
    assert server.requests == [] and key not in caught.value.message


@every_wire
@both_ways
@pytest.mark.parametrize("said", ["Incorrect API key provided: %s.", "This key (%s) was revoked.", "No such key: %s…"])
async def test_a_key_of_another_vendor_or_a_revoked_one_is_said_to_be_refused_and_never_shown(wire, way, said):
    refused = whole(JSON, {"error": {"message": said % KEY[:20], "type": "authentication_error"}}, status="401 Unauthorized")
    async with wire.at(refused) as (server, adapter):
        with pytest.raises(AuthenticationFailed) as caught:
            await ask(adapter, way)
    assert KEY[:20] not in f"{caught.value} {caught.value.message} {caught.value.vendor_message} {caught.value.extra}"
    assert len(server.requests) == 1 + wire.asks_first


# ── addresses ─────────────────────────────────────────────────────────────────────────────────────────────────────

TYPED = {
    "openai_compatible": ("", "/", "/v1", "/v1/", "/v1/chat/completions", "/v1/chat/completions/", "/v1/models"),
    "openai": ("", "/", "/v1", "/v1/", "/v1/chat/completions", "/v1/responses"),
    "mistral": ("", "/v1", "/v1/", "/v1/chat/completions"),
    "llamacpp": ("", "/", "/v1", "/v1/", "/v1/chat/completions"),
    "anthropic": ("", "/", "/v1", "/v1/", "/v1/messages"),
    "google": ("", "/", "/v1beta", "/v1beta/", "/v1beta/models/gemini-2.5-flash:generateContent"),
    "ollama": ("", "/", "/v1", "/v1/", "/api", "/api/chat", "/v1/chat/completions"),
    "lmstudio": ("", "/", "/v1", "/v1/", "/api/v1", "/v1/chat/completions", "/api/v1/chat"),
}


@pytest.mark.parametrize(("kind", "typed"), [(kind, typed) for kind, paths in TYPED.items() for typed in paths])
async def test_an_address_leads_to_the_same_place_however_it_is_typed(kind, typed):
    plain, other = (make_adapter(Connection(kind, f"http://127.0.0.1:9{path}")) for path in ("", typed))
    ours, same = (getattr(adapter, "base_url", None) or adapter.connection.base_url for adapter in (plain, other))
    assert ours == same
    await plain.aclose()
    await other.aclose()


# ── what comes with status 200 and is no answer ───────────────────────────────────────────────────────────────────


@every_wire
@both_ways
async def test_a_web_page_is_no_api_and_is_not_shown(wire, way):
    page = "<!doctype html><html><title>Sign in to the hotel</title></html>"
    async with wire.at(whole(HTML, page)) as (_server, adapter):
        with pytest.raises(NotAnApi) as caught:
            await ask(adapter, way)
    assert "hotel" not in f"{caught.value.message} {caught.value.vendor_message}"


@every_wire
@both_ways
@pytest.mark.parametrize("status", ["502 Bad Gateway", "503 Service Unavailable", "529 ", "530 "])
async def test_an_error_page_of_a_proxy_is_an_error_whatever_its_phrase(wire, way, status):
    async with wire.at(whole(HTML, "<html><h1>Cloudflare</h1></html>", status=status)) as (_server, adapter):
        with pytest.raises(ProviderError) as caught:
            await ask(adapter, way)
    assert caught.value.retryable and "Cloudflare" not in caught.value.message
    assert status.startswith("530") or isinstance(caught.value, Overloaded)


@every_wire
@both_ways
@pytest.mark.parametrize(
    "error", ["something broke", {"message": "something broke"}, {"message": "something broke", "code": 500}]
)
async def test_an_error_inside_a_success_is_an_error_in_every_shape(wire, way, error):
    async with wire.at(whole(JSON, {"error": error})) as (_server, adapter):
        with pytest.raises(ProviderError) as caught:
            await ask(adapter, way)
    assert caught.value.vendor_message == "something broke"


@every_wire
@both_ways
async def test_a_compressed_answer_is_read_though_none_was_asked_for(wire, way):
    body = json.dumps(wire.body("Olá, você.")).encode() if way == "complete" else wire.stream("Olá, ", "você.")
    headers = {**(JSON if way == "complete" else wire.headers), "content-encoding": "gzip"}
    async with wire.at(whole(headers, gzip.compress(body))) as (server, adapter):
        assert (await ask(adapter, way)).text == "Olá, você."
    if way == "stream":
        assert server.requests[-1].headers["accept-encoding"] == "identity"


@every_wire
@both_ways
async def test_bytes_that_are_no_text_are_replaced_and_can_be_stored(wire, way):
    body = json.dumps(wire.body("bad: @@")).encode() if way == "complete" else wire.stream("bad: @@")
    headers = JSON if way == "complete" else wire.headers
    async with wire.at(whole(headers, body.replace(b"@@", b"\xff\xfe"))) as (_server, adapter):
        text = (await ask(adapter, way)).text
    assert text == "bad: \ufffd\ufffd" and text.encode()


@every_wire
@both_ways
async def test_halves_of_characters_and_nul_do_not_reach_the_database(wire, way):
    text = "a\ud83cb\x00c"
    body = json.dumps(wire.body("@@")) if way == "complete" else wire.stream("@@").decode()
    raw = body.replace("@@", json.dumps(text)[1:-1]).encode()
    async with wire.at(whole(JSON if way == "complete" else wire.headers, raw)) as (_server, adapter):
        got = (await ask(adapter, way)).text
    assert got == "a\ufffdbc"


@every_wire
@both_ways
async def test_a_line_of_two_megabytes_is_read(wire, way):
    text = "x" * 2_000_000
    body = json.dumps(wire.body(text)).encode() if way == "complete" else wire.stream(text)
    async with wire.at(whole(JSON if way == "complete" else wire.headers, body)) as (_server, adapter):
        assert (await ask(adapter, way)).text == text


@every_wire
@both_ways
async def test_an_answer_that_never_ends_is_cut_off(wire, way, monkeypatch):
    monkeypatch.setattr(base, "LARGEST_ANSWER", 200_000)
    piece = wire.pieces("word " * 2000)
    async with wire.at(chunked(wire.headers, *[piece] * 200, ending=HOLD)) as (_server, adapter):
        with pytest.raises((MalformedAnswer, Interrupted)):
            await ask(adapter, way)


@every_wire
async def test_an_answer_that_goes_on_and_on_ends_with_the_time_allowed(wire):
    slowly = [step for _word in range(200) for step in (wire.pieces("word "), 0.05)]
    async with wire.at(chunked(wire.headers, *slowly, ending=HOLD), total_timeout_s=0.6) as (_server, adapter):
        began = time.monotonic()
        with pytest.raises(ProviderTimeout) as caught:
            await ask(adapter, "stream")
    assert time.monotonic() - began < 3 and caught.value.extra["partial"].text.startswith("word ")


@every_wire
@both_ways
@pytest.mark.parametrize("status", ["301 Moved Permanently", "307 Temporary Redirect", "308 Permanent Redirect"])
async def test_a_redirect_to_another_host_is_named_and_the_key_does_not_follow(wire, way, status):
    async with BytesServer(whole(JSON, wire.body("Hi"))) as other:
        moved = whole({**JSON, "location": f"{other.url}/elsewhere?key=secret"}, "", status=status)
        async with wire.at(moved) as (_server, adapter):
            with pytest.raises(NotAnApi) as caught:
                await ask(adapter, way)
    assert other.requests == [] and other.connections == 0
    assert f"127.0.0.1:{other.port}" in caught.value.message and "secret" not in caught.value.message


@every_wire
@both_ways
async def test_a_model_that_vanished_between_list_and_call_is_named_as_that(wire, way):
    gone = {"error": {"message": "The model `m` does not exist or you do not have access to it.", "type": "not_found_error"}}
    async with wire.at(whole(JSON, gone, status="404 Not Found")) as (server, adapter):
        with pytest.raises(BadRequest) as caught:
            await ask(adapter, way)
    assert "does not have this model" in caught.value.message and not caught.value.retryable
    assert len(server.requests) == 1 + wire.asks_first


@every_wire
@pytest.mark.parametrize(
    ("status", "message"),
    [
        ("400 Bad Request", "This model's maximum context length is 8192 tokens."),
        ("400 Bad Request", "prompt is too long: 210000 tokens > 200000 maximum"),
        ("400 Bad Request", "The input token count (1100000) exceeds the maximum number of tokens allowed (1048576)."),
        ("400 Bad Request", "request (351 tokens) exceeds the available context size (256 tokens), try increasing it"),
        ("500 Internal Server Error", "contextLengthReached"),
        ("413 Payload Too Large", "Too large."),
    ],
)
async def test_a_text_that_does_not_fit_is_known_in_every_spelling(wire, status, message):
    async with wire.at(whole(JSON, {"error": {"message": message}}, status=status)) as (_server, adapter):
        with pytest.raises(ContextTooLong):
            await ask(adapter)


# ── going away ────────────────────────────────────────────────────────────────────────────────────────────────────


@every_wire
@pytest.mark.parametrize("way", ["cancel", "close", "before the first word", "complete"])
async def test_the_server_is_let_go_within_300_ms_of_the_readers_leaving(wire, way):
    pieces = () if way in ("before the first word", "complete") else (wire.pieces("Hi"),)
    async with wire.at(chunked(wire.headers, *pieces, ending=HOLD)) as (server, adapter):
        if way == "close":
            async with aclosing(adapter.stream(REQUEST)) as stream:
                await anext(stream)
                left = time.monotonic()
        else:
            heard = asyncio.Event()

            async def read():
                if way == "complete":
                    await adapter.complete(REQUEST)
                async for _piece in adapter.stream(REQUEST):
                    heard.set()

            reading = asyncio.create_task(read())
            async with asyncio.timeout(5):
                while len(server.requests) < 1 + wire.asks_first:
                    await asyncio.sleep(0.01)
                if pieces:
                    await heard.wait()
            left = time.monotonic()
            reading.cancel()
            with pytest.raises(asyncio.CancelledError):
                await reading
        assert await server.wait_until_client_is_gone() - left < 0.3


@every_wire
async def test_a_cut_before_the_last_mark_is_never_a_success(wire):
    async with wire.at(reply(wire.headers, wire.pieces("Hi "), wire.pieces("there"))) as (_server, adapter):
        with pytest.raises(Interrupted) as caught:
            await ask(adapter, "stream")
    assert caught.value.extra["partial"].text == "Hi there"
    assert caught.value.extra["partial"].finish_reason == "unknown"
