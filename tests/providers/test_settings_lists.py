"""The lists of vendors' keys and of budgets: filters, pages, many at once, files."""

from __future__ import annotations

import csv
from datetime import timedelta
from decimal import Decimal

import pytest
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.models import Membership, Role
from apps.providers.models import Budget, CreditUsage, ExternalAccount, ProviderKey
from tests.factories import account_of, make_actor, provider_of, signed_in, specialized_ai_of

pytestmark = pytest.mark.django_db


def key_of(actor: Actor, name: str, kind: str = "openai") -> ProviderKey:
    return ProviderKey.objects.create(owner=actor.user, team=actor.team, name=name, kind=kind, secret="sk-secret-123456")


def budget_of(actor: Actor, name: str, scope: str = "team", person: object = None) -> Budget:
    about = {"owner": actor.user, "team": actor.team, "limit_usd": 10, "period": "month", "period_started_at": timezone.now()}
    return Budget.objects.create(name=name, scope=scope, person=person, **about)


def test_keys_are_found_by_words_and_by_vendor(actor: Actor, django_assert_max_num_queries) -> None:
    for n in range(55):
        key_of(actor, f"Key {n:02}")
    key_of(actor, "Claude of Ana", "anthropic")
    browser = signed_in(actor)
    browser.get("/api-keys/")
    with django_assert_max_num_queries(11):
        first = browser.get("/api-keys/?vendor=openai")
    second = browser.get("/api-keys/" + first.context["next"])
    assert [len(page.context["keys"]) for page in (first, second)] == [50, 5]
    assert [key.name for key in browser.get("/api-keys/?search=ana+claude").context["keys"]] == ["Claude of Ana"]
    assert [key.name for key in browser.get("/api-keys/?vendor=anthropic").context["keys"]] == ["Claude of Ana"]
    assert "No key matches" in browser.get("/api-keys/?vendor=mistral").content.decode()


def test_ticked_keys_are_deleted_once_the_word_was_typed_and_their_providers_have_none_then(actor: Actor) -> None:
    used, spare, kept = (key_of(actor, name) for name in ("Used", "Spare", "Kept"))
    provider = provider_of(actor)
    type(provider).objects.filter(pk=provider.pk).update(key=used)
    browser, body = signed_in(actor), {"id": [str(used.public_id), str(spare.public_id)], "deed": "delete"}
    browser.post("/api-keys/bulk/", body)
    assert ProviderKey.objects.count() == 3
    assert "2 keys were deleted" in browser.post("/api-keys/bulk/", {**body, "typed": "Delete"}, follow=True).content.decode()
    provider.refresh_from_db()
    assert list(ProviderKey.objects.all()) == [kept] and provider.key is None


def test_the_keys_of_others_stay(actor: Actor) -> None:
    foreign, of_admin = key_of(make_actor(), "Foreign"), key_of(actor, "Of the admin")
    member = make_actor(Role.MEMBER, team=actor.team)
    mine = key_of(member, "Mine")
    everything = {"deed": "delete", "typed": "delete", "all": "1", "query": ""}
    viewer = make_actor(Role.VIEWER, team=actor.team)
    assert signed_in(viewer).post("/api-keys/bulk/", everything).status_code == 403
    assert ProviderKey.objects.count() == 3
    ids = [str(key.public_id) for key in (foreign, of_admin, mine)]
    said = signed_in(member).post("/api-keys/bulk/", {"id": ids, "deed": "delete", "typed": "delete"}, follow=True)
    assert "not there any more" in said.content.decode() and "or an admin, can change it" in said.content.decode()
    signed_in(member).post("/api-keys/bulk/", everything)
    assert set(ProviderKey.objects.all()) == {foreign, of_admin}


def test_budgets_are_found_by_scope_and_person_over_pages(actor: Actor, django_assert_max_num_queries) -> None:
    member = make_actor(Role.MEMBER, team=actor.team)
    for n in range(55):
        budget_of(actor, f"Person {n:02}", "person", member.user if n % 2 else actor.user)
    budget_of(actor, "All of us")
    browser = signed_in(actor)
    browser.get("/budgets/")
    with django_assert_max_num_queries(11):
        first = browser.get("/budgets/")
    second = browser.get("/budgets/" + first.context["next"])
    found = [budget for page in (first, second) for budget in page.context["budgets"]]
    assert found[0].name == "All of us" and len({budget.pk for budget in found}) == len(found) == 56
    assert [budget.name for budget in browser.get("/budgets/?scope=team").context["budgets"]] == ["All of us"]
    of_member = browser.get("/budgets/?search=" + member.user.email).context["budgets"]
    assert len(of_member) == 27 and {budget.person for budget in of_member} == {member.user}


def test_the_file_of_budgets_has_what_the_actor_may_see(actor: Actor) -> None:
    member = make_actor(Role.MEMBER, team=actor.team)
    budget_of(actor, "All of us")
    budget_of(actor, "Of the member", "person", member.user)
    budget_of(make_actor(), "Foreign")
    for who, names in ((actor, ["All of us", "Of the member"]), (member, ["Of the member"])):
        said = b"".join(signed_in(who).get("/budgets/export/?format=csv").streaming_content).decode("utf-8-sig")
        rows = list(csv.DictReader(said.splitlines()))
        assert [row["name"] for row in rows] == names and float(rows[0]["left_usd"]) == 10


