"""`orq/verified`: another AI reads the answer, a third settles a dispute, and what came of it is said."""

from __future__ import annotations

import asyncio
from decimal import Decimal
from unittest.mock import patch

import pytest
from asgiref.sync import sync_to_async

from apps.gateway.models import VirtualKey
from apps.providers.models import Budget, CreditUsage, Reservation
from apps.tasks.models import EscalationRule, RoutingSettings, TaskExecution
from apps.tasks.runner.route_port import DatabasePort
from tests.gateway.test_passing import bearer, events_of
from tests.providers.calls.upstream import goes_on_after, says
from tests.tasks.routing.upstream import model_at, ruling, serving, verdict

in_thread = sync_to_async
PATH = "/v1/chat/completions"
ASKED = {"model": "orq/verified", "max_tokens": 100, "messages": [{"role": "user", "content": "What is 2 + 2?"}]}


@pytest.fixture
def models(actor):
    """An author, a checker and a judge; nothing but the check decides."""
    RoutingSettings.objects.create(team=actor.team, exploration=0)
    EscalationRule.objects.create(team=actor.team, owner=actor.user, name="none", trigger="error", is_active=False)
    return model_at(actor, "small"), model_at(actor, "middle", "balanced", price=2), model_at(actor, "big", "top", price=10)


async def test_an_answer_that_another_ai_agrees_with_is_verified(gateway, models, key_of):
    small, middle, big = models
    key = await in_thread(key_of)()
    async with serving({small: says("4"), middle: verdict(100, "4"), big: says("unasked")}) as servers:
        got = await gateway.http.post(PATH, json=ASKED, headers=bearer(key))
    assert got.status_code == 200, got.text
    body = got.json()
    assert body["choices"][0]["message"]["content"] == "4"
    assert (body["orq"]["verified"], got.headers["x-orq-verified"]) == ("yes", "yes")
    assert float(got.headers["x-orq-divergence"]) == body["orq"]["divergence"] == 0
    assert not servers["big"].requests
    rows = await in_thread(lambda: list(CreditUsage.objects.order_by("pk").values_list("purpose", "cost_usd")))()
    assert [purpose for purpose, _cost in rows] == ["answer", "check"]
    assert Decimal(got.headers["x-orq-cost"]) == sum(cost for _purpose, cost in rows)


async def test_a_dispute_is_settled_by_a_third(gateway, models, key_of):
    small, middle, big = models
    key = await in_thread(key_of)()
    with patch.object(DatabasePort, "coin", lambda self, what: True):
        async with serving({small: says("5"), middle: verdict(0, "4"), big: ruling("B")}):
            got = await gateway.http.post(PATH, json=ASKED, headers=bearer(key))
    body = got.json()
    assert body["choices"][0]["message"]["content"] == "4"
    assert body["orq"]["verified"] == got.headers["x-orq-verified"] == "yes"
    assert "middle" in got.headers["x-orq-model"] and float(got.headers["x-orq-divergence"]) > 20
    row = await in_thread(TaskExecution.objects.get)(public_id=body["orq"]["task"])
    assert row.metadata["verification"]["judge"]["model"] == "big"


async def test_where_nobody_else_can_check_it_says_so(gateway, actor, key_of):
    small = await in_thread(model_at)(actor, "small")
    key = await in_thread(key_of)()
    async with serving({small: says("4")}):
        got = await gateway.http.post(PATH, json=ASKED, headers=bearer(key))
        streamed = await gateway.http.post(PATH, json={**ASKED, "stream": True}, headers=bearer(key))
    assert got.status_code == 200 and got.headers["x-orq-verified"] == "could_not"
    assert got.json()["orq"]["why_not_verified"] == got.headers["x-orq-why-not-verified"] == "too_few_models"
    last = events_of(streamed.text)[-1]["orq"]
    assert (last["verified"], last["why_not_verified"]) == ("could_not", "too_few_models")


