"""What goes wrong at the vendor, on the way and with the address, as errors that a person can act on."""

from __future__ import annotations

import email.utils
import time

import pytest

from apps.providers.adapters.failures import VendorError, error_of, find_error, http_failure, retry_after_s
from apps.providers.adapters.text import redact
from apps.providers.errors import (
    AuthenticationFailed,
    BadRequest,
    ContentFiltered,
    ContextTooLong,
    Interrupted,
    MalformedAnswer,
    NotAnApi,
    OutOfCredit,
    Overloaded,
    ProviderError,
    ProviderTimeout,
    RateLimited,
    Unreachable,
)
from tests.providers.compatible import KEY, REQUEST, adapter_at, complete, stream
from tests.servers.bytes_server import DONE, HOLD, HTML, JSON, SSE, BytesServer, answer, chunked, event, reply, whole, words


def failure(status: int, body: str = "", **headers: str) -> ProviderError:
    headers = {name.replace("_", "-"): value for name, value in headers.items()}
    return http_failure(status, headers, body, name="Acme", url="http://acme/v1/chat/completions", secret=KEY)


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, '{"error":{"message":"bad","type":"invalid_request_error"}}', BadRequest),
        (400, '{"error":{"message":"x","code":"context_length_exceeded"}}', ContextTooLong),
        (400, '{"error":{"code":400,"message":"x","type":"exceed_context_size_error","n_ctx":2048}}', ContextTooLong),
        (400, '{"error":{"message":"This model\'s maximum context length is 8 tokens"}}', ContextTooLong),
        (400, '{"error":{"message":"max_tokens is too large: 9. This model supports at most 4"}}', BadRequest),
        (413, '{"error":{"message":"Request too large","code":"rate_limit_exceeded"}}', ContextTooLong),
        (400, '{"error":{"message":"x","code":"content_filter"}}', ContentFiltered),
        (400, '{"error":{"message":"x","code":"content_policy_violation"}}', ContentFiltered),
        (401, '{"error":{"message":"x","code":"invalid_api_key"}}', AuthenticationFailed),
        (401, '{"detail":"Unauthorized"}', AuthenticationFailed),
        (403, '{"error":{"message":"Country not supported"}}', AuthenticationFailed),
        (404, '{"error":{"message":"x","code":"model_not_found"}}', BadRequest),
        (422, '{"detail":[{"loc":["body","messages"],"msg":"Field required","type":"missing"}]}', BadRequest),
        (422, '{"status":-2,"message":"validation","errors":["x"]}', BadRequest),
        (402, "", OutOfCredit),
        (429, '{"error":{"message":"x","type":"insufficient_quota"}}', OutOfCredit),
        (429, '{"error":{"message":"x","code":"credit_balance_exhausted"}}', OutOfCredit),
        (429, '{"error":{"message":"x","code":"organization_spend_limit_exceeded"}}', OutOfCredit),
        (429, '{"error":{"message":"x","code":"project_spend_limit_exceeded"}}', OutOfCredit),
        (429, '{"error":{"message":"x","code":"organization_usage_limit_exceeded"}}', OutOfCredit),
        (429, '{"error":"credit_exhausted"}', OutOfCredit),
        (429, '{"error":{"message":"x","code":"rate_limit_exceeded"}}', RateLimited),
        (429, '{"error":{"message":"x","code":"slow_down"}}', RateLimited),
        (429, "", RateLimited),
        (429, '{"message":"Service tier capacity exceeded"}', Overloaded),
        (408, "", ProviderTimeout),
        (504, "<html>gateway timeout</html>", ProviderTimeout),
        (503, '{"error":{"code":503,"message":"Loading model","type":"unavailable_error"}}', Overloaded),
        (502, "<html><body>nginx</body></html>", Overloaded),
        (529, "", Overloaded),
        (500, '{"error":{"message":"boom","type":"server_error"}}', ProviderError),
        (501, '{"error":{"code":501,"message":"no","type":"not_supported_error"}}', BadRequest),
        (418, "teapot", BadRequest),
        (404, "<!DOCTYPE html><title>Not here</title>", NotAnApi),
        (403, "<html>Cloudflare</html>", NotAnApi),
    ],
)  # fmt: skip
def test_every_refusal_has_its_error(status, body, kind):
    error = failure(status, body)
    assert type(error) is kind
    assert error.http_status == status
    assert "Acme" in error.message and "<" not in error.message


