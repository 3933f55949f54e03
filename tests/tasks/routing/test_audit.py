"""The audit log of a team: a chain that shows when a row was changed, removed, moved or added."""

from __future__ import annotations

import json
import threading
from datetime import timedelta
from decimal import Decimal
from io import StringIO
from uuid import uuid4

import pytest
from django.core.management import CommandError, call_command
from django.db import connection, connections
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from apps.tasks.models import AuditHead, AuditLog, EscalationRule
from apps.tasks.services import audit
from apps.tasks.services.audit import AuditEntry, AuditProblem, audit_append, audit_verify, hash_of
from tests.factories import make_actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def chain(actor):
    """Ten rows, three at a time."""
    for first in range(1, 11, 3):
        audit_append(actor.team.pk, [entry(number) for number in range(first, min(first + 3, 11))])
    return AuditLog.objects.filter(team=actor.team).order_by("number")


def entry(number: int) -> AuditEntry:
    data = {
        "number": number,
        "cost": Decimal("0.0100"),
        "share": 0.1 + 0.2,
        "tiny": 1e-9,
        "name": "Ação 🌍",
        "when": timezone.now(),
        "id": uuid4(),
        "parts": (1, None, {"deep": float("nan")}),
    }
    return AuditEntry("task_execution", data, actor_name="Ana", object_type="execution", object_id=uuid4())


def problems(actor) -> list[AuditProblem]:
    return list(audit_verify(actor.team.pk).problems)


def test_rows_are_numbered_without_a_gap_and_each_holds_the_hash_of_the_one_before(actor, chain):
    rows = list(chain)
    assert [row.number for row in rows] == list(range(1, 11))
    assert [row.previous_hash for row in rows[1:]] == [row.hash for row in rows[:-1]]
    head = AuditHead.objects.get(team=actor.team)
    assert (head.number, head.hash) == (10, rows[-1].hash)
    assert problems(actor) == []


def test_teams_have_chains_of_their_own(actor, chain):
    other = make_actor()
    audit_append(other.team.pk, [entry(1)])
    assert AuditLog.objects.get(team=other.team).number == 1
    assert problems(other) == problems(actor) == []


