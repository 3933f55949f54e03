"""What calls cost, and counters that lose nothing when many write at once."""

from __future__ import annotations

import threading
from decimal import Decimal
from uuid import uuid4

import pytest
from django.conf import settings
from django.core.management import call_command
from django.db import connection, transaction

from apps.providers import services
from apps.providers.contract import Completion, Usage
from apps.providers.models import AIModel, CreditUsage, QualityMetric
from tests.factories import make_actor
from tests.providers.rows import make_model, make_provider

pytestmark = pytest.mark.django_db


def priced(actor, **more):
    given = {"price_input": Decimal("0.15"), "price_output": Decimal("0.6"), "price_cached": Decimal("0.075")}
    return make_model(actor, make_provider(actor, is_local=False), **{**given, **more})


@pytest.mark.parametrize(
    ("usage", "cost"),
    [
        (Usage(1_000_000, 1_000_000), "0.75"),
        (Usage(1_000_000, 0, cached_tokens=400_000), "0.12"),  # cached tokens are inside the input tokens
        (Usage(0, 1_000_000, reasoning_tokens=900_000), "0.6"),  # reasoning tokens are inside the output tokens
        (Usage(1, 0), "0.00000015"),
        (Usage(0, 0), "0"),
        (Usage(10, 0, cached_tokens=99), "0.00000075"),  # a vendor that counts oddly is not paid below zero
    ],
)
def test_a_call_costs_what_its_tokens_cost(actor, usage, cost):
    assert services.cost_of(priced(actor), usage) == Decimal(cost)


def test_a_long_prompt_reprices_the_whole_request(actor):
    model = priced(
        actor, price_input=Decimal(5), price_output=Decimal(30), price_cached=Decimal("0.5"),
        price_tiers=[{"above_tokens": 272_000, "input": "10", "output": "45"}],
    )  # fmt: skip
    assert services.cost_of(model, Usage(272_000, 1_000)) == Decimal("1.39")
    assert services.cost_of(model, Usage(272_001, 1_000)) == Decimal("2.76501")
    assert services.cost_of(model, Usage(300_000, 0, cached_tokens=100_000)) == Decimal("2.1")


def test_without_cached_price_cached_tokens_cost_what_others_cost(actor):
    assert services.cost_of(priced(actor, price_cached=None), Usage(1_000_000, 0, cached_tokens=1_000_000)) == Decimal("0.15")


def test_an_unknown_price_is_unknown_and_our_own_machines_are_free(actor):
    assert services.cost_of(priced(actor, price_input=None), Usage(5, 5)) is None
    assert services.cost_of(make_model(actor, make_provider(actor, is_local=True)), Usage(5, 5)) == 0


def test_a_call_is_kept_with_names_that_outlive_the_model(actor):
    model, execution = priced(actor), uuid4()
    said = Completion("yes", "stop", Usage(100, 50, 10, 20), "m", latency_ms=1500, first_token_ms=500, attempts=2)
    row = services.usage_record(
        team_id=actor.team.pk, owner_id=actor.user.pk, model=model, purpose="execute", completion=said, linked_execution=execution
    )
    names = (model.provider.name, model.key)
    model.provider.delete()
    row = CreditUsage.objects.get(pk=row.pk)
    assert row.model is None and (row.provider_name, row.model_key) == names
    assert (row.input_tokens, row.output_tokens, row.cached_tokens, row.reasoning_tokens, row.attempts) == (100, 50, 10, 20, 2)
    assert (row.latency_ms, row.first_token_ms, row.linked_execution, row.is_estimated) == (1500, 500, execution, False)
    assert row.cost_usd == Decimal("0.00004425") and row.tokens_per_second == 50


def test_a_call_that_failed_is_kept_and_what_nobody_counted_is_marked(actor):
    given = {"team_id": actor.team.pk, "owner_id": None, "purpose": "plan", "completion": None}
    lost = services.usage_record(**given, model=priced(actor), error_code="timeout", latency_ms=9000)
    refused = services.usage_record(**given, model=priced(actor), error_code="authentication")
    nobody = services.usage_record(**given, model=None, error_code="no_model")
    assert (lost.is_estimated, lost.latency_ms, lost.cost_usd) == (True, 9000, 0)
    assert (refused.is_estimated, refused.cost_usd) == (False, 0)
    assert (nobody.cost_usd, nobody.model_key) == (None, "")


def test_quality_is_undone_with_the_callers_transaction(actor):
    model = priced(actor)
    services.quality_record(model, "code", success=True, score=Decimal(90), latency_ms=10, tokens=5, cost=None)
    with transaction.atomic():
        services.quality_record(model, "code", success=True, score=Decimal(10), latency_ms=10, tokens=5, cost=None)
        transaction.set_rollback(True)
    row = QualityMetric.objects.get()
    assert (row.executions, row.validation_score_mean, row.success_rate) == (1, 90, 100)


# ── Many at once ──────────────────────────────────────────────────────────────────────────────────────────────────
def in_threads(count, work):
    """Runs `work` in so many threads that begin together, each with a connection of its own; raises what one raised."""
    gate, failures = threading.Barrier(count), []

    def run():
        try:
            gate.wait(30)
            work()
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    if failures:
        raise failures[0]


@pytest.fixture
def database_for_threads(transactional_db, tmp_path, monkeypatch):
    """A database that threads can share: with SQLite a file of its own, since the one in memory locks without waiting."""
    if connection.vendor == "sqlite":
        monkeypatch.setitem(settings.DATABASES["default"], "NAME", str(tmp_path / "threads.sqlite3"))
        in_threads(1, lambda: call_command("migrate", verbosity=0))


def test_fifty_calls_recorded_at_once_all_count(database_for_threads):
    made = {}

    def begin():
        actor = make_actor()
        made.update(team=actor.team.pk, model=priced(actor).pk)

    said = Completion("yes", "stop", Usage(1_000, 100), "m", latency_ms=20)

    def record():
        """Without a transaction around it: SQLite would then let one in after the other, and hide lost updates."""
        model = AIModel.objects.select_related("provider").get(pk=made["model"])
        services.usage_record(team_id=made["team"], owner_id=None, model=model, purpose="execute", completion=said)
        services.quality_record(
            model, "code", success=True, score=Decimal("70.5"), latency_ms=20, tokens=1_100, cost=Decimal("0.00021")
        )

    seen = {}

    def look():
        seen.update(QualityMetric.objects.values().get(), calls=CreditUsage.objects.count())

    in_threads(1, begin)
    in_threads(50, record)
    in_threads(1, look)
    assert seen["calls"] == seen["executions"] == seen["successes"] == seen["validations"] == 50
    assert (seen["validation_score_sum"], seen["latency_ms_sum"], seen["tokens"]) == (Decimal("3525"), 1_000, 55_000)
    assert seen["cost_usd"] == Decimal("0.0105")
