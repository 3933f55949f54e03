"""An answer that goes round in circles is cut while it streams: the call upstream ends, and the rows say so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from asgiref.sync import sync_to_async

from apps.providers.models import CreditUsage
from apps.tasks.models import TaskExecution
from tests.gateway.test_bad_input import bearer
from tests.gateway.test_passing import events_of
from tests.gateway.test_routed import ASKED
from tests.servers.bytes_server import DONE, HOLD, SSE, BytesServer, chunked, event, words

in_thread = sync_to_async
AGAIN = "The sky above the harbour is blue today. "
ENDLESS = chunked(SSE, *[event(words(AGAIN)) for _ in range(200)], HOLD, ending=HOLD)
GOOD = chunked(SSE, event(words("A week has seven days.")), event(words(finish="stop")), DONE)


@pytest.mark.parametrize("is_stream", [True, False])
async def test_a_loop_is_cut_upstream_and_the_next_model_answers_where_nothing_was_shown(gateway, model_at, key_of, is_stream):
    async with BytesServer(ENDLESS) as looping, BytesServer(GOOD) as sound:
        await in_thread(model_at)(looping.url, name="round", key="loops", tier="local")
        await in_thread(model_at)(sound.url, name="straight", key="sound", tier="top", price_output=20)
        asked = {**ASKED, "model": "orq/cheapest", "stream": is_stream}
        got = await gateway.http.post("/v1/chat/completions", json=asked, headers=bearer(await in_thread(key_of)()))
        await looping.wait_until_client_is_gone()
    execution = await in_thread(TaskExecution.objects.get)()
    first = execution.metadata["attempts"][0]
    cut = await in_thread(CreditUsage.objects.order_by("pk").first)()
    assert cut.error_code == "runaway_answer" and 0 < cut.output_tokens < 1_000
    if is_stream:  # who reads along cannot take words back: the answer ends there, and is not trusted
        said = "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in events_of(got.text) if chunk["choices"])
        assert said == execution.output and said.startswith(AGAIN) and len(said) < 2_000
        cut_as = [chunk["orq"]["cut"] for chunk in events_of(got.text) if chunk.get("orq")]
        assert [about["code"] for about in cut_as] == ["runaway_answer"] and cut_as[0]["quote"] and cut_as[0]["message"]
        assert '"finish_reason":"length"' in got.text.replace(" ", "")
        assert first["finish_reason"] == "length" and execution.confidence < 50
        assert "repetition" in {item["kind"] for item in first["hallucination"]["items"]}
    else:
        assert got.json()["choices"][0]["message"]["content"] == "A week has seven days." == execution.output
        assert first["error_code"] == "runaway_answer" and first["partial"].startswith(AGAIN)
        assert [rise.to_name for rise in await in_thread(lambda: list(execution.escalations.all()))()]
        assert "cut" not in got.json()["orq"]  # what is given here was not


async def test_a_stream_that_is_held_back_has_shown_nothing_so_the_next_model_answers(gateway, model_at, key_of):
    sound = chunked(SSE, event(words('{"days": 7}')), event(words(finish="stop")), DONE)
    schema = {"type": "object", "properties": {"days": {"type": "integer"}}, "required": ["days"], "additionalProperties": False}
    wanted = {"type": "json_schema", "json_schema": {"name": "week", "schema": schema}}
    async with BytesServer(ENDLESS) as looping, BytesServer(sound) as straight:
        able = ["chat", "json"]
        await in_thread(model_at)(looping.url, name="round", key="loops", tier="local", capabilities=able)
        await in_thread(model_at)(straight.url, name="straight", key="sound", tier="top", price_output=20, capabilities=able)
        asked = {**ASKED, "model": "orq/cheapest", "stream": True, "response_format": wanted}
        got = await gateway.http.post("/v1/chat/completions", json=asked, headers=bearer(await in_thread(key_of)()))
    chunks = events_of(got.text)
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks if chunk["choices"]) == '{"days": 7}'
    assert not any("cut" in chunk["orq"] for chunk in chunks if chunk.get("orq"))


# ── models asked for by name ──────────────────────────────────────────────────────────────────────────────────────
CHAT = {"model": "acme/gpt-test", "messages": [{"role": "user", "content": "Tell me of the sky."}]}
TIMES = 200


def typed(kind: str, **about: Any) -> bytes:
    return b"event: %s\n" % kind.encode() + event({"type": kind, **about})


def claude_says(text: str) -> bytes:
    return typed("content_block_delta", index=1, delta={"type": "text_delta", "text": text})


def gpt_says(text: str) -> bytes:
    place = {"item_id": "msg_1", "output_index": 2, "content_index": 0, "sequence_number": 7}
    return typed("response.output_text.delta", delta=text, logprobs=[], **place)


CLAUDE = typed("message_start", message={"id": "msg_1", "usage": {"input_tokens": 9, "output_tokens": 1}})
GPT = typed("response.created", response={"id": "resp_1", "object": "response", "model": "gpt", "status": "in_progress"})


def endless(say: Callable[[str], bytes], *first: bytes) -> tuple:
    return chunked(SSE, *first, *[say(AGAIN) for _ in range(TIMES)], HOLD, ending=HOLD)


async def asked(gateway, key_of, path: str, body: dict, **limits: Any):
    key = await in_thread(key_of)(**limits)
    got = await gateway.http.post(path, json={**body, "stream": True}, headers=bearer(key))
    await gateway.written()
    return got, await in_thread(CreditUsage.objects.get)()


async def test_a_chat_stream_is_cut_with_the_word_for_it_and_the_call_upstream_ends(gateway, model_at, key_of):
    async with BytesServer(endless(lambda text: event({**words(text), "id": "chatcmpl-7"}))) as server:
        await in_thread(model_at)(server.url, name="acme")
        got, row = await asked(gateway, key_of, "/v1/chat/completions", {**CHAT, "stream_options": {"include_usage": True}})
        await server.wait_until_client_is_gone()
    *pieces, last, counts = events_of(got.text)
    text = "".join(piece["choices"][0]["delta"]["content"] for piece in pieces)
    assert text.startswith(AGAIN) and len(text) < 2_000 and got.text.endswith("data: [DONE]\n\n")
    assert last["choices"] == [{"index": 0, "delta": {}, "logprobs": None, "finish_reason": "length"}]
    assert last["id"] == counts["id"] == "chatcmpl-7"
    assert counts["orq"]["cut"]["code"] == "runaway_answer" and AGAIN.strip() in counts["orq"]["cut"]["quote"] * 2
    assert counts["orq"]["cost_is_estimated"] and counts["usage"]["completion_tokens"] == row.output_tokens
    assert row.error_code == "runaway_answer" and row.is_estimated and 0 < row.output_tokens < 1_000


async def test_a_message_of_anthropic_is_cut_with_its_block_closed(gateway, model_at, key_of):
    async with BytesServer(endless(claude_says, CLAUDE)) as server:
        await in_thread(model_at)(server.url, name="acme", key="claude", kind="anthropic")
        got, row = await asked(gateway, key_of, "/v1/messages", {**CHAT, "model": "acme/claude", "max_tokens": 9_000})
        await server.wait_until_client_is_gone()
    *_pieces, closed, delta, stop = events_of(got.text)
    assert closed == {"type": "content_block_stop", "index": 1}
    assert delta["delta"]["stop_reason"] == "max_tokens" and delta["usage"]["output_tokens"] == row.output_tokens > 100
    assert stop["type"] == "message_stop" and stop["orq"]["cut"]["code"] == row.error_code == "runaway_answer"


async def test_a_response_is_cut_as_incomplete_with_all_that_was_said(gateway, model_at, key_of):
    async with BytesServer(endless(gpt_says, GPT)) as server:
        await in_thread(model_at)(server.url, name="acme", kind="openai")
        got, row = await asked(gateway, key_of, "/v1/responses", {"model": "acme/gpt-test", "input": "The sky?"})
        await server.wait_until_client_is_gone()
    told = events_of(got.text)
    said = "".join(piece["delta"] for piece in told if piece["type"] == "response.output_text.delta")
    assert [piece["type"].removeprefix("response.") for piece in told[-4:]] == [
        *("output_text.done", "content_part.done", "output_item.done", "incomplete"),
    ]
    assert [piece["sequence_number"] for piece in told[-4:]] == [8, 9, 10, 11]
    response = told[-1]["response"]
    assert (response["id"], response["status"]) == ("resp_1", "incomplete")
    assert response["incomplete_details"] == {"reason": "max_output_tokens"}
    assert response["output"][0]["content"][0]["text"] == said and said.startswith(AGAIN) and len(said) < 2_000
    assert response["orq"]["cut"]["code"] == row.error_code == "runaway_answer"


@pytest.mark.parametrize(("limits", "options"), [({"cuts_loops": False}, {}), ({}, {"orq": {"cut_loops": False}})])
async def test_a_key_or_a_request_can_do_without_it(gateway, model_at, key_of, limits, options):
    whole = chunked(SSE, *[event(words(AGAIN)) for _ in range(TIMES)], event(words(finish="stop")), DONE)
    async with BytesServer(whole) as server:
        await in_thread(model_at)(server.url, name="acme")
        got, row = await asked(gateway, key_of, "/v1/chat/completions", {**CHAT, **options}, **limits)
    assert got.text.count("The sky above") == TIMES and row.error_code == "" and "orq" not in server.requests[0].json


async def test_what_a_model_thinks_or_hands_to_a_tool_may_repeat_itself(gateway, model_at, key_of):
    thinks = [event({"choices": [{"index": 0, "delta": {"reasoning_content": AGAIN}}]}) for _ in range(TIMES)]
    call = {"index": 0, "function": {"arguments": AGAIN}}
    calls = [event({"choices": [{"index": 0, "delta": {"tool_calls": [call]}}]}) for _ in range(TIMES)]
    async with BytesServer(chunked(SSE, *thinks, *calls, event(words(finish="tool_calls")), DONE)) as server:
        await in_thread(model_at)(server.url, name="acme")
        got, row = await asked(gateway, key_of, "/v1/chat/completions", CHAT)
    assert got.text.count("The sky above") == 2 * TIMES and row.error_code == ""


@pytest.mark.parametrize("is_stream", [True, False])
async def test_an_answer_that_is_converted_is_cut_the_same_way(gateway, model_at, key_of, is_stream):
    async with BytesServer(ENDLESS) as server:
        await in_thread(model_at)(server.url, name="acme")
        body = {**CHAT, "max_tokens": 9_000, "stream": is_stream}
        got = await gateway.http.post("/v1/messages", json=body, headers=bearer(await in_thread(key_of)()))
        await server.wait_until_client_is_gone()
    if is_stream:
        *_pieces, delta, stop = events_of(got.text)
        assert delta["delta"]["stop_reason"] == "max_tokens" and stop["orq"]["cut"]["code"] == "runaway_answer"
    else:
        assert got.json()["stop_reason"] == "max_tokens" and got.json()["orq"]["cut"]["code"] == "runaway_answer"
        assert got.json()["content"][0]["text"].startswith(AGAIN)
    row = await in_thread(CreditUsage.objects.get)()
    assert row.error_code == "runaway_answer" and 0 < row.output_tokens < 1_000
