"""`orq/*`: who answers is chosen, and the evidence says how."""

from __future__ import annotations

import json
from uuid import UUID

import pytest
from asgiref.sync import sync_to_async

from apps.providers.models import CreditUsage
from apps.tasks.models import TaskExecution
from tests.gateway.test_bad_input import bearer
from tests.gateway.test_passing import events_of
from tests.servers.bytes_server import DONE, SSE, BytesServer, chunked, event, words

in_thread = sync_to_async
ASKED = {"model": "orq/auto", "messages": [{"role": "user", "content": "How many days has a week?"}]}
ANSWER = chunked(SSE, event(words("A week has ")), event(words("seven days.")), event(words(finish="stop")), DONE)


@pytest.fixture
async def key(gateway, model_at, key_of):
    async with BytesServer(ANSWER) as server:
        await in_thread(model_at)(server.url, name="acme", key="qwen3-8b", tier="fast")
        yield await in_thread(key_of)()


@pytest.mark.parametrize("model", ["orq/auto", "orq/cheapest", "orq/fastest", "orq/best"])
async def test_an_answer_comes_with_its_evidence(gateway, key, model):
    got = await gateway.http.post("/v1/chat/completions", json={**ASKED, "model": model}, headers=bearer(key))
    assert got.status_code == 200, got.text
    body = got.json()
    assert body["choices"][0]["message"]["content"] == "A week has seven days." and body["model"] == model
    execution = await in_thread(TaskExecution.objects.get)()
    assert UUID(got.headers["x-orq-task"]) == UUID(body["orq"]["task"]) == execution.public_id
    assert float(got.headers["x-orq-confidence"]) > 0 and got.headers["x-orq-escalations"] == "0"
    assert "qwen3-8b" in got.headers["x-orq-model"] and float(got.headers["x-orq-cost"]) > 0
    [row] = await in_thread(lambda: list(CreditUsage.objects.all()))()
    assert row.linked_execution == execution.public_id and row.key_id is not None


async def test_a_stream_has_its_evidence_in_its_last_chunk(gateway, key):
    got = await gateway.http.post("/v1/chat/completions", json={**ASKED, "stream": True}, headers=bearer(key))
    chunks = events_of(got.text)
    assert "".join(chunk["choices"][0]["delta"].get("content", "") for chunk in chunks) == "A week has seven days."
    assert chunks[-1]["orq"]["task"] and chunks[-1]["orq"]["confidence"] > 0


async def test_an_answer_that_nobody_could_check_says_so(gateway, key):
    """There is one model, and nobody checks their own work."""
    asked = {**ASKED, "model": "orq/verified"}
    whole = await gateway.http.post("/v1/chat/completions", json=asked, headers=bearer(key))
    assert whole.status_code == 200, whole.text
    assert whole.json()["orq"]["verified"] == "could_not" and whole.json()["orq"]["why_not_verified"]
    streamed = await gateway.http.post("/v1/chat/completions", json={**asked, "stream": True}, headers=bearer(key))
    last = events_of(streamed.text)[-1]
    assert last["orq"]["verified"] == "could_not"


@pytest.mark.parametrize(("shows_draft", "pieces"), [(True, 2), (False, 1)])
async def test_the_draft_is_streamed_only_to_who_asks_for_it(gateway, key, shows_draft, pieces):
    asked = {**ASKED, "model": "orq/verified", "stream": True, "orq": {"stream_draft": shows_draft, "cache": False}}
    got = await gateway.http.post("/v1/chat/completions", json=asked, headers=bearer(key))
    said = [text for chunk in events_of(got.text) if (text := chunk["choices"][0]["delta"].get("content"))]
    assert len(said) == pieces and "".join(said) == "A week has seven days."


async def test_the_route_serves_the_other_dialects_too(gateway, key):
    asked = {"model": "orq/auto", "max_tokens": 50, "messages": ASKED["messages"]}
    got = await gateway.http.post("/v1/messages", json=asked, headers={"x-api-key": key})
    assert got.json()["content"][0]["text"] == "A week has seven days." and got.json()["orq"]["task"]
    got = await gateway.http.post("/v1/responses", json={"model": "orq/auto", "input": "Days of a week?"}, headers=bearer(key))
    assert json.loads(got.text)["output"][0]["content"][0]["text"] == "A week has seven days."


async def test_a_team_without_models_is_told(gateway, key_of):
    key = await in_thread(key_of)()
    got = await gateway.http.post("/v1/chat/completions", json=ASKED, headers=bearer(key))
    assert got.status_code in (404, 409, 503) and got.json()["error"]["message"]