@pytest.mark.parametrize(
    "change",
    [
        {"data": {"number": 4}},
        {"category": "error"},
        {"actor_name": "Bruno"},
        {"time": F("time") + timedelta(seconds=1)},
        {"object_id": None},
        {"hash": "f" * 64},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_changed_row_is_found(actor, chain, change):
    chain.filter(number=4).update(**change)
    assert AuditProblem("changed", 4) in problems(actor)
    assert {problem.number for problem in problems(actor)} <= {4, 5}


def test_a_changed_row_whose_hash_was_made_to_fit_is_found(actor, chain):
    row = chain.get(number=4)
    row.data = {"forged": True}
    row.hash = hash_of(row)
    row.save()
    assert problems(actor) == [AuditProblem("changed", 4)]


def test_a_last_row_whose_hash_was_made_to_fit_is_found_by_the_head(actor, chain):
    row = chain.get(number=10)
    row.data = {"forged": True}
    row.hash = hash_of(row)
    row.save()
    assert problems(actor) == [AuditProblem("changed", 10)]


@pytest.mark.parametrize(("gone", "last"), [([1], 1), ([5], 5), ([5, 6, 7], 7), ([10], 10), ([8, 9, 10], 10)])
def test_removed_rows_are_found_also_at_the_ends(actor, chain, gone, last):
    chain.filter(number__in=gone).delete()
    assert problems(actor) == [AuditProblem("removed", gone[0], last=last)]


def test_a_row_that_was_removed_with_the_gap_closed_is_found(actor, chain):
    chain.filter(number=5).delete()
    for number in range(6, 11):
        AuditLog.objects.filter(team=actor.team, number=number).update(number=number - 1)
    found = problems(actor)
    assert AuditProblem("moved", 5, was=6) in found
    assert AuditProblem("removed", 10, last=10) in found


def test_rows_in_another_order_are_found_and_told_where_they_were(actor, chain):
    chain.filter(number=3).update(number=99)
    chain.filter(number=7).update(number=3)
    chain.filter(number=99).update(number=7)
    assert problems(actor) == [AuditProblem("moved", 3, was=7), AuditProblem("moved", 7, was=3)]


def test_a_row_that_nobody_appended_is_found(actor, chain):
    last = chain.get(number=10)
    forged = AuditLog(team=actor.team, number=11, time=timezone.now(), category="error", previous_hash=last.hash)
    forged.hash = hash_of(forged)
    forged.save()
    assert problems(actor) == [AuditProblem("added", 11)]


def test_all_rows_gone_are_found_by_the_head(actor, chain):
    chain.delete()
    assert problems(actor) == [AuditProblem("removed", 1, last=10)]


def test_a_chain_is_read_a_part_at_a_time(actor, chain, monkeypatch):
    monkeypatch.setattr(audit, "ROWS_AT_ONCE", 3)
    assert (audit_verify(actor.team.pk).rows, problems(actor)) == (10, [])
    chain.filter(number=7).update(category="error")
    assert problems(actor) == [AuditProblem("changed", 7)]


def test_a_person_who_is_erased_leaves_the_chain_whole(actor):
    audit_append(actor.team.pk, [AuditEntry("settings", {}, actor_id=actor.user.pk, actor_name="Ana")])
    AuditLog.objects.update(actor=None)
    assert problems(actor) == []


@pytest.mark.django_db(transaction=True)
def test_several_who_append_at_once_make_one_chain(actor):
    if connection.vendor == "sqlite" and connection.is_in_memory_db():
        pytest.skip("a database in memory has one connection")
    failed: list[BaseException] = []

    def appends() -> None:
        try:
            for number in range(5):
                audit_append(actor.team.pk, [entry(number), entry(number)])
        except BaseException as error:
            failed.append(error)
        finally:
            connections.close_all()

    threads = [threading.Thread(target=appends) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert failed == []
    assert audit_verify(actor.team.pk).rows == 80
    assert problems(actor) == []


def test_the_command_says_what_it_found_and_fails(actor, chain):
    out = StringIO()
    call_command("audit", "verify", stdout=out)
    assert chain.get(number=10).hash in out.getvalue()
    chain.filter(number=2).delete()
    chain.filter(number=6).update(category="error")
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("audit", "verify", "--team", str(actor.team.public_id), stdout=out)
    assert "Entry 2 was removed." in out.getvalue()
    assert "Entry 6 was changed." in out.getvalue()
    out = StringIO()
    with pytest.raises(CommandError):
        call_command("audit", "verify", "--json", "--team", str(actor.team.public_id), stdout=out)
    assert json.loads(out.getvalue())["problems"][0]["kind"] == "removed"
    with pytest.raises(CommandError):
        call_command("audit", "verify", "--team", str(uuid4()))


def test_what_staff_change_in_the_admin_is_in_the_chain_of_its_team(actor, client):
    actor.user.is_staff = actor.user.is_superuser = True
    actor.user.save()
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    rule = EscalationRule.objects.create(team=actor.team, owner=actor.user, name="Doubt", trigger="low_confidence", threshold=60)
    page = reverse("admin:tasks_escalationrule_change", args=[rule.pk])
    form = client.get(page).context["adminform"].form
    given = {name: "" if (value := form.initial.get(name)) is None else value for name in form.fields}
    said = client.post(page, {**given, "threshold": "75", "owner": actor.user.pk})
    assert said.status_code == 302, said.context["errors"]
    client.post(reverse("admin:tasks_escalationrule_delete", args=[rule.pk]), {"post": "yes"})
    changed, deleted = AuditLog.objects.filter(team=actor.team).order_by("number")
    assert changed.data["what"] == "rule_changed" and changed.data["where"] == "admin"
    assert changed.data["changes"] == {"threshold": ["60", "75"]}
    assert (changed.actor_name, changed.object_id) == (str(actor.user), rule.public_id)
    assert deleted.data["what"] == "rule_deleted" and deleted.data["rule"]["name"] == "Doubt"
    assert problems(actor) == []


def test_nothing_in_the_data_is_written_as_a_power_of_ten(actor):
    audit_append(
        actor.team.pk, [AuditEntry("settings", {"zero": Decimal("0E-8"), "some": Decimal("0.00010000"), "ten": Decimal(10)})]
    )
    assert AuditLog.objects.get().data == {"zero": "0", "some": "0.0001", "ten": "10"}