def test_only_what_may_pass_is_worth_another_attempt():
    assert all(failure(status).retryable for status in (408, 409, 429, 500, 502, 503, 504, 529))
    assert not any(failure(status).retryable for status in (400, 401, 402, 403, 404, 413, 422, 501))
    assert not failure(429, '{"error":{"type":"insufficient_quota"}}').retryable
    assert not failure(429, x_should_retry="false").retryable
    assert failure(400, x_should_retry="true").retryable
    assert not failure(429, '{"error":{"type":"insufficient_quota"}}', x_should_retry="true").retryable


def test_the_vendors_words_and_request_id_are_kept():
    error = failure(400, '{"error":{"message":"Unknown voice","type":"t","param":"voice","code":"c"}}', x_request_id="req-1")
    assert (error.vendor_message, error.request_id, error.extra["param"]) == ("Unknown voice", "req-1", "voice")
    assert "Unknown voice" in error.message
    assert failure(400, '{"message":"x","request_id":"r2"}').request_id == "r2"


@pytest.mark.parametrize(
    "body",
    ['{"error":"no"}', '{"error":{"message":"no"}}', '{"detail":"no"}', '{"detail":[{"msg":"no"}]}', '{"message":"no"}',
     '[{"error":{"message":"no"}}]', '"no"', "no", '{"errors":["no"]}', '{"error":{"message":{"detail":"no"}}}'],
)  # fmt: skip
def test_the_message_is_found_in_every_shape(body):
    assert failure(400, body).vendor_message == "no"


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", "null", "3", '{"error":{}}', '{"error":null}', "{" * 100_000, '{"error":{"message":null}}']
)
def test_a_refusal_without_words_is_still_an_error(body):
    assert type(failure(400, body)) is BadRequest


@pytest.mark.parametrize(
    ("headers", "text", "seconds"),
    [
        ({"retry-after": "7"}, "", 7), ({"retry-after": "0.25"}, "", 0.25), ({"retry-after-ms": "1500",
        "retry-after": "9"}, "", 1.5),
        ({"retry-after": "-3"}, "", 0), ({"retry-after": "nan"}, "", None), ({"retry-after": "soon"}, "", None),
        ({}, "", None),
        ({"retry-after": "inf"}, "", None), ({}, "Please try again in 1.5s.", 1.5), ({}, "try again in 6m0s", 360),
        ({}, "try again in 20ms", 0.02), ({}, '"retryDelay": "34s"', 34),
        ({"retry-after": "Wed, 21 Oct 2015 07:28:00 GMT"}, "", 0),
    ],
)  # fmt: skip
def test_retry_after_is_read_in_every_spelling(headers, text, seconds):
    assert retry_after_s(headers, text) == (None if seconds is None else pytest.approx(seconds))


def test_retry_after_may_be_a_date():
    date = email.utils.formatdate(time.time() + 30, usegmt=True)
    assert 25 < retry_after_s({"retry-after": date}) <= 30


@pytest.mark.parametrize(
    "message",
    [f"Incorrect API key provided: {KEY}.", f"Malformed token provided: {KEY[:12]}…", "Incorrect key: sk-proj-abcdefgh12345678.",
     "Authorization: Bearer abcdef123456", "key sk-te********cdef is wrong", f"see https://x/?key={KEY}&a=1",
     f"starts with {KEY[:6]}"],
)  # fmt: skip
def test_no_key_is_ever_shown(message):
    shown = redact(message, KEY)
    assert "[redacted]" in shown
    for secret in (KEY, KEY[:6], "abcdefgh", "abcdef1", "sk-te*", "cdef is"):
        assert secret not in shown.replace("[redacted]", "")


def test_a_vendors_message_is_short_and_one_paragraph():
    assert len(redact("word " * 1000)) <= 500
    assert redact("a\n\n  b\x00") == "a b"
    assert redact("<html><body>secrets") == ""
    assert redact("task_id and risk-free are words") == "task_id and risk-free are words"


