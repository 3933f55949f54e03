"""Lists of people, invitations and notifications: found, many at once, as files."""

from __future__ import annotations

import csv
from datetime import timedelta

import pytest
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.models import Invitation, Notification, Role
from tests.factories import make_actor, make_link, signed_in

pytestmark = pytest.mark.django_db
NOTES, INVITATIONS = "/notifications/", "/settings/team/invitations/"


def note(actor: Actor, title: str, **about: object) -> Notification:
    return Notification.objects.create(user=actor.user, team=actor.team, title=title, **{"kind": "task_completed", **about})


def titles(page: object) -> list[str]:
    return [one.title for one in page.context["notifications"]]  # type: ignore[attr-defined]


def test_notifications_are_found_by_words_kind_and_whether_they_are_read(actor: Actor, django_assert_max_num_queries) -> None:
    note(actor, "The report is done", read_at=timezone.now())
    note(actor, "The report failed", kind="task_failed", body="No model answers")
    note(make_actor(), "Of somebody else")
    browser = signed_in(actor)
    browser.get(NOTES)
    with django_assert_max_num_queries(11):
        assert titles(browser.get(NOTES)) == ["The report failed", "The report is done"]
    for query in ("?search=model+report", "?kind=task_failed", "?unread=1"):
        assert titles(browser.get(NOTES + query)) == ["The report failed"], query
    assert "No notification matches" in browser.get(NOTES + "?search=xyzzy").content.decode()


def test_ticked_notifications_are_read_and_thrown_away_and_nobody_elses(actor: Actor) -> None:
    one, other, foreign = note(actor, "One"), note(actor, "Other"), note(make_actor(), "Foreign")
    browser, ids = signed_in(actor), [str(row.public_id) for row in (one, foreign)]
    said = browser.post(NOTES + "bulk/", {"deed": "read", "id": ids}, follow=True).content.decode()
    assert "1 was marked as read" in said
    assert set(Notification.objects.filter(read_at=None)) == {other, foreign}
    browser.post(NOTES + "bulk/", {"deed": "delete", "id": ids})
    assert set(Notification.objects.all()) == {other, foreign}
    browser.post(NOTES + "bulk/", {"deed": "delete", "all": "1", "query": "?search=other"})
    assert list(Notification.objects.all()) == [foreign]


def test_ten_thousand_notifications_go_in_few_statements(actor: Actor, django_assert_max_num_queries) -> None:
    about = {"user": actor.user, "team": actor.team, "kind": "task_completed"}
    Notification.objects.bulk_create([Notification(title=f"N{n}", **about) for n in range(10_000)])
    browser = signed_in(actor)
    with django_assert_max_num_queries(120):
        browser.post(NOTES + "bulk/", {"deed": "delete", "all": "1", "query": ""})
    assert not Notification.objects.exists()


def test_invitations_are_found_and_withdrawn_together_by_admins_alone(actor: Actor) -> None:
    new, _token = make_link(actor, email="new@example.org")
    old, _token = make_link(actor, email="old@example.org", expires_at=timezone.now() - timedelta(days=1))
    foreign, _token = make_link(make_actor())
    browser = signed_in(actor)
    for query, found in (("", [old, new]), ("?state=open", [new]), ("?state=expired", [old]), ("?search=new", [new])):
        assert browser.get(INVITATIONS + query).context["invitations"] == found, query
    assert "No invitation matches" in browser.get(INVITATIONS + "?search=xyzzy").content.decode()
    body = {"deed": "revoke", "id": [str(row.public_id) for row in (old, foreign)]}
    member = signed_in(make_actor(Role.MEMBER, team=actor.team))
    assert member.get(INVITATIONS).status_code == member.post(INVITATIONS + "bulk/", body).status_code == 403
    assert "1 invitation was withdrawn" in browser.post(INVITATIONS + "bulk/", body, follow=True).content.decode()
    assert set(Invitation.objects.all()) == {new, foreign}


def test_the_people_of_a_team_are_ordered_and_exported_for_admins(actor: Actor) -> None:
    for name in ("Zoe", "Bea"):
        person = make_actor(Role.MEMBER, team=actor.team).user
        person.name = name
        person.save()
    browser, url = signed_in(actor), "/settings/team/"
    assert [row.user.name for row in browser.get(url + "?order=name&role=member").context["members"]] == ["Bea", "Zoe"]
    assert [row.user.name for row in browser.get(url + "?order=newest&role=member").context["members"]] == ["Bea", "Zoe"]
    said = b"".join(browser.get(url + "export/?role=member&format=csv").streaming_content).decode("utf-8-sig")
    assert [row["name"] for row in csv.DictReader(said.splitlines())] == ["Zoe", "Bea"]
    assert signed_in(make_actor(Role.MEMBER, team=actor.team)).get(url + "export/").status_code == 403