async def test_the_draft_is_followed_by_what_the_check_came_to(gateway, models, key_of):
    """A reader who asked to see the draft cannot have it taken back, and is told the other answer."""
    small, middle, big = models
    key = await in_thread(key_of)()
    asked = {**ASKED, "stream": True, "orq": {"stream_draft": True}}
    with patch.object(DatabasePort, "coin", lambda self, what: True):
        async with serving({small: says("5"), middle: verdict(0, "4"), big: ruling("B")}):
            got = await gateway.http.post(PATH, json=asked, headers=bearer(key))
    events = events_of(got.text)
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in events) == "5"
    assert (events[-1]["orq"]["answer"], events[-1]["orq"]["verified"]) == ("4", "yes")


async def test_a_budget_for_one_step_alone_spends_nothing(gateway, models, key_of):
    """The author could be paid; author, checker and judge together could not."""
    small, middle, big = models
    key = await in_thread(key_of)(budget_usd=Decimal("0.002"))
    async with serving({small: says("4"), middle: verdict(100, "4"), big: says("")}) as servers:
        refused = await gateway.http.post(PATH, json=ASKED, headers=bearer(key))
        assert refused.status_code == 429 and refused.json()["error"]["code"] == "insufficient_quota"
        assert "It begins anew at" in refused.json()["error"]["message"]
        assert not any(server.requests for server in servers.values())
        alone = await gateway.http.post(PATH, json={**ASKED, "model": "orq/cheapest"}, headers=bearer(key))
    assert alone.status_code == 200, alone.text
    assert await in_thread(lambda: Budget.objects.get().spent_usd)() <= Decimal("0.002")


async def test_it_never_spends_more_than_was_set_aside(gateway, models, key_of):
    small, middle, big = models
    key = await in_thread(key_of)(budget_usd=Decimal(10))
    with patch.object(DatabasePort, "coin", lambda self, what: True):
        async with serving({small: says("5"), middle: verdict(0, "4"), big: ruling("B")}):
            got = await gateway.http.post(PATH, json=ASKED, headers=bearer(key))
    assert got.json()["orq"]["verified"] == "yes"
    held = await in_thread(lambda: list(Reservation.objects.all()))()
    spent = await in_thread(lambda: Budget.objects.get().spent_usd)()
    assert len(held) == 1 and held[0].settled_at is not None
    assert 0 < spent == held[0].cost_usd == Decimal(got.headers["x-orq-cost"]) <= held[0].amount_usd


async def test_who_leaves_in_the_middle_ends_the_call_and_what_came_is_kept(gateway, models, key_of):
    small, middle, big = models
    key = await in_thread(key_of)()
    asked = {**ASKED, "stream": True, "orq": {"stream_draft": True}}
    async with serving({small: goes_on_after("The sum ", "of two"), middle: verdict(100, "4"), big: says("")}) as servers:
        async with gateway.http.stream("POST", PATH, json=asked, headers=bearer(key)) as got:
            async for piece in got.aiter_bytes():
                if b"of two" in piece:
                    break
        await servers["small"].wait_until_client_is_gone()
        async with asyncio.timeout(10):
            while not await in_thread(CreditUsage.objects.exists)():
                await asyncio.sleep(0.02)
            while (await in_thread(TaskExecution.objects.get)()).status in ("pending", "processing", "running"):
                await asyncio.sleep(0.02)
    row = await in_thread(CreditUsage.objects.get)()
    assert (row.error_code, row.is_estimated) == ("cancelled", True) and row.output_tokens > 0
    execution = await in_thread(TaskExecution.objects.get)()
    assert (execution.status, execution.error_code, execution.cost_usd) == ("failed", "cancelled", row.cost_usd)


async def test_a_key_that_is_used_for_these_names_alone_is_known_to_be_used(gateway, models, key_of):
    small, middle, big = models
    key = await in_thread(key_of)()
    async with serving({small: says("4"), middle: verdict(100, "4"), big: says("")}):
        await gateway.http.post(PATH, json=ASKED, headers=bearer(key))
    await gateway.written()
    assert (await in_thread(VirtualKey.objects.get)()).last_used_at is not None
