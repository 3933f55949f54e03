"""Many prompts at once: one budget, one audit chain, one set of figures, and no connection held meanwhile."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync
from django.db.models import Sum

from apps.providers.errors import OverBudget
from apps.providers.models import Budget, CreditUsage, Reservation
from apps.providers.services import budget_create, call_usd
from apps.tasks.models import AuditLog, ProviderMetric, TaskExecution
from apps.tasks.runner.routing import asker_of, prompt_for, route_prompt
from apps.tasks.services.audit import audit_verify
from tests.servers.bytes_server import SSE, event, reply, words
from tests.tasks.routing.upstream import SURE, model_at, request_of, serving

CALLS, COVERED = 50, 10


def says_late(text: str, **usage: int) -> tuple:
    """After half a second, so that all are under way at once."""
    end = {**words(finish="stop"), "usage": {"prompt_tokens": 20, "completion_tokens": 10, "total_tokens": 30}}
    return reply(SSE, 0.5, event(words(text)), event(end), b"data: [DONE]\n\n")


@pytest.mark.django_db(transaction=True)
def test_fifty_prompts_at_once_against_a_budget_for_ten(actor):
    small = model_at(actor, "small", price=1)
    most = call_usd(small, request_of("Question 00: what is 2 + 2?"))
    budget = budget_create(actor, scope="team", period="month", limit_usd=most * COVERED)

    async def asks(number: int) -> bool:
        prompt = prompt_for(request_of(f"Question {number:02d}: what is 2 + 2?"), use_cache=False)
        try:
            await route_prompt(asker_of(actor), prompt)
        except OverBudget:
            return False
        return True

    async def story() -> list[bool]:
        async with serving({small: says_late(SURE)}):
            return await asyncio.gather(*(asks(number) for number in range(CALLS)))

    answered = sum(async_to_sync(story)())
    budget.refresh_from_db()
    assert answered >= 1
    assert budget.spent_usd <= budget.limit_usd
    assert budget.spent_usd == CreditUsage.objects.aggregate(sum=Sum("cost_usd"))["sum"].quantize(Decimal("0.00000001"))
    assert not Reservation.objects.filter(settled_at=None).exists()
    assert TaskExecution.objects.filter(status="completed").count() == answered
    assert TaskExecution.objects.filter(error_code="over_shared_budget").count() == CALLS - answered
    assert not TaskExecution.objects.exclude(held_by="").exists()
    assert ProviderMetric.objects.get(provider=small.provider).succeeded == answered
    assert CreditUsage.objects.count() == answered
    report = audit_verify(actor.team.pk)
    assert (report.problems, report.rows) == ((), AuditLog.objects.count())
    per_prompt = AuditLog.objects.filter(object_id__isnull=False).values_list("object_id", flat=True).distinct().count()
    assert per_prompt == CALLS


@pytest.mark.django_db(transaction=True)
def test_while_the_models_think_all_prompts_wait_in_one_thread(actor):
    small = model_at(actor, "small")

    async def story() -> float:
        async with serving({small: says_late(SURE)}) as servers:
            began = asyncio.get_running_loop().time()
            prompts = [prompt_for(request_of(f"Question {number}"), use_cache=False) for number in range(20)]
            asking = asyncio.gather(*(route_prompt(asker_of(actor), prompt) for prompt in prompts))
            async with asyncio.timeout(20):
                while servers["small"].connections < 20:
                    await asyncio.sleep(0.01)
            await asking
            return asyncio.get_running_loop().time() - began

    assert async_to_sync(story)() < 10  # one after the other they would take at least that
    assert TaskExecution.objects.filter(status="completed").count() == 20
    assert Budget.objects.count() == 0