def test_specialized_ais_are_found_switched_and_deleted_together(actor: Actor, django_assert_max_num_queries) -> None:
    rows = [specialized_ai_of(actor) for _ in range(3)]
    foreign, url, browser = specialized_ai_of(make_actor()), "/specialized-ais/", signed_in(actor)
    browser.get(url)
    with django_assert_max_num_queries(11):
        found = browser.get(url + "?state=on&search=" + rows[0].name.replace(" ", "+")).context["rows"]
    assert rows[0] in found and foreign not in found
    ticked = [str(row.public_id) for row in (rows[0], rows[1], foreign)]
    said = browser.post(url + "bulk/", {"id": ticked, "deed": "off"}, follow=True).content.decode()
    assert "2 specialized AIs were switched off" in said and "not there any more" in said
    assert set(browser.get(url + "?state=off").context["rows"]) == {rows[0], rows[1]}
    browser.post(url + "bulk/", {"all": "1", "query": "?state=off", "deed": "delete"})
    foreign.refresh_from_db()
    assert list(browser.get(url).context["rows"]) == [rows[2]] and foreign.is_active and foreign.deleted_at is None
    viewer = signed_in(make_actor(Role.VIEWER, team=actor.team))
    assert viewer.post(url + "bulk/", {"id": ticked, "deed": "off"}).status_code == 403


def test_the_people_of_a_team_are_found_by_words_and_role(actor: Actor, django_assert_max_num_queries) -> None:
    member = make_actor(Role.MEMBER, team=actor.team)
    make_actor()
    browser = signed_in(actor)
    browser.get("/settings/team/")
    with django_assert_max_num_queries(11):
        of_role = browser.get("/settings/team/?role=member").context["members"]
    assert [row.user for row in of_role] == [member.user]
    by_words = browser.get("/settings/team/?search=" + actor.user.email).context["members"]
    assert [row.user for row in by_words] == [actor.user]
    assert "Nobody matches" in browser.get("/settings/team/?search=xyzzy").content.decode()


def test_ticked_budgets_are_taken_out_of_force_deleted_and_brought_back_with_what_was_spent(actor: Actor) -> None:
    one, other = budget_of(actor, "One"), budget_of(actor, "Other", "person", actor.user)
    foreign, browser = budget_of(make_actor(), "Foreign"), signed_in(actor)
    body = {"id": [str(row.public_id) for row in (one, foreign)]}
    said = browser.post("/budgets/bulk/", {**body, "deed": "off"}, follow=True).content.decode()
    assert "1 budget is no longer in force" in said and "not there any more" in said
    assert dict(Budget.objects.values_list("name", "is_active")) == {"One": False, "Other": True, "Foreign": True}
    page = browser.post("/budgets/bulk/", {**body, "deed": "delete"}, follow=True)
    assert "1 was deleted." in page.content.decode() and set(Budget.objects.all()) == {other, foreign}
    CreditUsage.objects.create(team=actor.team, owner=actor.user, purpose="chat", cost_usd=Decimal("1.5"))
    undo = {"moment": page.context["undo"].moment}
    assert "1 is back" in browser.post("/budgets/undo/", undo, follow=True).content.decode()
    again = Budget.objects.get(public_id=one.public_id)
    assert (again.pk, again.name, again.spent_usd) == (one.pk, "One", Decimal("1.5"))
    assert abs(again.created_at - one.created_at) < timedelta(milliseconds=1)
    assert "nothing left to bring back" in browser.post("/budgets/undo/", undo, follow=True).content.decode()


def test_a_budget_is_deleted_on_its_page_and_brought_back_only_by_who_may_change_it(actor: Actor) -> None:
    row, browser = budget_of(actor, "Ours"), signed_in(actor)
    page = browser.post(f"/budgets/{row.public_id}/delete/", follow=True)
    undo = {"moment": page.context["undo"].moment}
    Membership.objects.filter(user=actor.user).update(role=Role.MEMBER)
    assert browser.post("/budgets/undo/", undo).status_code == 403 and not Budget.objects.exists()


def test_what_was_deleted_does_not_come_back_in_another_team_or_where_its_key_is_gone(actor: Actor) -> None:
    browser, key = signed_in(actor), key_of(actor, "Key")
    row = account_of(actor)
    ExternalAccount.objects.filter(pk=row.pk).update(key=key)
    page = browser.post(f"/external-accounts/{row.public_id}/delete/", follow=True)
    undo = {"moment": page.context["undo"].moment}
    key.delete()
    assert "cannot be brought back" in browser.post("/external-accounts/undo/", undo, follow=True).content.decode()
    assert not ExternalAccount.objects.exists()


def test_accounts_are_found_removed_together_brought_back_and_exported(actor: Actor, django_assert_max_num_queries) -> None:
    one, other, foreign = account_of(actor), account_of(actor), account_of(make_actor())
    ExternalAccount.objects.filter(pk=one.pk).update(name="Credit of Ana", vendor="openrouter")
    browser, url = signed_in(actor), "/external-accounts/"
    browser.get(url)
    with django_assert_max_num_queries(11):
        found = browser.get(url + "?search=ana+credit").context["accounts"]
    assert found == [one] == browser.get(url + "?vendor=openrouter").context["accounts"]
    assert "No account matches" in browser.get(url + "?search=xyzzy").content.decode()
    page = browser.post(url + "bulk/", {"deed": "delete", "all": "1", "query": ""}, follow=True)
    assert list(ExternalAccount.objects.all()) == [foreign] and page.context["undo"].number == 2
    browser.post(url + "undo/", {"moment": page.context["undo"].moment})
    assert set(ExternalAccount.objects.all()) == {one, other, foreign}
    said = b"".join(browser.get(url + "export/?vendor=openrouter&format=csv").streaming_content).decode("utf-8-sig")
    assert [row["name"] for row in csv.DictReader(said.splitlines())] == ["Credit of Ana"]
