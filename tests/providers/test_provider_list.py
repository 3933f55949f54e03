"""The list of providers: filters, order, pages, many at once, the list as a file."""

from __future__ import annotations

import csv

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.models import Role
from apps.providers.contract import CheckResult
from apps.providers.models import Provider
from apps.providers.services import providers as provider_services
from tests.factories import make_actor, provider_of, signed_in

pytestmark = pytest.mark.django_db
LIST, BULK = "/providers/", "/providers/bulk/"


@pytest.fixture
def browser(actor: Actor) -> Client:
    return signed_in(actor)


def provider(actor: Actor, name: str, **about: object) -> Provider:
    row = provider_of(actor)
    Provider.objects.filter(pk=row.pk).update(**{"name": name.lower(), "display_name": name, **about})
    row.refresh_from_db()
    return row


def names(page: object) -> list[str]:
    return [row.display_name for row in page.context["providers"]]  # type: ignore[attr-defined]


def test_providers_are_found_by_words_kind_place_and_state(actor: Actor, browser: Client, django_assert_max_num_queries) -> None:
    provider(actor, "Near", is_local=True, kind="ollama", base_url="http://127.0.0.1:11434")
    provider(actor, "Far", is_local=False, kind="anthropic", last_check_ok=False)
    provider(actor, "Idle", is_local=False, kind="anthropic", status="inactive")
    provider(make_actor(), "Foreign")
    browser.get(LIST)
    with django_assert_max_num_queries(11):
        page = browser.get(LIST + "?place=remote&order=name")
    assert names(page) == ["Far", "Idle"]
    for asked, found in (
        ("search=11434", ["Near"]),
        ("search=near+ollama", []),
        ("kind=ollama", ["Near"]),
        ("state=off", ["Idle"]),
        ("state=unreachable", ["Far"]),
        ("state=on&place=remote", ["Far"]),
        ("state=nonsense&order=nonsense", ["Far", "Idle", "Near"]),
    ):
        assert names(browser.get(f"{LIST}?{asked}")) == found, asked
    assert "No provider matches" in browser.get(LIST + "?search=xyzzy").content.decode()


def test_sixty_providers_stand_on_two_pages_in_each_order(actor: Actor, browser: Client) -> None:
    for n in range(60):
        provider(actor, f"P{n:02}", priority=n % 3, last_checked_at=None if n % 2 else timezone.now())
    for order in ("", "name", "newest", "checked"):
        first = browser.get(f"{LIST}?order={order}")
        second = browser.get(LIST + first.context["next"])
        assert len(names(first)) == 50 and len({*names(first), *names(second)}) == 60, order
        assert names(browser.get(LIST + second.context["previous"])) == names(first), order


def test_ticked_providers_are_switched_as_far_as_they_are_ones_own(actor: Actor, browser: Client) -> None:
    one, other, foreign = provider(actor, "One"), provider(actor, "Other"), provider(make_actor(), "Foreign")
    body = {"deed": "off", "id": [str(one.public_id), str(foreign.public_id)]}
    said = browser.post(BULK, body, follow=True).content.decode()
    assert "1 provider was switched off" in said and "not there any more" in said
    states = dict(Provider.objects.values_list("display_name", "status"))
    assert states == {"One": "inactive", "Other": "active", "Foreign": "active"}
    browser.post(BULK, {"deed": "on", "all": "1", "query": "?state=off"})
    assert Provider.objects.get(pk=one.pk).is_active
    member, viewer = Client(), Client()
    member.force_login(make_actor(Role.MEMBER, team=actor.team).user)
    viewer.force_login(make_actor(Role.VIEWER, team=actor.team).user)
    assert "or an admin, can change it" in member.post(BULK, {**body, "id": [str(other.public_id)]}, follow=True).content.decode()
    assert viewer.post(BULK, body).status_code == 403 and Provider.objects.get(pk=other.pk).is_active


def test_ticked_providers_are_tested_together_and_each_failure_is_told(
    actor: Actor, browser: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    good, bad = provider(actor, "Good"), provider(actor, "Bad")

    async def check(row: Provider) -> CheckResult:
        return CheckResult(ok=row.display_name == "Good", message="the key is wrong" if row.display_name == "Bad" else "fine")

    monkeypatch.setattr(provider_services, "_check", check)
    said = browser.post(BULK, {"deed": "test", "id": [str(good.public_id), str(bad.public_id)]}, follow=True).content.decode()
    assert "1 provider answers" in said and "Bad does not work: the key is wrong" in said
    assert dict(Provider.objects.values_list("display_name", "last_check_ok")) == {"Good": True, "Bad": False}


def test_more_than_fifty_are_not_tested_at_once(actor: Actor, browser: Client) -> None:
    for n in range(51):
        provider(actor, f"P{n}")
    said = browser.post(BULK, {"deed": "test", "all": "1", "query": ""}, follow=True).content.decode()
    assert "At most 50 providers" in said and not Provider.objects.exclude(last_checked_at=None).exists()


def test_the_file_has_what_the_filters_leave_and_no_key(actor: Actor, browser: Client) -> None:
    provider(actor, "Near", is_local=True)
    provider(actor, "Far", is_local=False)
    said = b"".join(browser.get(LIST + "export/?place=remote&format=csv").streaming_content).decode("utf-8-sig")
    (row,) = csv.DictReader(said.splitlines())
    assert row["display_name"] == "Far" and not any("key" in name or "secret" in name for name in row)
