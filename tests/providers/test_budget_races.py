"""Budgets under many calls at the same moment, in threads and in processes, and after a process was killed."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections import Counter
from datetime import timedelta
from decimal import Decimal
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection
from django.utils import timezone

from apps.providers import services
from apps.providers.errors import OverBudget
from apps.providers.models import AIModel, Budget, CreditUsage, Reservation
from tests.factories import provider_of
from tests.providers.rows import make_model
from tests.providers.spender import _one_call

pytestmark = pytest.mark.django_db(transaction=True)

ROOT = Path(__file__).resolve().parents[2]
CALLS, AFFORDED = 50, 10


def vendor(actor):
    """A provider that is not on our own machines."""
    provider = provider_of(actor)
    provider.is_local = False
    provider.save()
    return provider


@pytest.fixture
def model(actor) -> AIModel:
    given = {"price_input": Decimal(1), "price_output": Decimal(1)}
    return make_model(actor, vendor(actor), **given)


@pytest.fixture
def budgets(actor) -> list[Budget]:
    """Of the team and of the person, so that each call takes two locks; the person's is the smaller one."""
    team = services.budget_create(actor, scope="team", period="month", limit_usd=Decimal(20))
    own = services.budget_create(actor, scope="person", person=actor.user, period="day", limit_usd=Decimal(AFFORDED))
    return [team, own]


def environment() -> dict[str, str]:
    """The product's own settings, on the database of this test and with its keys."""
    about = connection.settings_dict
    url = f"sqlite:///{about['NAME']}"
    if connection.vendor != "sqlite":
        url = f"mysql://{about['USER']}:{about['PASSWORD']}@{about['HOST']}:{about['PORT']}/{about['NAME']}"
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("ORQ_", "DJANGO_", "PYTEST"))}
    return kept | {"ORQ_HOME": str(settings.ORQ_HOME), "DJANGO_SETTINGS_MODULE": "orquestrador.settings", "DATABASE_URL": url}


def spender(command: str, **arguments: object) -> subprocess.Popen[str]:
    program = [sys.executable, "-m", "tests.providers.spender", command, json.dumps(arguments)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen(program, cwd=ROOT, env=environment(), **pipes)


def hears(process: subprocess.Popen[str]) -> object:
    return json.loads(process.stdout.readline())


def told_to_begin(process: subprocess.Popen[str]) -> None:
    process.stdin.write("\n")
    process.stdin.flush()


def must_have_let_ten_through(outcomes: list[str], budgets: list[Budget]) -> None:
    assert Counter(outcomes) == {"through": AFFORDED, "refused": CALLS - AFFORDED}
    assert CreditUsage.objects.count() == AFFORDED
    assert [Budget.objects.get(pk=budget.pk).spent_usd for budget in budgets] == [AFFORDED, AFFORDED]
    assert not Reservation.objects.filter(settled_at=None).exists()


def test_of_fifty_threads_at_once_exactly_ten_get_through(actor, model, budgets):
    outcomes: list[str] = []
    gate = threading.Barrier(CALLS)

    def call():
        gate.wait(60)
        outcomes.append(_one_call(actor.team.pk, actor.user.pk, model.pk, "1"))

    threads = [threading.Thread(target=call) for _ in range(CALLS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    must_have_let_ten_through(outcomes, budgets)


def test_of_fifty_threads_that_hold_what_they_got_exactly_ten_get_any(actor, budgets):
    """None is settled before all have asked: it is what is set aside that counts, not what is spent."""
    outcomes: list[bool] = []
    gate = threading.Barrier(CALLS)

    def ask():
        gate.wait(60)
        given = {"amount_usd": Decimal(1), "model_name": "m", "purpose": "execute"}
        try:
            outcomes.append(services.budget_reserve(team_id=actor.team.pk, owner_id=actor.user.pk, **given) is not None)
        except OverBudget as refused:
            assert refused.is_held
            outcomes.append(False)
        finally:
            connection.close()

    threads = [threading.Thread(target=ask) for _ in range(CALLS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    assert Counter(outcomes) == {True: AFFORDED, False: CALLS - AFFORDED}
    assert Reservation.objects.filter(settled_at=None).count() == AFFORDED


def test_of_fifty_calls_in_five_processes_exactly_ten_get_through(actor, model, budgets):
    given = {"team": actor.team.pk, "owner": actor.user.pk, "model": model.pk, "calls": CALLS // 5, "amount": "1"}
    processes = [spender("race", **given) for _ in range(5)]
    for process in processes:
        assert hears(process) == "ready"
    for process in processes:
        told_to_begin(process)
    outcomes = [outcome for process in processes for outcome in hears(process)["outcomes"]]
    for process in processes:
        process.communicate(timeout=30)
    must_have_let_ten_through(outcomes, budgets)


def test_a_process_that_is_killed_with_money_set_aside_locks_nobody_out(actor, budgets, monkeypatch):
    holder = spender("hold", team=actor.team.pk, owner=actor.user.pk, amount=str(AFFORDED), ttl_s=60)
    assert hears(holder) == "ready"
    told_to_begin(holder)
    assert hears(holder)["reserved"]
    holder.kill()
    holder.communicate(timeout=30)
    given = {"team_id": actor.team.pk, "owner_id": actor.user.pk, "model_name": "m", "purpose": "execute"}
    with pytest.raises(OverBudget) as caught:
        services.budget_reserve(**given, amount_usd=Decimal(1))
    assert caught.value.is_held
    later = timezone.now() + timedelta(seconds=61)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert services.budget_reserve(**given, amount_usd=Decimal(AFFORDED)) is not None
