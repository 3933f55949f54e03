"""What nobody should send, in each dialect: told in that dialect's shape, before anything is asked or spent."""

from __future__ import annotations

import asyncio
import base64
import json
import socket
from datetime import timedelta
from decimal import Decimal

import pytest
from asgiref.sync import sync_to_async
from django.utils import timezone

from apps.accounts.models import Membership, Role
from apps.gateway.models import VirtualKey
from apps.providers.models import CreditUsage
from tests.factories import make_actor
from tests.servers.bytes_server import DONE, JSON, SSE, BytesServer, answer, chunked, event, whole, words

in_thread = sync_to_async
HELLO = [{"role": "user", "content": "Hello"}]
PATHS = {
    "/v1/chat/completions": {"messages": HELLO},
    "/v1/responses": {"input": "Hello"},
    "/v1/embeddings": {"input": "Hello"},
    "/v1/messages": {"messages": HELLO, "max_tokens": 9},
}
everywhere = pytest.mark.parametrize("path", PATHS)
NO_PICTURE = base64.b64encode(b"this is a text, no picture at all").decode()


@pytest.fixture
async def server(model_at):
    async with BytesServer(whole(JSON, answer("Hi"), keep=True)) as server:
        await in_thread(model_at)(server.url, name="acme", key="gpt-test")
        yield server
        assert not server.requests, "the model was asked"


def bearer(key: str) -> dict[str, str]:
    return {"authorization": f"Bearer {key}"}


def code_of(path: str, got) -> str:
    """OpenAI's code, Anthropic's type."""
    body = got.json()
    assert got.headers["x-request-id"].startswith("req_")
    if path == "/v1/messages":
        assert set(body) == {"type", "error", "request_id"}
        return body["error"]["type"]
    assert set(body["error"]) == {"message", "type", "param", "code"}
    return body["error"]["code"]


@everywhere
async def test_a_request_without_a_key_is_told_where_it_belongs(gateway, path):
    got = await gateway.http.post(path, json={"model": "m", **PATHS[path]})
    assert got.status_code == 401 and "orq_" in got.text


@everywhere
async def test_an_unknown_model_is_not_found(gateway, server, key_of, path):
    key = await in_thread(key_of)()
    got = await gateway.http.post(path, json={"model": "made/up", **PATHS[path]}, headers=bearer(key))
    assert got.status_code == 404 and code_of(path, got) in ("model_not_found", "not_found_error")


@everywhere
async def test_an_expired_key_says_since_when(gateway, server, key_of, path):
    key = await in_thread(key_of)()
    over = timezone.now() - timedelta(hours=1)
    await in_thread(VirtualKey.objects.update)(expires_at=over)
    got = await gateway.http.post(path, json={"model": "acme/gpt-test", **PATHS[path]}, headers={"x-api-key": key})
    assert got.status_code == 401 and f"{over:%Y-%m-%d}" in got.text


async def test_a_key_of_another_team_finds_none_of_these_models(gateway, server, actor):
    from apps.gateway.services import virtual_key_create

    _key, text = await in_thread(lambda: virtual_key_create(make_actor(), name="Theirs"))()
    got = await gateway.http.post(
        "/v1/chat/completions", json={"model": "acme/gpt-test", "messages": HELLO}, headers=bearer(text)
    )
    assert got.status_code == 404
    listed = await gateway.http.get("/v1/models", headers=bearer(text))
    assert listed.json()["data"] == []


async def test_a_key_ends_with_the_work_of_whoever_made_it(gateway, server, key_of, actor):
    key = await in_thread(key_of)()
    await in_thread(Membership.objects.filter(user=actor.user).update)(role=Role.VIEWER)
    got = await gateway.http.post("/v1/chat/completions", json={"model": "acme/gpt-test", "messages": HELLO}, headers=bearer(key))
    assert got.status_code == 401 and "no longer work" in got.text


async def test_a_key_that_is_switched_off_is_refused_at_once(gateway, server, key_of, actor):
    from apps.gateway.services import virtual_key_update

    key = await in_thread(key_of)()
    assert (await gateway.http.get("/v1/models", headers=bearer(key))).status_code == 200
    await in_thread(lambda: virtual_key_update(actor, VirtualKey.objects.get(), is_active=False))()
    assert (await gateway.http.get("/v1/models", headers=bearer(key))).status_code == 401


async def test_a_key_is_for_its_models_alone(gateway, server, key_of):
    key = await in_thread(key_of)(allowed_models=["orq/auto"])
    got = await gateway.http.post("/v1/chat/completions", json={"model": "acme/gpt-test", "messages": HELLO}, headers=bearer(key))
    assert got.status_code == 403 and got.json()["error"]["code"] == "model_not_allowed"
    listed = await gateway.http.get("/v1/models", headers=bearer(key))
    assert [row["id"] for row in listed.json()["data"]] == ["orq/auto"]


