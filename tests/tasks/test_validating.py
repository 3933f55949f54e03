"""A benchmark of validators at work: models behind real HTTP judge planted faults, row by row, once, until somebody stops it."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from asgiref.sync import async_to_sync, sync_to_async

from apps.accounts.actor import Actor
from apps.providers.models import CreditUsage
from apps.tasks.models import ValidatorOutcome, ValidatorRun
from apps.tasks.runner import validating
from apps.tasks.selectors.checking import Rate, checking_quality
from apps.tasks.services.validator_runs import run_start, run_stop
from tests.providers.calls.upstream import goes_on_after, refuses
from tests.tasks.routing.upstream import model_at, serving, verdict

pytestmark = pytest.mark.django_db
CASES = 6  # of two practice questions


def started(actor: Actor, *models: Any) -> ValidatorRun:
    return run_start(actor, models=[str(model.public_id) for model in models], cases="practice", questions=2)


def carried_out(scripts: dict[Any, Any]) -> dict[str, int]:
    """Work until nothing waits; how often each model was asked."""

    async def story() -> dict[str, int]:
        async with serving(scripts) as servers:
            await sync_to_async(validating.ValidatorWorker().work)()
            return {key: len(server.requests) for key, server in servers.items()}

    return async_to_sync(story)()


def test_each_case_is_judged_once_by_each_checker_and_disputes_by_the_judge(actor: Actor) -> None:
    strict, kind = model_at(actor, "strict"), model_at(actor, "kind")
    run = started(actor, strict, kind)
    asked = carried_out({strict: verdict(10), kind: verdict(96)})
    run.refresh_from_db()
    assert (run.status, run.error, run.done, run.total) == ("completed", "", 4 * CASES, 4 * CASES)
    assert asked["strict"] == CASES  # it judges nobody: the other one accepts everything
    assert run.calls >= 2 * CASES and run.cost_usd > 0 and not run.is_partial
    assert CreditUsage.objects.filter(linked_execution=run.public_id, purpose="validator bench").exists()
    found = {(one.checker, one.judge): one for one in checking_quality(actor).benched}
    assert found[str(strict), ""].right_refused == Rate(2, 2) and found[str(strict), ""].faults_accepted == Rate(0, 4)
    assert found[str(kind), ""].right_refused == Rate(0, 2) and found[str(kind), ""].faults_accepted == Rate(4, 4)
    assert found[str(kind), str(strict)].faults_accepted == Rate(4, 4)


def test_a_run_that_was_interrupted_goes_on_with_what_is_missing(actor: Actor) -> None:
    model = model_at(actor, "only")
    run = started(actor, model)
    carried_out({model: verdict(96)})
    kept = ValidatorOutcome.objects.filter(run=run)
    kept.filter(pk__in=list(kept.values_list("pk", flat=True)[:2])).delete()
    ValidatorRun.objects.filter(pk=run.pk).update(status="running", done=4)
    assert carried_out({model: verdict(96)}) == {"only": 2}
    run.refresh_from_db()
    assert (run.status, run.done, kept.count()) == ("completed", CASES, CASES)


def test_a_model_that_fails_again_and_again_ends_the_run_with_the_reason(actor: Actor) -> None:
    model = model_at(actor, "broken")
    run = started(actor, model)
    carried_out({model: refuses("401 Unauthorized", "Your key is wrong.")})
    run.refresh_from_db()
    assert run.status == "failed" and "in a row" in run.error and run.lease_owner == ""


@pytest.mark.django_db(transaction=True)
def test_a_stop_closes_the_calls_and_keeps_what_was_judged(actor: Actor) -> None:
    model = model_at(actor, "slow")
    run = started(actor, model)

    async def story() -> None:
        async with serving({model: [verdict(96), goes_on_after("{")]}) as servers:
            working = sync_to_async(validating.ValidatorWorker().work, thread_sensitive=False)()
            task = asyncio.ensure_future(working)
            async with asyncio.timeout(20):
                while len(servers["slow"].requests) < 2:
                    await asyncio.sleep(0.02)
            await sync_to_async(run_stop)(actor, run)
            await servers["slow"].wait_until_client_is_gone(timeout_s=10)
            await task

    async_to_sync(story)()
    run.refresh_from_db()
    assert run.status == "cancelled" and run.lease_owner == ""
    assert ValidatorOutcome.objects.filter(run=run).count() < CASES
