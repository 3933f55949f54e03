"""The list of virtual keys: filters, orders, pages, what is done with many, and the list as a file."""

from __future__ import annotations

import csv
from datetime import timedelta

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.models import Role
from apps.gateway.models import VirtualKey
from apps.gateway.services import virtual_key_create
from apps.providers.models import CreditUsage
from tests.factories import make_actor

pytestmark = pytest.mark.django_db
URL = "/gateway/keys/"


@pytest.fixture
def actor() -> Actor:
    return make_actor()


@pytest.fixture
def browser(client: Client, actor: Actor) -> Client:
    client.force_login(actor.user)
    return client


def keys(actor: Actor, *names: str, **fields: object) -> list[VirtualKey]:
    made = [virtual_key_create(actor, name=name)[0] for name in names]
    VirtualKey.objects.filter(pk__in=[key.pk for key in made]).update(**fields or {"is_active": True})
    return made


def shown(browser: Client, query: str = "") -> list[str]:
    return [key.name for key in browser.get(URL + query).context["keys"]]


def test_keys_are_found_by_words_and_by_state(browser: Client, actor: Actor) -> None:
    keys(actor, "Editor of Ana", "Batch")
    keys(actor, "Old editor", expires_at=timezone.now() - timedelta(days=1))
    keys(actor, "Idle editor", is_active=False, expires_at=timezone.now() - timedelta(days=1))
    assert shown(browser, "?search=editor+ana") == ["Editor of Ana"]
    assert shown(browser, "?state=good") == ["Batch", "Editor of Ana"]
    assert shown(browser, "?state=expired") == ["Old editor"]
    assert shown(browser, "?state=off&search=editor") == ["Idle editor"]
    assert "No key matches" in browser.get(URL + "?search=nothing").content.decode()


def test_every_order_gives_each_key_once_over_its_pages(browser: Client, actor: Actor, django_assert_max_num_queries) -> None:
    made = keys(actor, *(f"Key {n:03}" for n in range(60)))
    for n, key in enumerate(made):
        for cost in ("0.1", "0.2", f"{n % 7}.00000005"):
            usage = {"provider_name": "P", "model_key": "m", "purpose": "chat", "key_id": key.public_id, "cost_usd": cost}
            CreditUsage.objects.create(owner=actor.user, team=actor.team, **usage)
    VirtualKey.objects.filter(name__lt="Key 020").update(last_used_at=timezone.now())
    for order in ("", "used", "spend"):
        with django_assert_max_num_queries(11):
            first = browser.get(f"{URL}?order={order}")
        second = browser.get(URL + first.context["next"])
        found = [key for page in (first, second) for key in page.context["keys"]]
        assert len({key.pk for key in found}) == len(found) == 60
        if order == "spend":
            assert [round(key.spent_usd, 6) for key in found] == sorted((round(key.spent_usd, 6) for key in found), reverse=True)


def test_ticked_keys_are_switched_off_and_on(browser: Client, actor: Actor) -> None:
    one, two, three = keys(actor, "One", "Two", "Three")
    ticked = [str(one.public_id), str(two.public_id)]
    answer = browser.post(URL + "bulk/", {"id": ticked, "deed": "off", "query": "?state=good"})
    assert answer.url == URL + "?state=good"
    assert shown(browser, "?state=off") == ["One", "Two"]
    browser.post(URL + "bulk/", {"all": "1", "query": "?state=off", "deed": "on"})
    assert shown(browser, "?state=good") == ["One", "Three", "Two"]
    assert three.name == "Three"


def test_many_are_revoked_only_when_the_word_was_typed(browser: Client, actor: Actor) -> None:
    made = keys(actor, "One", "Two")
    ticked = {"id": [str(key.public_id) for key in made], "deed": "delete"}
    refused = browser.post(URL + "bulk/", {**ticked, "typed": "yes"}, follow=True)
    assert "was not typed" in refused.content.decode() and VirtualKey.objects.count() == 2
    done = browser.post(URL + "bulk/", {**ticked, "typed": "revoke"}, follow=True)
    assert "2 keys were revoked" in done.content.decode() and not VirtualKey.objects.exists()


def test_the_keys_of_others_are_never_touched(browser: Client, actor: Actor, client: Client) -> None:
    [foreign] = keys(make_actor(), "Foreign")
    [of_admin] = keys(actor, "Of the admin")
    member = Client()
    member.force_login(make_actor(Role.MEMBER, team=actor.team).user)
    for who, key in ((browser, foreign), (member, of_admin)):
        for deed in ("off", "delete"):
            body = {"id": [str(key.public_id)], "deed": deed, "typed": "revoke"}
            assert "not there any more" in who.post(URL + "bulk/", body, follow=True).content.decode()
            who.post(URL + "bulk/", {**body, "all": "1", "query": "?search=" + key.name})
    assert VirtualKey.objects.filter(is_active=True).count() == 2


def test_viewers_change_nothing(actor: Actor) -> None:
    viewer = make_actor(Role.VIEWER, team=actor.team)
    key = VirtualKey.objects.create(owner=viewer.user, team=actor.team, name="Before", key_hash="a" * 64, ending="abcd")
    browser = Client()
    browser.force_login(viewer.user)
    assert browser.post(URL + "bulk/", {"id": [str(key.public_id)], "deed": "off"}).status_code == 403
    assert VirtualKey.objects.get().is_active and "data-ticks" not in browser.get(URL).content.decode()


def test_the_file_has_what_the_filters_leave_and_no_secret(browser: Client, actor: Actor) -> None:
    key, text = virtual_key_create(actor, name="=Editor")
    keys(actor, "Idle", is_active=False)
    said = b"".join(browser.get(URL + "export/?state=good&format=csv").streaming_content).decode("utf-8-sig")
    [row] = csv.DictReader(said.splitlines())
    assert (row["name"], row["ending"].removeprefix("'"), row["state"]) == ("'=Editor", text[-4:], "good")
    assert text not in said and key.key_hash not in said
    as_json = b"".join(browser.get(URL + "export/?format=json").streaming_content).decode()
    assert key.key_hash not in as_json and text not in as_json


def test_a_key_is_revoked_on_its_own_page_only_with_the_word(browser: Client, actor: Actor) -> None:
    (key,) = keys(actor, "Editor")
    url = f"{URL}{key.public_id}/"
    assert 'data-typed-confirm="revoke"' in browser.get(url).content.decode()
    assert browser.post(url + "delete/").headers["Location"] == url
    assert VirtualKey.objects.filter(pk=key.pk).exists()
    assert browser.post(url + "delete/", {"typed": "revoke"}).headers["Location"] == URL
    assert not VirtualKey.objects.filter(pk=key.pk).exists()
