"""The lease of a trial: kept while the database fails, freed after a restart, never given back for another worker."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import OperationalError, connections
from django.utils import timezone

from apps.common.machine import machine
from apps.providers import services
from apps.providers.models import Benchmark, Comparison, ComparisonAnswer, Reservation
from apps.providers.trials.worker import TrialWorker
from tests.providers.rows import make_model, make_provider
from tests.providers.trials.scenes import in_db, model_at, spoken, start, until
from tests.servers.bytes_server import HOLD, SSE, BytesServer, event, reply, words

WELL = reply(SSE, event(words("Well")), HOLD)


def asked_of(actor, *models):
    return services.comparison_start(actor, prompt="Say hello.", models=models)


def status_of(row) -> str:
    return Comparison.objects.values_list("status", flat=True).get(pk=row.pk)


@pytest.mark.django_db(transaction=True)
async def test_a_stop_is_obeyed_although_the_database_failed_before(actor, monkeypatch):
    looks = iter([OperationalError("gone away"), OperationalError("gone away")])
    look = TrialWorker._is_ours

    def failing(worker, row):
        if error := next(looks, None):
            raise error
        return look(worker, row)

    monkeypatch.setattr(TrialWorker, "_is_ours", failing)
    async with BytesServer(WELL) as server:
        row = await in_db(asked_of, actor, *[await in_db(model_at, actor, server) for _ in range(2)])
        work = start(TrialWorker())
        await until(lambda: len(server.requests) == 2)
        await in_db(services.trial_stop, actor, row)
        await server.wait_until_client_is_gone(timeout_s=5)
        await work
    assert next(looks, None) is None and await in_db(status_of, row) == "cancelled"


@pytest.mark.django_db(transaction=True)
async def test_the_lease_is_renewed_while_a_model_thinks(actor, settings):
    settings.ORQ_LEASE_S = 2
    async with BytesServer(WELL) as server:
        row = await in_db(asked_of, actor, *[await in_db(model_at, actor, server) for _ in range(2)])
        first = TrialWorker()
        work = start(first)
        lease = await until(lambda: Comparison.objects.get(pk=row.pk).lease_until)
        await until(lambda: Comparison.objects.get(pk=row.pk).lease_until > lease + timedelta(seconds=1))
        assert await in_db(TrialWorker().claim) is None
        first.stop()
        await work
    assert await in_db(status_of, row) == "running"


@pytest.mark.django_db(transaction=True)
async def test_a_database_that_fails_leaves_the_trial_to_whoever_comes_next(actor, monkeypatch):
    async def failing(_trial):
        raise ExceptionGroup("two at once", [OperationalError("gone away"), ValueError("x")])

    row = await in_db(asked_of, actor, *[await in_db(make_model, actor) for _ in range(2)])
    monkeypatch.setattr(TrialWorker, "carry_out", lambda self, trial: failing(trial))
    await start(TrialWorker())
    await in_db(row.refresh_from_db)
    assert row.status == "running" and row.lease_until > timezone.now()


@pytest.mark.django_db
def test_a_worker_that_was_replaced_leaves_everything_to_the_other(actor):
    row = asked_of(actor, make_model(actor), make_model(actor))
    first = TrialWorker()
    taken = first.claim()
    Comparison.objects.filter(pk=row.pk).update(lease_owner="another")
    column = row.answers.first()
    ComparisonAnswer.objects.filter(pk=column.pk).update(status="cancelled")
    about = {"purpose": "compare", "linked_execution": row.public_id, "amount_usd": 1, "left_usd": 1}
    hold = Reservation.objects.create(team=actor.team, expires_at=timezone.now() + timedelta(hours=1), **about)
    first._let_go(taken)
    first._let_go(taken, "completed")
    hold.refresh_from_db()
    column.refresh_from_db()
    assert (hold.settled_at, column.status, status_of(row)) == (None, "cancelled", "running")


@pytest.mark.django_db
def test_what_an_earlier_start_of_this_machine_was_at_goes_on_at_once(actor, settings):
    settings.ORQ_BOOT_ID = "now"
    row = asked_of(actor, make_model(actor), make_model(actor))
    later = timezone.now() + timedelta(seconds=20)
    held = Comparison.objects.filter(pk=row.pk)
    for holder, is_free in ((f"{machine()}:before:7:a", True), (f"{machine()}:now:7:a", False), ("elsewhere:before:7:a", False)):
        held.update(status="running", lease_owner=holder, lease_until=later)
        assert TrialWorker().has_waiting() is is_free


@pytest.mark.django_db(transaction=True)
async def test_a_worker_that_has_to_end_takes_nothing_up_any_more(actor):
    async with BytesServer(spoken("Hello.")) as server:
        row = await in_db(asked_of, actor, *[await in_db(model_at, actor, server) for _ in range(2)])
        late = TrialWorker()
        taken = await in_db(late.claim)
        late.stop()  # between taking it up and beginning
        await start(type("Late", (), {"work": lambda self: late.run(taken)})())
    assert not server.requests and await in_db(status_of, row) == "running"
    assert await in_db(lambda: Comparison.objects.get(pk=row.pk).lease_owner) == ""


@pytest.mark.django_db(transaction=True)
def test_two_workers_who_look_at_once_measure_one_server_one_after_the_other(actor):
    provider = make_provider(actor)
    for _round in range(5):
        rows = [services.benchmark_start(actor, make_model(actor, provider), rounds=1) for _ in range(2)]
        together = threading.Barrier(2)

        def look(together=together):
            together.wait(10)
            try:
                return TrialWorker().claim()
            finally:
                connections.close_all()

        with ThreadPoolExecutor(2) as threads:
            taken = [one.result() for one in [threads.submit(look) for _ in range(2)]]
        assert sum(one is not None for one in taken) == 1
        Benchmark.objects.filter(pk__in=[row.pk for row in rows]).update(status="completed")
