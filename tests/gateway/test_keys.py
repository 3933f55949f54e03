"""Virtual keys: over REST, on their pages, and what of them is kept."""

from __future__ import annotations

import hashlib
import re
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import Role
from apps.gateway.models import VirtualKey
from apps.gateway.services import virtual_key_create, virtual_key_update
from apps.providers.models import Budget
from tests.factories import make_actor

pytestmark = pytest.mark.django_db


@pytest.fixture
def actor(db):
    return make_actor()


@pytest.fixture
def api(actor):
    client = APIClient()
    client.force_authenticate(actor.user)
    client.force_login(actor.user)
    return client


def test_the_answer_that_makes_a_key_is_the_only_one_that_has_it(api):
    made = api.post("/api/gateway/keys/", {"name": "Editor", "budget": "12.5", "budget_period": "day", "models": ["orq/auto"]})
    assert made.status_code == 201, made.json()
    text = made.json()["key"]
    assert re.fullmatch(r"orq_[A-Za-z0-9_-]{43}", text) and made.json()["ending"] == text[-4:]
    row = VirtualKey.objects.get()
    assert row.key_hash == hashlib.sha256(text.encode()).hexdigest()
    shown = api.get(f"/api/gateway/keys/{row.public_id}/")
    assert "key" not in shown.json() and text not in shown.content.decode()
    assert shown.json()["models"] == ["orq/auto"]
    budget = Budget.objects.get()
    assert (budget.scope, budget.key_id, budget.limit_usd, budget.period) == ("key", row.public_id, Decimal("12.5"), "day")


def test_a_key_is_changed_and_switched_off(api, actor):
    key, _text = virtual_key_create(actor, name="Editor", budget_usd=Decimal(1))
    changes = {"name": "Editor 2", "is_active": False, "requests_per_minute": 5, "budget": None}
    changed = api.patch(f"/api/gateway/keys/{key.public_id}/", changes, format="json")
    assert changed.status_code == 200, changed.json()
    assert (changed.json()["state"], changed.json()["requests_per_minute"], changed.json()["budget"]) == ("off", 5, None)
    assert not Budget.objects.exists()


def test_a_revoked_key_is_gone_with_its_budget(api, actor):
    key, _text = virtual_key_create(actor, name="Editor", budget_usd=Decimal(1))
    assert api.delete(f"/api/gateway/keys/{key.public_id}/").status_code == 204
    assert not VirtualKey.objects.exists() and not Budget.objects.exists()


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "name"),
        ({"name": " "}, "name"),
        ({"name": "x", "budget": "-1"}, "budget"),
        ({"name": "x", "requests_per_minute": 0}, "requests_per_minute"),
        ({"name": "x", "expires_at": (timezone.now() - timedelta(days=1)).isoformat()}, "expires_at"),
        ({"name": "x", "models": "orq/auto"}, "models"),
    ],
)
def test_what_makes_no_key_is_told_by_its_field(api, body, field):
    refused = api.post("/api/gateway/keys/", body, format="json")
    assert refused.status_code == 400 and refused.json()["errors"][0]["field"] == field


def test_members_see_their_own_keys_and_admins_all(api, actor):
    member = make_actor(Role.MEMBER, team=actor.team)
    virtual_key_create(member, name="Theirs")
    mine, _text = virtual_key_create(actor, name="Mine")
    assert {row["name"] for row in api.get("/api/gateway/keys/").json()["results"]} == {"Theirs", "Mine"}
    client = APIClient()
    client.force_authenticate(member.user)
    client.force_login(member.user)
    assert [row["name"] for row in client.get("/api/gateway/keys/").json()["results"]] == ["Theirs"]
    assert client.get(f"/api/gateway/keys/{mine.public_id}/").status_code == 404


def test_the_page_shows_a_new_key_once(client, actor):
    client.force_login(actor.user)
    made = client.post("/gateway/keys/", {"name": "Editor", "budget_period": "month", "budget_usd": "3"})
    text = re.search(r'value="(orq_[^"]+)"', made.content.decode())[1]
    assert made["Cache-Control"].startswith("max-age=0") and "Copy it now" in made.content.decode()
    assert text not in client.get("/gateway/keys/").content.decode()
    assert VirtualKey.objects.get().key_hash == hashlib.sha256(text.encode()).hexdigest()


def test_the_page_changes_and_revokes_a_key(client, actor):
    client.force_login(actor.user)
    key, _text = virtual_key_create(actor, name="Editor")
    fields = {"name": "Editor", "budget_period": "month", "allowed_models": "orq/auto\norq/best", "tokens_per_minute": "900"}
    assert client.post(f"/gateway/keys/{key.public_id}/", fields).status_code == 302
    key.refresh_from_db()
    assert (key.allowed_models, key.tokens_per_minute, key.is_active) == (["orq/auto", "orq/best"], 900, False)
    assert client.post(f"/gateway/keys/{key.public_id}/delete/").status_code == 302
    assert VirtualKey.objects.exists(), "it is revoked only with the word"
    assert client.post(f"/gateway/keys/{key.public_id}/delete/", {"typed": "revoke"}).status_code == 302
    assert not VirtualKey.objects.exists()


def test_the_page_says_what_is_wrong(client, actor):
    client.force_login(actor.user)
    refused = client.post("/gateway/keys/", {"name": "", "budget_period": "month"})
    assert refused.status_code == 400 and not VirtualKey.objects.exists()


def test_the_list_takes_as_many_queries_for_many_keys_as_for_one(client, actor, django_assert_max_num_queries):
    client.force_login(actor.user)
    for number in range(10):
        virtual_key_create(actor, name=f"Key {number}", budget_usd=Decimal(1))
    client.get("/gateway/keys/")
    with django_assert_max_num_queries(10):
        assert client.get("/gateway/keys/").content.count(b"row-link") == 10


def test_a_key_cuts_loops_unless_it_is_told_not_to(api):
    made = api.post("/api/gateway/keys/", {"name": "Editor"}, format="json").json()
    assert made["cuts_loops"] is True
    changed = api.patch(f"/api/gateway/keys/{made['id']}/", {"cuts_loops": False}, format="json").json()
    assert changed["cuts_loops"] is False


def test_saving_a_key_leaves_alone_what_is_written_meanwhile(actor):
    key, _text = virtual_key_create(actor, name="Editor")
    now = timezone.now()
    VirtualKey.objects.filter(pk=key.pk).update(last_used_at=now, is_active=False)
    virtual_key_update(actor, key, name="Editor 2")
    key.refresh_from_db()
    assert (key.name, key.last_used_at, key.is_active) == ("Editor 2", now, False)