@everywhere
async def test_a_spent_budget_says_when_it_begins_anew(gateway, server, key_of, path):
    key = await in_thread(key_of)(budget_usd=Decimal(0))
    got = await gateway.http.post(path, json={"model": "acme/gpt-test", **PATHS[path]}, headers=bearer(key))
    assert got.status_code == 429 and code_of(path, got) in ("insufficient_quota", "rate_limit_error")
    assert "It begins anew at" in got.text
    assert int(got.headers["retry-after"]) > 0 and got.headers["x-should-retry"] == "false"
    assert not await in_thread(CreditUsage.objects.exists)()


@everywhere
async def test_too_much_text_is_told_with_the_limit(gateway, server, key_of, path):
    key = await in_thread(key_of)()
    body = {"model": "acme/gpt-test", **PATHS[path], "extra": "word " * 600_000}
    got = await gateway.http.post(path, json=body, headers=bearer(key))
    assert got.status_code == 413 and "2000000 bytes" in got.text
    assert code_of(path, got) == "request_too_large"


async def test_a_long_picture_is_not_too_much_text(gateway, model_at, key_of):
    from apps.gateway.passing import question_tokens, text_size

    picture = base64.b64encode(b"\x89PNG" + bytes(3_000_000)).decode()
    raw = b'{"image_url":{"url":"data:image/png;base64,' + picture.encode() + b'"}}'
    assert text_size(raw) < 100 and question_tokens(raw) < 5_000


@everywhere
@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"\xff\xfe", b"null", b'{"model": 3}', b"{" * 100_000])
async def test_a_body_that_is_no_request_is_refused(gateway, server, key_of, path, body):
    key = await in_thread(key_of)()
    got = await gateway.http.post(path, content=body, headers=bearer(key))
    assert got.status_code == 400 and code_of(path, got) in ("invalid_request", "invalid_request_error")


CHAT = "/v1/chat/completions"
WRONG = {
    "n of 50": (CHAT, {"messages": HELLO, "n": 50}, "n"),
    "a stream of several": (CHAT, {"messages": HELLO, "n": 2, "stream": True}, "n"),
    "no messages": (CHAT, {"messages": []}, "messages"),
    "messages of texts": (CHAT, {"messages": ["Hello"]}, "messages"),
    "a tool without a name": (CHAT, {"messages": HELLO, "tools": [{"type": "function", "function": {}}]}, "tools.0.function"),
    "a tool with a wrong schema": (
        CHAT,
        {"messages": HELLO, "tools": [{"type": "function", "function": {"name": "f", "parameters": {"type": "objekt"}}}]},
        "tools.0.function",
    ),
    "a picture that is none": (
        CHAT,
        {
            "messages": [
                {"role": "user", "content": [{"type": "image_url", "image_url": {"url": f"data:image/png;base64,{NO_PICTURE}"}}]}
            ]
        },
        "messages.0.content.0",
    ),
    "a stream that is a word": (CHAT, {"messages": HELLO, "stream": "yes"}, "stream"),
    "fallbacks that are a word": (CHAT, {"messages": HELLO, "fallbacks": "other"}, "fallbacks"),
    "no input": ("/v1/responses", {"input": []}, "input"),
    "a wrong schema in a response": (
        "/v1/responses",
        {"input": "Hello", "tools": [{"type": "function", "name": "f", "parameters": {"type": "object", "required": "x"}}]},
        "tools.0.parameters",
    ),
    "no texts": ("/v1/embeddings", {"input": []}, "input"),
}


@pytest.mark.parametrize("what", WRONG)
async def test_what_no_vendor_would_take_is_told_by_its_field(gateway, server, key_of, what):
    path, body, param = WRONG[what]
    key = await in_thread(key_of)()
    got = await gateway.http.post(path, json={"model": "acme/gpt-test", **body}, headers=bearer(key))
    assert got.status_code == 400, got.text
    assert got.json()["error"]["param"] == param


@pytest.mark.parametrize(
    "body",
    [
        {"messages": HELLO},
        {"messages": HELLO, "max_tokens": 9, "tools": [{"name": "f", "input_schema": {"type": "nothing"}}]},
        {
            "max_tokens": 9,
            "messages": [
                {
                    "role": "user",
                    "content": [{"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": NO_PICTURE}}],
                }
            ],
        },
    ],
)
async def test_anthropics_clients_are_told_in_their_shape(gateway, server, key_of, body):
    key = await in_thread(key_of)()
    got = await gateway.http.post("/v1/messages", json={"model": "acme/gpt-test", **body}, headers={"x-api-key": key})
    assert got.status_code == 400 and code_of("/v1/messages", got) == "invalid_request_error"


