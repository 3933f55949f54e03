"""A finished answer that a person gives to a stronger model."""

from __future__ import annotations

import asyncio
import threading

import pytest
from asgiref.sync import async_to_sync

from apps.common.errors import Conflict
from apps.providers.models import CreditUsage
from apps.tasks.engine.errors import NoModelAnswered
from apps.tasks.models import AuditLog, EscalationHistory, EscalationRule, TaskExecution
from apps.tasks.runner import by_hand
from apps.tasks.runner.by_hand import escalate_by_hand
from apps.tasks.runner.routing import asker_of
from apps.tasks.services.audit import audit_verify
from tests.providers.calls.upstream import refuses, says
from tests.tasks.routing.upstream import SURE, model_at, routed, serving

pytestmark = pytest.mark.django_db
BETTER = "It is 4: two and two make four."


@pytest.fixture
def models(actor):
    return model_at(actor, "small"), model_at(actor, "middle", "balanced", price=2), model_at(actor, "big", "top", price=10)


@pytest.fixture
def answered(actor, models) -> TaskExecution:
    small, _middle, _big = models
    routed(actor, {small: says(SURE)}, strategy="cheapest")
    return TaskExecution.objects.get()


def escalated(actor, row, scripts, **options):
    async def story():
        async with serving(scripts):
            return await escalate_by_hand(asker_of(actor), row, **options)

    end = async_to_sync(story)()
    row.refresh_from_db()
    return end


def test_the_next_stronger_model_answers_and_the_old_answer_is_kept(actor, models, answered):
    small, middle, _big = models
    confidence = answered.confidence
    end = escalated(actor, answered, {middle: says(BETTER)})
    assert (answered.output, answered.status, answered.escalation_count) == (BETTER, "escalated", 1)
    assert (answered.initial_model, answered.current_model, answered.held_by) == (small, middle, "")
    rise = EscalationHistory.objects.get()
    assert (rise.trigger, rise.previous_output, rise.previous_confidence) == ("manual", SURE, confidence)
    assert answered.cost_usd == end.cost_usd == sum(usage.cost_usd for usage in CreditUsage.objects.all())
    assert answered.metadata["earlier"][0]["attempts"][0]["model"]["model"] == "small"
    assert audit_verify(actor.team.pk).problems == ()


def test_it_goes_on_upwards_and_then_there_is_nobody_left(actor, models, answered):
    _small, middle, big = models
    escalated(actor, answered, {middle: says(BETTER)})
    escalated(actor, answered, {big: says("Four.")})
    assert (answered.current_model, answered.escalation_count) == (big, 2)
    with pytest.raises(Conflict):
        escalated(actor, answered, {})
    answered.refresh_from_db()
    assert (answered.status, answered.held_by, answered.output) == ("escalated", "", "Four.")


def test_a_person_may_name_the_model(actor, models, answered):
    big = models[2]
    escalated(actor, answered, {big: says(BETTER)}, model=str(big.public_id))
    assert answered.current_model == big


def test_a_rule_for_escalation_by_hand_says_whom_it_leads_to(actor, models, answered):
    big = models[2]
    EscalationRule.objects.create(team=actor.team, owner=actor.user, name="to the top", trigger="manual", to_tier="top")
    escalated(actor, answered, {big: says(BETTER)})
    assert (answered.current_model, EscalationHistory.objects.get().rule_name) == (big, "to the top")


def test_when_the_stronger_one_fails_the_answer_stays(actor, models, answered):
    middle = models[1]
    with pytest.raises(NoModelAnswered):
        escalated(actor, answered, {middle: refuses("403 Forbidden", "No.")})
    answered.refresh_from_db()
    assert (answered.output, answered.status, answered.error_code, answered.held_by) == (SURE, "completed", "", "")
    assert not EscalationHistory.objects.exists()
    assert AuditLog.objects.filter(data__error_code="no_model_answered").exists()


def test_an_answer_that_is_being_escalated_is_not_escalated_again(actor, models, answered):
    TaskExecution.objects.update(held_by="somebody:else:1", status="processing")
    with pytest.raises(Conflict):
        escalated(actor, answered, {})


def test_who_leaves_while_it_begins_leaves_the_answer_as_it_was(actor, models, answered, monkeypatch):
    goes_on, has_claimed, claimed = threading.Event(), threading.Event(), by_hand._claimed

    def slowly(*args):
        found = claimed(*args)
        has_claimed.set()
        assert goes_on.wait(20)
        return found

    monkeypatch.setattr(by_hand, "_claimed", slowly)

    async def story() -> None:
        escalating = asyncio.ensure_future(by_hand.escalate_by_hand(asker_of(actor), answered))
        await asyncio.to_thread(has_claimed.wait, 20)
        escalating.cancel()
        await asyncio.sleep(0)
        goes_on.set()
        with pytest.raises(asyncio.CancelledError):
            await escalating

    async_to_sync(story)()
    answered.refresh_from_db()
    assert (answered.status, answered.held_by) == ("completed", "")
