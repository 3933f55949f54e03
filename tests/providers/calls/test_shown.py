"""What people and programs see of breakers, servers and places, and what they can set."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import Role
from apps.providers import services
from apps.providers.errors import AuthenticationFailed
from apps.providers.models import Breaker
from apps.providers.services import breakers, slots
from tests.factories import make_actor
from tests.providers.calls.upstream import nobody, server_at, state_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def api(actor):
    client = APIClient()
    client.force_authenticate(actor.user)
    return client


@pytest.fixture
def browser(client, actor):
    actor.team.set_up_at = timezone.now()
    actor.team.save()
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def page(browser, name, row):
    answer = browser.get(reverse(f"providers:{name}", args=[row.public_id]))
    assert answer.status_code == 200
    return answer.content.decode()


def test_programs_see_who_rests_why_and_until_when(actor, api):
    model = server_at(actor, nobody())
    services.model_failed(model, "It ran out of memory.")
    until = Breaker.objects.get().until
    one = api.get(f"/api/models/{model.public_id}/status/").json()
    [listed] = api.get("/api/models/with-status/").json()["results"]
    for shown in (one, listed):
        assert (shown["state"], shown["last_error"], shown["is_usable"]) == ("failed", "It ran out of memory.", False)
        breaker = shown["breaker"]
        assert (breaker["state"], breaker["scope"], breaker["reason"]) == ("open", "model", "It ran out of memory.")
        assert breaker["until"] == shown["failed_until"] and breaker["until"][:19] == until.isoformat()[:19]
    assert api.get(f"/api/models/{model.public_id}/").json()["state"] == "failed"


def test_programs_see_a_resting_provider_and_its_traffic(actor, api):
    model = server_at(actor, nobody(), max_concurrent=2)
    breakers.breaker_failed(model, AuthenticationFailed("The key is refused."))
    slots.slot_take([model])
    [shown] = api.get("/api/providers/status/").json()["results"]
    assert (shown["breaker"]["state"], shown["breaker"]["error_code"]) == ("open", "authentication")
    assert shown["traffic"] == {"in_flight": 1, "waiting": 0, "most": 2}


def test_a_program_resets_a_provider_and_a_viewer_may_not(actor, api):
    model = server_at(actor, nobody())
    breakers.breaker_failed(model, AuthenticationFailed("The key is refused."))
    services.model_failed(model, "Broken.")
    viewer = APIClient()
    viewer.force_authenticate(make_actor(Role.VIEWER, team=actor.team).user)
    assert viewer.post(f"/api/providers/{model.provider.public_id}/reset/").status_code == 403
    assert Breaker.objects.count() == 2
    answer = api.post(f"/api/providers/{model.provider.public_id}/reset/")
    assert (answer.status_code, answer.json()["breaker"]["state"]) == (200, "closed")
    assert not Breaker.objects.exists()


def test_a_program_sets_group_weight_and_limit(actor, api):
    provider = server_at(actor, nobody()).provider
    url = f"/api/providers/{provider.public_id}/"
    answer = api.patch(url, {"balance_group": "lab", "weight": 2, "max_concurrent": 4}, format="json").json()
    assert (answer["balance_group"], answer["weight"], answer["max_concurrent"]) == ("lab", 2, 4)
    assert api.patch(url, {"max_concurrent": None}, format="json").json()["max_concurrent"] is None
    wrong = api.patch(url, {"balance_group": "two words"}, format="json")
    assert wrong.status_code == 400 and wrong.json()["errors"][0]["field"] == "balance_group"


def test_the_page_of_a_model_says_why_it_rests_and_asks_it_again(actor, browser):
    model = server_at(actor, nobody())
    reset = reverse("providers:model_reset", args=[model.public_id])
    assert reset not in page(browser, "model", model)
    services.model_failed(model, "It ran out of memory.")
    shown = page(browser, "model", model)
    for words in ("Rests after failures", "not asked again before", "It ran out of memory.", reset):
        assert words in shown
    browser.post(reset)
    assert state_of(model) == ""


def test_the_page_of_a_provider_says_so_too_with_its_calls_and_its_group(actor, browser):
    model = server_at(actor, nobody(), balance_group="lab", weight=3, max_concurrent=2)
    slots.slot_take([model])
    breakers.breaker_failed(model, AuthenticationFailed("The key is refused."))
    shown = page(browser, "detail", model.provider)
    reset = reverse("providers:reset", args=[model.provider.public_id])
    for words in ("The whole provider rests", "The key is refused.", "1 of 2 places taken", "lab", "weight 3", reset):
        assert words in shown
    browser.post(reset)
    assert state_of(model.provider) == ""


def test_the_page_of_a_model_shows_the_servers_that_share_its_calls(actor, browser):
    one, two = (server_at(actor, nobody(), balance_group="lab", max_concurrent=4) for _ in range(2))
    services.model_failed(two, "It died.")
    shown = page(browser, "model", one)
    for words in ("Servers that share its calls", str(one.provider), str(two.provider), "0 of 4 places taken", "Rests after"):
        assert words in shown


def test_the_form_sets_group_weight_and_limit_and_shows_what_is_wrong(actor, browser):
    provider = server_at(actor, nobody()).provider
    url = reverse("providers:edit", args=[provider.public_id])
    given = {"display_name": "One", "base_url": provider.base_url, "priority": "5"}
    saved = browser.post(url, {**given, "balance_group": "lab", "weight": "2", "max_concurrent": "4"})
    assert saved.status_code == 302
    provider.refresh_from_db()
    assert (provider.balance_group, provider.weight, provider.max_concurrent) == ("lab", 2, 4)
    refused = browser.post(url, {**given, "balance_group": "two words", "weight": "2", "max_concurrent": ""})
    assert refused.status_code == 400 and "letters, digits, hyphens" in refused.content.decode()


@pytest.mark.parametrize("name", ["detail", "model"])
def test_pages_take_no_more_queries_for_what_rests(actor, browser, django_assert_max_num_queries, name):
    model = server_at(actor, nobody(), max_concurrent=2)
    row = model if name == "model" else model.provider
    page(browser, name, row)
    with django_assert_max_num_queries(30) as well:
        page(browser, name, row)
    services.model_failed(model, "It died.")
    breakers.breaker_failed(model, AuthenticationFailed("The key is refused."))
    with django_assert_max_num_queries(len(well)):
        page(browser, name, row)