def test_an_ordinary_answer_holds_no_error():
    for body in (
        answer("hi"),
        words("hi"),
        {"choices": [], "usage": {}},
        {"data": []},
        {"error": None, "choices": []},
        {"type": "ping"},
    ):
        assert find_error(body) is None


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        ({"code": 429, "message": "x"}, RateLimited), ({"code": "429"}, RateLimited),
        ({"code": "rate_limit_exceeded"}, RateLimited),
        ({"type": "overloaded_error"}, Overloaded), ({"code": 502, "message": "x"}, Overloaded),
        ({"code": 401}, AuthenticationFailed),
        ({"type": "invalid_request_error", "code": "context_length_exceeded"}, ContextTooLong),
        ("Invalid API key", AuthenticationFailed),
        ({"type": "server_error", "message": "x"}, ProviderError), ("boom", ProviderError),
        ("insufficient credits left", OutOfCredit),
        ({"type": "BadRequestError", "code": 400, "message": "x"}, BadRequest), ("model overloaded", Overloaded),
    ],
)  # fmt: skip
async def test_an_error_inside_a_success_is_an_error_in_every_place(error, kind):
    scripts = [
        whole(JSON, {"error": error}),
        whole(SSE, {"error": error}),
        reply(SSE, event({"error": error})),
        reply(SSE, b"event: error\n" + event(error if isinstance(error, dict) else {"message": error})),
        reply(SSE, event({"choices": [], "error": error})),
        reply(SSE, event({"choices": [{"delta": {"content": ""}, "finish_reason": "error"}], "error": error})),
    ]
    for script in scripts:
        with pytest.raises(kind) as caught:
            await stream(script)
        assert type(caught.value) is kind


async def test_an_error_in_the_middle_of_a_stream_keeps_the_words():
    with pytest.raises(Overloaded) as caught:
        await stream(reply(SSE, event(words("so far")), event({"error": {"code": 503, "message": "gone"}}), DONE))
    assert caught.value.extra["partial"].text == "so far"


async def test_lm_studios_unknown_path_with_status_200_says_that_the_base_url_is_wrong():
    script = whole(JSON, {"error": "Unexpected endpoint or method. (POST /chat/completions)"})
    for ask in (stream, complete):
        with pytest.raises(NotAnApi) as caught:
            await ask(script)
        assert "/v1" in caught.value.message


@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"])
async def test_a_redirect_is_named_and_not_followed(status):
    async with BytesServer(whole(JSON, answer("stolen"))) as elsewhere:
        location = {"location": f"http://user:pass@127.0.0.1:{elsewhere.port}/v1/chat/completions?key=1"}
        async with BytesServer(whole(location, "", status=status)) as server, adapter_at(server) as adapter:
            with pytest.raises(NotAnApi) as caught:
                await adapter.complete(REQUEST)
        assert elsewhere.requests == []
        assert f"redirects to http://127.0.0.1:{elsewhere.port}/v1/chat/completions." in caught.value.message
        assert "pass" not in caught.value.message


@pytest.mark.parametrize(
    ("location", "said"), [("/openai/v1/models/", "redirects to http://127.0.0.1:{port}/openai/v1/models/."), ("", "to ?.")]
)
async def test_a_redirect_on_the_same_host_is_named_whole(location, said):
    async with BytesServer(whole({"location": location}, "", status="307 Moved")) as server, adapter_at(server) as adapter:
        assert said.format(port=server.port) in (await adapter.check()).message


async def check(*scripts: tuple, **options):
    async with BytesServer(*scripts) as server, adapter_at(server, **options) as adapter:
        return await adapter.check()


@pytest.mark.parametrize(
    ("script", "code", "words_in_message"),
    [
        (whole(HTML, "<html>welcome</html>"), "not_an_api", "web page"),
        (whole({"location": "https://other.example/v1/models"}, "", status="308 Moved"), "not_an_api",
        "https://other.example/v1/models"),
        (whole(JSON, {"error": "Unexpected endpoint or method. (GET /models)"}), "not_an_api", "/v1"),
        (whole(JSON, {"detail": "Not Found"}, status="404 Not Found"), "not_an_api", "/v1"),
        (whole(JSON, {"object": "list", "data": {}}), "malformed_answer", "list of models"),
        (whole(JSON, {"hello": "world"}), "malformed_answer", "list of models"),
        (whole({"content-type": "text/plain"}, "Ollama is running"), "malformed_answer", "not JSON"),
        (whole(JSON, {"error": {"message": "An LM Studio API token is required",
        "code": "invalid_api_key"}}, status="401 No"),
         "authentication", "key"),
        (whole(HTML, "<html>bad gateway</html>", status="502 Bad Gateway"), "overloaded", "overloaded"),
        ((b"SSH-2.0-OpenSSH_9.2\r\n",), "not_an_api", "HTTP"),
        ((b"",), "unreachable", "closed the connection"),
    ],
)  # fmt: skip
async def test_a_check_says_what_is_wrong_with_the_address(script, code, words_in_message):
    result = await check(script)
    assert not result.ok and result.error_code == code
    assert words_in_message in result.message
    assert "<" not in result.message


