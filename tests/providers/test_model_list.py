"""The list of models: order, pages, many taken into use or out of it, a file. Its filters: test_management_pages.py."""

from __future__ import annotations

import csv
from decimal import Decimal

import pytest
from django.test import Client

from apps.accounts.actor import Actor
from apps.accounts.models import Role
from apps.providers.models import AIModel, ModelDiscovery, ModelDownload
from tests.factories import discovery_of, download_of, make_actor, model_of, signed_in

pytestmark = pytest.mark.django_db
LIST, BULK = "/models/", "/models/bulk/"


@pytest.fixture
def browser(actor: Actor) -> Client:
    return signed_in(actor)


def model(actor: Actor, name: str, **about: object) -> AIModel:
    row = model_of(actor)
    AIModel.objects.filter(pk=row.pk).update(**{"key": name.lower(), "display_name": name, **about})
    row.refresh_from_db()
    return row


def names(page: object) -> list[str]:
    return [row["display_name"] for row in page.context["rows"]]  # type: ignore[attr-defined]


def test_models_are_ordered_by_name_context_and_price(actor: Actor, browser: Client, django_assert_max_num_queries) -> None:
    model(actor, "Cheap", context_window=1_000, price_output=Decimal("0.1"))
    model(actor, "Dear", context_window=None, price_output=Decimal(75))
    model(actor, "Ample", context_window=1_000_000, price_output=None)
    browser.get(LIST)
    with django_assert_max_num_queries(11):
        assert names(browser.get(LIST + "?order=name")) == ["Ample", "Cheap", "Dear"]
    assert names(browser.get(LIST + "?order=dearest")) == ["Dear", "Cheap", "Ample"]
    assert names(browser.get(LIST + "?order=context")) == ["Ample", "Cheap", "Dear"]
    assert len(names(browser.get(LIST + "?order=nonsense"))) == 3


@pytest.mark.parametrize("order", ["", "name", "newest", "context", "dearest"])
def test_sixty_models_stand_on_two_pages_in_each_order(actor: Actor, browser: Client, order: str) -> None:
    first_one = model(actor, "M00")
    for n in range(1, 60):
        price, context = (Decimal(n % 7), n * 100) if n % 3 else (None, None)
        about = {"provider": first_one.provider, "key": f"m{n:02}", "display_name": f"M{n:02}"}
        AIModel.objects.create(**about, price_output=price, context_window=context)
    first = browser.get(f"{LIST}?order={order}")
    second = browser.get(LIST + first.context["next"])
    assert len(names(first)) == 50 and len({*names(first), *names(second)}) == 60
    assert names(browser.get(LIST + second.context["previous"])) == names(first)


def test_ticked_models_are_taken_out_of_use_and_into_it_as_far_as_they_are_ones_own(actor: Actor, browser: Client) -> None:
    one, other, foreign = model(actor, "One"), model(actor, "Other"), model(make_actor(), "Foreign")
    body = {"deed": "off", "id": [str(one.public_id), str(foreign.public_id)]}
    said = browser.post(BULK, body, follow=True).content.decode()
    assert "1 model is out of use" in said and "not there any more" in said
    assert dict(AIModel.objects.values_list("display_name", "is_active")) == {"One": False, "Other": True, "Foreign": True}
    browser.post(BULK, {"deed": "on", "all": "1", "query": "?search=one"})
    assert AIModel.objects.get(pk=one.pk).is_active
    member, viewer = Client(), Client()
    member.force_login(make_actor(Role.MEMBER, team=actor.team).user)
    viewer.force_login(make_actor(Role.VIEWER, team=actor.team).user)
    refused = member.post(BULK, {**body, "id": [str(other.public_id)]}, follow=True).content.decode()
    assert "or an admin, can change it" in refused and AIModel.objects.get(pk=other.pk).is_active
    assert viewer.post(BULK, body).status_code == 403


def test_the_file_of_models_has_what_the_filters_leave(actor: Actor, browser: Client) -> None:
    model(actor, "One")
    model(actor, "Other")
    said = b"".join(browser.get(LIST + "export/?search=other&format=csv").streaming_content).decode("utf-8-sig")
    assert [row["model"] for row in csv.DictReader(said.splitlines())] == ["other"]


def test_found_models_are_searched_and_ignored_together(actor: Actor, browser: Client, django_assert_max_num_queries) -> None:
    one, other, foreign = discovery_of(actor), discovery_of(actor), discovery_of(make_actor())
    ModelDiscovery.objects.filter(pk=one.pk).update(model_key="needle")
    url = "/models/found/"
    browser.get(url)
    with django_assert_max_num_queries(11):
        assert browser.get(url + "?search=needle").context["rows"] == [one]
    assert "No model matches" in browser.get(url + "?search=xyzzy").content.decode()
    body = {"deed": "ignore", "id": [str(one.public_id), str(foreign.public_id)]}
    said = browser.post(url + "bulk/", body, follow=True).content.decode()
    assert "1 model is not offered any more" in said and "not there any more" in said
    assert set(ModelDiscovery.objects.filter(state="new")) == {other, foreign}
    viewer = Client()
    viewer.force_login(make_actor(Role.VIEWER, team=actor.team).user)
    assert viewer.post(url + "bulk/", body).status_code == 403 and viewer.get(url).status_code == 200


def test_downloads_are_found_by_words_and_state(actor: Actor, browser: Client) -> None:
    one, other = download_of(actor), download_of(actor)
    ModelDownload.objects.filter(pk=one.pk).update(name="needle/7b", state="failed")
    download_of(make_actor())
    url = "/models/downloads/"
    assert browser.get(url).context["downloads"] == [other, one]
    for query in ("?search=needle", "?state=failed"):
        assert browser.get(url + query).context["downloads"] == [one]
    assert "No download matches" in browser.get(url + "?state=paused").content.decode()
