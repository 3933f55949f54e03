"""How the bytes of a stream may arrive: cut anywhere, decorated, broken off, or not as a stream at all."""

from __future__ import annotations

import json

import pytest

from apps.providers.adapters import sse
from apps.providers.adapters.sse import LineTooLong, SseEvent, SseParser
from apps.providers.errors import Interrupted, MalformedAnswer, NotAnApi
from tests.providers.compatible import REQUEST, adapter_at, complete, stream
from tests.servers.bytes_server import (
    DONE,
    HTML,
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

TEXT = "Olá, 🎉 “naïve” \u2028\u2029\x85\x0b\x0c\x1c\x1d\x1e end"
STREAM = event(words(TEXT[:8])) + event(words(TEXT[8:])) + event(words(finish="stop")) + DONE


def parse(*pieces: bytes) -> list[SseEvent]:
    parser = SseParser()
    events = [event for piece in pieces for event in parser.feed(piece)]
    return events + parser.end()


def test_every_cut_between_two_bytes_gives_the_same_events():
    raw = "event: a\r\ndata: é🎉\r\ndata: 2\r\n\r\n: hi\r\n\r\ndata:x\n\ndata: y\r\rdata: last".encode()
    expected = [SseEvent("a", "é🎉\n2"), SseEvent("", "x"), SseEvent("", "y"), SseEvent("", "last")]
    assert parse(raw) == expected
    for cut in range(1, len(raw)):
        assert parse(raw[:cut], raw[cut:]) == expected
    assert parse(*(raw[i : i + 1] for i in range(len(raw)))) == expected


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_lines_end_at_cr_lf_or_both(end):
    assert parse(end.join([b"data: a", b"data: b", b"", b"data: c", b"", b""])) == [SseEvent("", "a\nb"), SseEvent("", "c")]


def test_other_characters_that_look_like_line_ends_stay_in_the_line():
    assert parse(f"data: {TEXT}\n\n".encode()) == [SseEvent("", TEXT)]


def test_a_byte_order_mark_is_no_part_of_the_first_field():
    assert parse(b"\xef", b"\xbb", b"\xbfdata: a\n\n") == [SseEvent("", "a")]


def test_a_comment_with_a_blank_line_is_no_event():
    assert parse(b": ping\n\n:\n\nid: 3\n\nretry: 5\n\nevent: ping\n\n") == []


def test_the_last_event_counts_without_its_blank_line():
    assert parse(b"data: a") == parse(b"data: a\n") == parse(b"data: a\n\n") == [SseEvent("", "a")]


def test_bytes_that_are_no_text_are_replaced():
    assert parse(b"data: a\xff\xfeb\n\n") == [SseEvent("", "a\ufffd\ufffdb")]


def test_a_line_without_end_is_refused_however_it_comes():
    for pieces in ([b"data: " + b"x" * 200], [b"data: "] + [b"x"] * 200, [b"data: xxxxx\n"] * 40):
        parser = SseParser(longest_line=100)
        with pytest.raises(LineTooLong):
            for piece in pieces:
                parser.feed(piece)


def test_a_long_line_in_small_pieces_takes_no_quadratic_time():
    parser = SseParser()
    for _ in range(4000):
        parser.feed(b"x" * 1000)
    assert parser.feed(b"\ndata: a\n\n") == [SseEvent("", "a")]


async def test_it_reads_a_stream_that_comes_byte_by_byte():
    deltas, last = await stream(reply(SSE, *(STREAM[i : i + 1] for i in range(len(STREAM)))))
    assert last.text == "".join(delta.text for delta in deltas) == TEXT
    assert last.finish_reason == "stop"


async def test_it_reads_a_stream_that_comes_at_once():
    deltas, last = await stream(reply(SSE, STREAM))
    assert last.text == TEXT and len(deltas) == 2


@pytest.mark.parametrize("size", [2, 3, 5, 7, 11, 64])
async def test_it_reads_characters_that_are_cut_between_http_chunks(size):
    _, last = await stream(chunked(SSE, *(STREAM[i : i + size] for i in range(0, len(STREAM), size))))
    assert last.text == TEXT


async def test_keep_alive_signals_of_all_kinds_are_no_words():
    noise = b": OPENROUTER PROCESSING\n\n:\n\ndata: : keepalive\n\ndata:\n\nevent: ping\ndata: {}\n\n" + event({"type": "ping"})
    deltas, last = await stream(
        reply(SSE, b"\xef\xbb\xbf", noise, event(words("a")), noise, event(words("b", finish="stop")), noise, DONE)
    )
    assert last.text == "ab" and len(deltas) == 2


@pytest.mark.parametrize(
    "done", [b"", b"data: [DONE]", b"data:[DONE]  \n\n", DONE + DONE, DONE + event(words("more")), DONE + b"data: {oh"]
)
async def test_the_done_mark_may_be_missing_doubled_or_followed_by_more(done):
    _, last = await stream(reply(SSE, event(words("a")) + event(words(finish="stop")) + done))
    assert (last.text, last.finish_reason) == ("a", "stop")


async def test_the_done_mark_alone_ends_an_answer_that_gives_no_reason():
    _, last = await stream(reply(SSE, event(words("a")) + DONE))
    assert (last.text, last.finish_reason) == ("a", "unknown")


async def test_several_data_lines_make_one_event():
    lines = json.dumps(words("a", finish="stop"), indent=1).replace("\n", "\ndata: ")
    _, last = await stream(reply(SSE, f"data: {lines}\n\n".encode()))
    assert last.text == "a"


async def test_an_answer_that_ends_with_the_connection_but_without_a_mark_is_interrupted():
    with pytest.raises(Interrupted) as caught:
        await stream(reply(SSE, event(words("half an"))))
    partial = caught.value.extra["partial"]
    assert partial.text == "half an" and partial.usage.is_estimated and partial.usage.output_tokens == 2


async def test_a_body_cut_inside_its_chunks_is_interrupted():
    with pytest.raises(Interrupted) as caught:
        await stream(chunked(SSE, event(words("half an")), ending=0))
    assert caught.value.extra["partial"].text == "half an"
    assert caught.value.__cause__ is not None


async def test_a_connection_reset_in_the_middle_is_interrupted():
    with pytest.raises(Interrupted) as caught:
        await stream(chunked(SSE, event(words("half an")), 0.05, ending=RESET))
    assert caught.value.extra["partial"].text == "half an"


async def test_a_cut_after_the_finish_reason_loses_nothing():
    for ending in (0, RESET):
        _, last = await stream(chunked(SSE, event(words("all")) + event(words(finish="stop")), 0.05, ending=ending))
        assert (last.text, last.finish_reason) == ("all", "stop")


async def test_an_event_cut_in_the_middle_is_interrupted_and_not_malformed():
    with pytest.raises(Interrupted) as caught:
        await stream(reply(SSE, event(words("half")) + event(words(" an"))[:30]))
    assert caught.value.extra["partial"].text == "half"


async def test_a_server_that_ignores_stream_and_sends_json_is_understood():
    deltas, last = await stream(whole(JSON, answer("all at once")))
    assert [delta.text for delta in deltas] == ["all at once"] == [last.text]
    assert (last.usage.input_tokens, last.usage.output_tokens, last.usage.is_estimated) == (3, 2, False)


async def test_json_is_known_by_its_first_byte_whatever_the_content_type_says():
    for headers in (SSE, {}, {"content-type": "text/plain"}):
        assert (await stream(whole(headers, answer("hi"))))[1].text == "hi"


async def test_a_stream_in_answer_to_a_question_without_stream_is_understood():
    assert (await complete(reply(SSE, STREAM))).text == TEXT


async def test_json_that_breaks_off_is_interrupted():
    with pytest.raises(Interrupted):
        await complete(reply(JSON, json.dumps(answer("hello"))[:60].encode()))


async def test_a_web_page_with_status_200_is_no_api_and_is_not_shown():
    for ask in (stream, complete):
        with pytest.raises(NotAnApi) as caught:
            await ask(whole(HTML, "<!DOCTYPE html><html><body>Sign in to the hotel wifi</body></html>"))
        assert "hotel" not in f"{caught.value.message}{caught.value.vendor_message}"


async def test_nothing_at_all_with_status_200_is_interrupted():
    for ask in (stream, complete):
        with pytest.raises(Interrupted):
            await ask(reply(SSE))


async def test_an_event_that_is_no_json_is_malformed_and_keeps_what_came():
    with pytest.raises(MalformedAnswer) as caught:
        await stream(reply(SSE, event(words("a")), event(b"{oh no"), DONE))
    assert caught.value.extra["partial"].text == "a"


async def test_a_line_of_more_than_a_megabyte_is_read():
    text = "x" * 1_500_000
    _, last = await stream(reply(SSE, event(words(text, finish="stop"))))
    assert last.text == text


async def test_a_line_without_end_is_cut_off(monkeypatch):
    monkeypatch.setattr(sse.SseParser.__init__, "__kwdefaults__", {"longest_line": 10_000})
    with pytest.raises(MalformedAnswer):
        await stream(reply(SSE, b"data: ", *[b"x" * 5000] * 4))


async def test_an_answer_without_end_is_cut_off(monkeypatch):
    monkeypatch.setattr("apps.providers.adapters.base.LARGEST_ANSWER", 10_000)
    with pytest.raises(MalformedAnswer) as caught:
        await stream(reply(SSE, *[event(words("x" * 4000)), 0.02] * 5))
    assert caught.value.extra["partial"].text


async def test_a_stream_asks_for_no_compression():
    async with BytesServer(reply(SSE, STREAM)) as server, adapter_at(server) as adapter:
        [piece async for piece in adapter.stream(REQUEST)]
        assert server.requests[0].headers["accept-encoding"] == "identity"


async def test_a_connection_is_used_again_after_a_stream():
    async with BytesServer(chunked(SSE, STREAM, 0.02)) as server, adapter_at(server) as adapter:
        for _ in range(3):
            [piece async for piece in adapter.stream(REQUEST)]
        assert (len(server.requests), server.connections) == (3, 1)


async def test_a_server_that_keeps_the_connection_open_after_done_does_not_hold_the_answer_up():
    script = (*chunked(SSE, STREAM, 30, ending=KEEP)[:-2],)
    _, last = await stream(script)
    assert last.text == TEXT and last.latency_ms < 2000


async def test_invalid_halves_of_characters_are_joined_or_replaced():
    halves = [
        b'{"choices":[{"delta":{"content":"%s"}}]}' % half for half in (rb"\ud83c", rb"\udf89", rb"a\u0000b\ud83c", rb"c\udf89")
    ]
    deltas, last = await stream(reply(SSE, *map(event, halves), DONE))
    assert last.text == "🎉ab\ufffdc\ufffd" == "".join(delta.text for delta in deltas)
    last.text.encode()
