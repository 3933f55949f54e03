"""An answer that goes round in circles is cut while it streams: the call upstream ends, and the rows say so."""

from __future__ import annotations

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
        assert first["finish_reason"] == "length" and execution.confidence < 50
        assert "repetition" in {item["kind"] for item in first["hallucination"]["items"]}
    else:
        assert got.json()["choices"][0]["message"]["content"] == "A week has seven days." == execution.output
        assert first["error_code"] == "runaway_answer" and first["partial"].startswith(AGAIN)
        assert [rise.to_name for rise in await in_thread(lambda: list(execution.escalations.all()))()]
