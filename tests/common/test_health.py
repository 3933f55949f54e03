"""`/api/health/`: what strangers and people are told, and when it says no."""

from __future__ import annotations

import pytest
from django.db import DatabaseError, OperationalError, connection
from rest_framework.test import APIClient
from rest_framework_simplejwt.tokens import AccessToken

from apps.common import health, pulse
from tests.factories import make_actor

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _nothing_kept(monkeypatch):
    monkeypatch.setattr(health, "_last", None)
    monkeypatch.setattr(health.pulse, "alive", lambda: ["worker-1"])


@pytest.fixture
def person():
    client = APIClient()
    client.force_login(make_actor().user)
    return client


def test_strangers_hear_up_and_no_more():
    answer = APIClient().get("/api/health/")
    assert (answer.status_code, answer.json()) == (200, {"status": "up"})


def test_people_hear_the_state_of_each_part(person):
    answer = person.get("/api/health/").json()
    assert answer["status"] == "up"
    assert {name: part["status"] for name, part in answer["parts"].items()} == {"database": "up", "broker": "up", "workers": "up"}


def test_without_a_worker_it_serves_but_says_so(person, monkeypatch):
    monkeypatch.setattr(health.pulse, "alive", list)
    answer = person.get("/api/health/")
    assert (answer.status_code, answer.json()["status"]) == (200, "degraded")
    assert answer.json()["parts"]["workers"]["status"] == "down"
    assert APIClient().get("/api/health/").json() == {"status": "up"}


def test_without_its_database_it_is_503_for_everybody(person, monkeypatch):
    def fail():
        raise DatabaseError("gone away")

    monkeypatch.setattr(health, "_database", fail)
    for client in (person, APIClient()):
        answer = client.get("/api/health/")
        assert (answer.status_code, answer.json()) == (503, {"status": "down"})


def test_with_the_database_really_gone_nobody_is_looked_up_for_it(person):
    token = str(AccessToken.for_user(make_actor().user))

    def fail(*given):
        raise OperationalError("gone away")

    with connection.execute_wrapper(fail):
        for client, headers in ((person, {}), (APIClient(), {}), (APIClient(), {"Authorization": f"Bearer {token}"})):
            answer = client.get("/api/health/", headers=headers)
            assert (answer.status_code, answer.json()) == (503, {"status": "down"})


def test_without_its_broker_it_is_503(monkeypatch, settings):
    settings.CELERY_BROKER_TRANSPORT_OPTIONS = {"data_folder_in": "/nowhere/at/all"}
    assert APIClient().get("/api/health/").status_code == 503


def test_a_part_that_goes_down_is_logged_once(monkeypatch, caplog):
    monkeypatch.setattr(health, "KEPT_S", -1.0)
    monkeypatch.setattr(health.pulse, "alive", lambda: ["one"])
    health.health()
    monkeypatch.setattr(health.pulse, "alive", list)
    for _ in range(3):
        health.health()
    assert [record.levelname for record in caplog.records if record.name == health.__name__] == ["WARNING"]


def test_a_worker_that_has_yet_to_start_is_no_warning(monkeypatch, caplog):
    monkeypatch.setattr(health.pulse, "alive", list)
    health.health()
    assert not [record for record in caplog.records if record.name == health.__name__ and record.levelname == "WARNING"]


def test_many_who_ask_at_once_cost_one_look(django_assert_num_queries):
    with django_assert_num_queries(1):
        for _ in range(5):
            APIClient().get("/api/health/")


def test_a_worker_is_alive_while_it_leaves_marks(settings, tmp_path, monkeypatch):
    monkeypatch.undo()
    settings.ORQ_HOME = tmp_path
    pulse.beat("one")
    assert pulse.alive() == ["one"]
    monkeypatch.setattr(pulse, "ALIVE_S", -1.0)
    assert pulse.alive() == []
    monkeypatch.undo()
    settings.ORQ_HOME = tmp_path
    pulse.forget("one")
    assert pulse.alive() == []