async def test_the_order_of_roles_is_the_vendors_matter(gateway, model_at, key_of):
    said = {"error": {"message": "roles must alternate", "type": "invalid_request_error", "param": None, "code": None}}
    async with BytesServer(whole(JSON, said, status="400 Bad Request")) as server:
        await in_thread(model_at)(server.url, name="acme")
        key = await in_thread(key_of)()
        body = {"model": "acme/gpt-test", "messages": [{"role": "tool", "content": "x"}, *HELLO]}
        got = await gateway.http.post(CHAT, json=body, headers=bearer(key))
        assert len(server.requests) == 1
    assert got.status_code == 400 and got.json() == said


async def test_more_requests_a_minute_than_allowed_wait(gateway, server, key_of):
    key = await in_thread(key_of)(requests_per_minute=2)
    codes = [(await gateway.http.get("/v1/models", headers=bearer(key))).status_code for _ in range(3)]
    got = await gateway.http.post(CHAT, json={"model": "acme/gpt-test", "messages": HELLO}, headers=bearer(key))
    assert codes == [200, 200, 429] and got.status_code == 429
    assert got.json()["error"]["code"] == "rate_limit_exceeded" and 1 <= int(got.headers["retry-after"]) <= 30


async def test_more_tokens_a_minute_than_allowed_wait(gateway, model_at, key_of):
    took = {**answer("Hi"), "usage": {"prompt_tokens": 10, "completion_tokens": 5_000}}
    async with BytesServer(whole(JSON, took, keep=True)) as server:
        await in_thread(model_at)(server.url, name="acme")
        key = await in_thread(key_of)(tokens_per_minute=1_000)
        body = {"model": "acme/gpt-test", "messages": HELLO}
        first = await gateway.http.post(CHAT, json=body, headers=bearer(key))
        second = await gateway.http.post(CHAT, json=body, headers=bearer(key))
    assert (first.status_code, second.status_code) == (200, 429)
    assert int(second.headers["retry-after"]) > 60


async def test_who_leaves_after_the_headers_costs_nothing(gateway, server, key_of):
    """The body was promised and never came."""
    key = await in_thread(key_of)()
    port = gateway.http.base_url.port
    for sent in (b"", b'{"model": "acme/gpt-test", "mess'):
        _reader, writer = await asyncio.open_connection("127.0.0.1", port)
        head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-length: 5000\r\n\r\n"
        writer.write(head.encode() + sent)
        await writer.drain()
        writer.close()
        await writer.wait_closed()
    got = await gateway.http.get("/v1/models", headers=bearer(key))
    assert got.status_code == 200
    await gateway.written()
    assert not await in_thread(CreditUsage.objects.exists)()


async def test_a_reader_of_one_byte_at_a_time_gets_all_of_it(gateway, model_at, key_of):
    """Its socket takes next to nothing, so that what is sent to it waits; the model's answer does not."""
    said = "word " * 2_000
    steps = [event(words(said)) for _ in range(40)]
    async with BytesServer(chunked(SSE, *steps, event(words(finish="stop")), DONE)) as server:
        await in_thread(model_at)(server.url, name="acme")
        key = await in_thread(key_of)()
        body = json.dumps({"model": "acme/gpt-test", "messages": HELLO, "stream": True}).encode()
        head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\nconnection: close\r\n"
        narrow = socket.socket()
        narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        narrow.setblocking(False)
        await asyncio.get_running_loop().sock_connect(narrow, ("127.0.0.1", gateway.http.base_url.port))
        reader, writer = await asyncio.open_connection(sock=narrow, limit=256)
        writer.write(head.encode() + f"content-length: {len(body)}\r\n\r\n".encode() + body)
        first = b"".join([await reader.readexactly(1) for _ in range(200)])
        assert first.startswith(b"HTTP/1.1 200")
        async with asyncio.timeout(10):
            while not await in_thread(CreditUsage.objects.exists)():  # the call is over long before its reader is
                await asyncio.sleep(0.02)
        rest = await reader.read()
        writer.close()
    assert (first + rest).count(b"word word") >= 40 and b"[DONE]" in rest


async def test_what_nobody_expected_of_the_list_is_told_with_its_id_and_logged(gateway, key_of, monkeypatch, caplog):
    async def failing(*_args, **_more):
        raise RuntimeError("a bug")

    monkeypatch.setattr("apps.gateway.models_list._rows", failing)
    got = await gateway.http.get("/v1/models", headers=bearer(await in_thread(key_of)()))
    assert got.status_code == 500 and got.headers["x-request-id"] in got.json()["error"]["message"]
    assert "a bug" in caplog.text and "a bug" not in got.text