async def test_a_check_that_nobody_answers_ends_soon():
    result = await check((HOLD,), total_timeout_s=0.3)
    assert not result.ok and result.error_code == "timeout"
    assert result.latency_ms < 2000


async def test_a_check_counts_the_models_and_says_when_there_are_none():
    good = await check(whole(JSON, {"data": [{"id": "a"}, {"id": "b"}]}))
    assert good.ok and good.models == 2 and "2" in good.message
    none = await check(whole(JSON, {"data": []}))
    assert none.ok and none.models == 0 and "no model" in none.message


async def test_the_key_goes_in_the_header_that_the_connection_asks_for():
    async with BytesServer(whole(JSON, {"data": []})) as server:
        async with adapter_at(server) as adapter:
            await adapter.check()
        async with adapter_at(server, quirks={"auth_header": "x-api-key", "auth_scheme": ""}) as adapter:
            await adapter.check()
        async with adapter_at(server, api_key="") as adapter:
            await adapter.check()
    first, second, third = (request.headers for request in server.requests)
    assert first["authorization"] == f"Bearer {KEY}"
    assert second["x-api-key"] == KEY and "authorization" not in second
    assert "authorization" not in third


@pytest.mark.parametrize("key", ["sk-\nx", "sk-“quoted”", "sk-é"])
async def test_a_key_that_no_header_can_carry_is_refused_in_words(key):
    async with BytesServer(whole(JSON, answer("hi"))) as server, adapter_at(server, api_key=key) as adapter:
        with pytest.raises(AuthenticationFailed):
            await adapter.complete(REQUEST)
        assert server.requests == []


async def test_embeddings_come_in_the_order_of_the_texts():
    rows = [{"index": 1, "embedding": [3, 4]}, {"index": 0, "embedding": [1, 2]}]
    async with BytesServer(whole(JSON, {"data": rows})) as server, adapter_at(server) as adapter:
        assert await adapter.embed("e", ["a", "b"]) == [[1.0, 2.0], [3.0, 4.0]]
        assert await adapter.embed("e", []) == []
        assert server.requests[0].json == {"model": "e", "input": ["a", "b"]}
        with pytest.raises(MalformedAnswer):
            await adapter.embed("e", ["a"])


@pytest.mark.parametrize("body", [{}, {"data": None}, {"data": [{"x": 1}]}, {"data": [3]}, {"data": [{"embedding": []}]}, []])
async def test_embeddings_that_are_none_are_malformed(body):
    async with BytesServer(whole(JSON, body)) as server, adapter_at(server) as adapter:
        with pytest.raises(MalformedAnswer):
            await adapter.embed("e", ["a"])


async def test_a_large_error_page_is_not_read_to_its_end():
    body = [b"x" * 60_000, 0.02] * 3
    script = (b"HTTP/1.1 500 Oops\r\ncontent-type: text/plain\r\nconnection: close\r\n\r\n", *body, HOLD)
    with pytest.raises(ProviderError) as caught:
        await complete(script)
    assert caught.value.http_status == 500


async def test_a_broken_error_body_still_gives_the_status():
    with pytest.raises(Overloaded):
        await complete((b"HTTP/1.1 503 Busy\r\ncontent-length: 900\r\n\r\n{",))


async def test_the_original_error_is_kept_as_the_cause():
    with pytest.raises(Unreachable) as caught:
        await complete((b"",))
    assert caught.value.__cause__ is not None
    with pytest.raises(Interrupted) as caught:
        await stream(chunked(SSE, event(words("a")), ending=0))
    assert caught.value.__cause__ is not None


async def test_an_error_after_the_headers_still_names_the_request():
    with pytest.raises(Interrupted) as caught:
        await stream(reply({**SSE, "x-request-id": "req-7"}, event(words("half"))))
    assert caught.value.request_id == caught.value.extra["partial"].request_id == "req-7"


def test_an_error_of_a_vendor_never_shows_the_key_in_its_message():
    error = error_of(VendorError(f"bad key {KEY}"), status=401, headers={}, name="Acme", secret=KEY)
    assert KEY not in f"{error} {error.message} {error.vendor_message}"
