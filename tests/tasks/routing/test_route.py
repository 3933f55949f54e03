"""A prompt on its route over real HTTP and the real database."""

from __future__ import annotations

import json
import os
from contextlib import aclosing
from dataclasses import replace
from datetime import timedelta
from decimal import Decimal
from unittest.mock import patch

import pytest
from asgiref.sync import async_to_sync
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from apps.common.machine import machine
from apps.providers.contract import Delta
from apps.providers.errors import OverBudget
from apps.providers.models import Budget, CreditUsage, Provider, QualityMetric, Reservation
from apps.providers.services import budget_create, call_usd
from apps.tasks.engine.errors import NoModel, NoModelAnswered
from apps.tasks.models import AuditLog, EscalationHistory, EscalationRule, ProviderMetric, TaskExecution
from apps.tasks.runner.executions import execution_begin
from apps.tasks.runner.orphans import executions_reconcile
from apps.tasks.runner.route_port import DatabasePort
from apps.tasks.runner.routing import asker_of, prompt_for, route_prompt, stream_route
from apps.tasks.services.audit import audit_verify
from tests.providers.calls.upstream import goes_on_after, refuses, says
from tests.tasks.routing.upstream import (
    ASKED,
    LOST,
    SURE,
    model_at,
    request_of,
    routed,
    ruling,
    serving,
    verdict,
)

pytestmark = pytest.mark.django_db


def test_an_answer_is_streamed_and_all_that_led_to_it_is_kept(actor):
    small, big = model_at(actor, "small"), model_at(actor, "big", "top", price=10)
    found = routed(actor, {small: says("The answer is 4, ", "because 2 + 2 = 4."), big: says("unasked")}, strategy="cheapest")
    assert found.text == SURE == found.end.routed.completion.text
    assert found.asked("big") == 0
    row = TaskExecution.objects.get()
    assert (row.public_id, row.input, row.output, row.status) == (found.end.execution_id, ASKED, SURE, "completed")
    assert (row.initial_model, row.current_model, row.model_name, row.held_by) == (small, small, str(small), "")
    usage = CreditUsage.objects.get()
    assert usage.linked_execution == row.public_id
    assert row.cost_usd == usage.cost_usd == found.end.cost_usd > 0
    assert (row.input_tokens, row.output_tokens) == (usage.input_tokens, usage.output_tokens)
    assert [one["model"]["model"] for one in row.metadata["selection"]["considered"]] == ["small", "big"]
    assert [signal["name"] for signal in row.metadata["attempts"][0]["signals"]]
    assert row.metadata["needs"]["features"]


def test_a_doubtful_answer_rises_and_what_was_there_is_kept(actor):
    small, big = model_at(actor, "small"), model_at(actor, "big", "top", price=10)
    found = routed(actor, {small: says(LOST), big: says(SURE)}, strategy="cheapest")
    assert found.text == SURE
    row = TaskExecution.objects.get()
    assert (row.status, row.escalation_count, row.output) == ("escalated", 1, SURE)
    assert (row.initial_model, row.current_model) == (small, big)
    rise = EscalationHistory.objects.get()
    assert (rise.trigger, rise.from_model, rise.to_model, rise.previous_output) == ("low_confidence", small, big, LOST)
    assert rise.previous_confidence < 70 < row.confidence
    assert row.cost_usd == sum(usage.cost_usd for usage in CreditUsage.objects.all())
    assert rise.cost_usd == CreditUsage.objects.get(model=small).cost_usd


def test_the_steps_of_a_prompt_are_in_the_audit_log_in_order(actor):
    small, big = model_at(actor, "small"), model_at(actor, "big", "top", price=10)
    found = routed(actor, {small: says(LOST), big: says(SURE)}, strategy="cheapest")
    rows = AuditLog.objects.order_by("number")
    assert [row.category for row in rows] == [
        "task_submission",
        "complexity_analysis",
        "provider_selection",
        "task_execution",
        "confidence_evaluation",
        "escalation",
        "task_execution",
        "confidence_evaluation",
        "task_completion",
    ]
    assert {(row.team_id, row.object_id, row.actor) for row in rows} == {(actor.team.pk, found.end.execution_id, actor.user)}
    assert [row.number for row in rows] == list(range(1, 10))
    assert ASKED not in json.dumps([row.data for row in rows])
    assert audit_verify(actor.team.pk).problems == ()


@pytest.mark.parametrize(("script", "code"), [(refuses("403 Forbidden"), "authentication"), (goes_on_after(), "timeout")])
def test_an_error_and_a_time_out_go_on_to_another_model(actor, script, code):
    small, big = model_at(actor, "small"), model_at(actor, "big", "top", price=10)
    with patch.object(Provider, "idle_timeout_s", 0.3):
        found = routed(actor, {small: script, big: says(SURE)}, strategy="cheapest")
    assert found.text == SURE
    rise = EscalationHistory.objects.get()
    assert (rise.from_model, rise.to_model, rise.previous_output) == (small, big, "")
    assert found.end.routed.attempts[0].error_code == code
    assert ProviderMetric.objects.get(provider=small.provider).failed == 1


def test_a_forced_model_is_asked_alone(actor):
    small, big = model_at(actor, "small"), model_at(actor, "big", "top", price=10)
    found = routed(actor, {small: says(LOST), big: says(SURE)}, forced_model=str(small.public_id))
    assert (found.text, found.asked("big")) == (LOST, 0)
    assert TaskExecution.objects.get().status == "completed"


def test_when_nobody_answers_what_each_said_is_kept(actor):
    small = model_at(actor, "small")
    with pytest.raises(NoModelAnswered) as caught:
        routed(actor, {small: refuses("401 Unauthorized", "Bad key.")})
    row = TaskExecution.objects.get()
    assert caught.value.extra["task_id"] == str(row.public_id)
    assert (row.status, row.error_code, row.current_model, row.held_by) == ("failed", "no_model_answered", small, "")
    assert "small" in row.error.lower()
    assert list(AuditLog.objects.order_by("number").values_list("category", flat=True))[-2:] == ["error", "task_completion"]
    assert QualityMetric.objects.get(model=small).successes == 0


def test_without_any_model_it_says_so(actor):
    with pytest.raises(NoModel):
        routed(actor, {})
    assert TaskExecution.objects.get().error_code == "no_model"


# ── a second opinion ──────────────────────────────────────────────────────────────────────────────────────────────


def three(actor):
    return model_at(actor, "small"), model_at(actor, "middle", "balanced", price=2), model_at(actor, "big", "top", price=10)


def test_a_checked_answer_is_kept_with_who_checked_it(actor):
    small, middle, big = three(actor)
    found = routed(actor, {small: says("4"), middle: verdict(100, "4"), big: says("unasked")}, strategy="cheapest", verify=True)
    row = TaskExecution.objects.get()
    assert (row.verified, row.divergence) == ("yes", 0)
    assert row.metadata["verification"]["checker"]["model"] == "middle"
    assert found.asked("big") == 0
    assert [usage.purpose for usage in CreditUsage.objects.order_by("pk")] == ["answer", "check"]
    assert QualityMetric.objects.get(model=small).validation_score_mean == 100


def test_a_dispute_that_the_checker_wins_puts_its_answer_before_the_readers_eyes(actor):
    small, middle, big = three(actor)
    scripts = {small: says("5"), middle: verdict(0, "4"), big: ruling("B")}
    EscalationRule.objects.create(team=actor.team, owner=actor.user, name="none", trigger="error", is_active=False)
    with patch.object(DatabasePort, "coin", lambda self, what: True):
        found = routed(actor, scripts, strategy="cheapest", verify=True)
    row = TaskExecution.objects.get()
    assert (row.verified, row.output, found.text) == ("yes", "4", "4")
    assert (row.metadata["verification"]["judge"]["model"], row.current_model) == ("big", middle)
    assert {"validation", "tie_break"} <= set(AuditLog.objects.values_list("category", flat=True))
    assert QualityMetric.objects.get(model=small).validation_score_mean == 0


def test_with_too_few_models_it_says_that_it_could_not_be_checked(actor):
    small = model_at(actor, "small")
    found = routed(actor, {small: says("4")}, verify=True)
    row = TaskExecution.objects.get()
    assert (row.verified, row.metadata["why_not_verified"]) == ("could_not", "too_few_models")
    assert found.end.routed.verified == "could_not"


# ── leaving, and what is left behind ──────────────────────────────────────────────────────────────────────────────


def test_who_leaves_closes_the_call_and_what_was_paid_is_kept(actor):
    small = model_at(actor, "small")

    async def leaves_after_a_word() -> float:
        async with serving({small: goes_on_after("Once upon a time ")}) as servers:
            async with aclosing(stream_route(asker_of(actor), prompt_for(request_of()))) as items:
                assert await anext(items) == Delta("Once upon a time ")
            return await servers["small"].wait_until_client_is_gone()

    async_to_sync(leaves_after_a_word)()
    row = TaskExecution.objects.get()
    usage = CreditUsage.objects.get()
    assert (row.status, row.error_code, row.held_by) == ("failed", "cancelled", "")
    assert (usage.error_code, row.cost_usd) == ("cancelled", usage.cost_usd)
    assert row.cost_usd > 0
    assert not QualityMetric.objects.exists()


def test_what_a_dead_process_left_is_marked_as_failed(actor):
    dead = TaskExecution.objects.create(
        team=actor.team, owner=actor.user, input="Lost?", status="processing", held_by=f"{machine()}:alone:999999999"
    )
    ours = TaskExecution.objects.create(
        team=actor.team, owner=actor.user, input="Ours", status="processing", held_by=f"{machine()}:alone:{os.getppid()}"
    )
    elsewhere = TaskExecution.objects.create(
        team=actor.team, owner=actor.user, input="Elsewhere", status="processing", held_by="othermachine:alone:1"
    )
    assert executions_reconcile() == 1
    for row in (dead, ours, elsewhere):
        row.refresh_from_db()
    assert (dead.status, dead.error_code, dead.held_by) == ("failed", "lost", "")
    assert (ours.status, elsewhere.status) == ("processing", "processing")
    TaskExecution.objects.update(updated_at=timezone.now() - timedelta(hours=2))
    assert executions_reconcile() == 2
    assert audit_verify(actor.team.pk).problems == ()


# ── money ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_budget_that_does_not_cover_the_answer_refuses_it_before_anything_is_asked(actor):
    small = model_at(actor, "small")
    budget_create(actor, scope="team", period="month", limit_usd=Decimal("0.00000100"))
    with pytest.raises(OverBudget):
        routed(actor, {small: says(SURE)})
    row = TaskExecution.objects.get()
    assert (row.status, row.error_code) == ("failed", "over_shared_budget")
    assert not CreditUsage.objects.exists()


def test_a_verified_answer_sets_its_whole_ladder_aside_before_it_begins(actor):
    small, middle, big = three(actor)
    budget_create(actor, scope="team", period="month", limit_usd=Decimal(10))
    seen: list[Decimal] = []

    async def story() -> None:
        async with serving({small: says("4"), middle: verdict(100, "4"), big: says("")}):
            prompt = prompt_for(request_of(), verify=True, strategy="cheapest")
            async with aclosing(stream_route(asker_of(actor), prompt)) as items:
                async for item in items:
                    if isinstance(item, Delta):
                        seen.extend([one async for one in Reservation.objects.values_list("left_usd", flat=True)])

    async_to_sync(story)()
    assert len(set(seen)) == 1, "one reservation for all"
    request = request_of()
    alone = sum(call_usd(model, request) for model in (small, middle, big))
    assert seen[0] > alone
    assert not Reservation.objects.filter(settled_at=None).exists()
    assert Reservation.objects.count() == 1
    assert Budget.objects.get().spent_usd == TaskExecution.objects.get().cost_usd


def test_a_budget_that_covers_only_the_author_verifies_nothing(actor):
    small, middle, big = three(actor)
    budget_create(actor, scope="team", period="month", limit_usd=Decimal("0.01"))
    assert call_usd(small, request_of()) < Decimal("0.01")
    with pytest.raises(OverBudget):
        routed(actor, {small: says("4"), middle: verdict(100, "4"), big: says("")}, verify=True, strategy="cheapest")
    assert not CreditUsage.objects.exists()


def test_where_a_budget_is_in_force_a_model_of_unknown_price_is_passed_over(actor):
    unknown, small = model_at(actor, "unknown", price=None), model_at(actor, "small", price=3)
    budget_create(actor, scope="team", period="month", limit_usd=Decimal(1))
    found = routed(actor, {unknown: says("unasked"), small: says(SURE)})
    assert {one.model.model: one.reason for one in found.end.routed.selection.considered} == {
        "small": "",
        "unknown": "price_unknown",
    }


# ── rules and the database ────────────────────────────────────────────────────────────────────────────────────────


def test_the_rules_of_the_team_take_the_place_of_those_of_the_code(actor):
    small, big = model_at(actor, "small"), model_at(actor, "big", "top", price=10)
    EscalationRule.objects.create(team=actor.team, owner=actor.user, name="strict", trigger="low_confidence", threshold=100)
    routed(actor, {small: says(SURE), big: says(SURE)}, strategy="cheapest", use_cache=False)
    assert EscalationHistory.objects.get().rule_name == "strict"
    EscalationRule.objects.update(is_active=False)
    routed(actor, {small: says(LOST), big: says(SURE)}, strategy="cheapest", use_cache=False)
    assert EscalationHistory.objects.count() == 1


def test_a_key_that_may_ask_only_some_models_gets_only_those(actor):
    small, big = model_at(actor, "small"), model_at(actor, "big", "top", price=10)

    async def story():
        async with serving({small: says("unasked"), big: says(SURE)}):
            asker = replace(asker_of(actor), models=frozenset({str(big.public_id)}))
            return await route_prompt(asker, prompt_for(request_of()))

    end = async_to_sync(story)()
    assert end.routed.by.model == "big"
    assert {one.reason for one in end.routed.selection.considered} == {"", "not_allowed"}


def test_reading_for_a_route_takes_as_many_queries_for_many_models_as_for_few(actor, django_assert_num_queries):
    def counted() -> int:
        with CaptureQueriesContext(connection) as queries:
            execution_begin(asker_of(actor), prompt_for(request_of()))
        return len(queries)

    model_at(actor, "one")
    few = counted()
    for number in range(10):
        model_at(actor, f"more{number}")
    assert counted() == few <= 8


def test_the_same_again_comes_from_the_cache_and_costs_nothing(actor):
    small = model_at(actor, "small")
    routed(actor, {small: says(SURE)})
    found = routed(actor, {small: refuses("500 Oops")})
    assert (found.text, found.asked("small")) == (SURE, 0)
    row = TaskExecution.objects.latest("pk")
    assert (row.cache, row.cost_usd, row.status, row.output) == ("exact", 0, "completed", SURE)
