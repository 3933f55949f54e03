"""Notifications: who sees which, how they are read, where they lead, and what open pages hear."""

from __future__ import annotations

import pytest
from django.urls import reverse
from django.utils import translation

from apps.accounts.models import Notification
from apps.accounts.notifying import notification_send_mail
from apps.accounts.services import notifications_read, notify
from apps.common import live
from apps.providers.contract import DownloadProgress
from apps.providers.services.downloads import _store
from apps.tasks.messages import headline
from tests.factories import download_of, make_actor, signed_in

pytestmark = pytest.mark.django_db


@pytest.fixture
def client(actor):
    return signed_in(actor)


@pytest.fixture
def told(monkeypatch):
    messages: list[dict] = []
    monkeypatch.setattr(live, "publish", lambda topic, kind, data: messages.append(data))
    return messages


def test_a_message_says_how_many_are_unread_so_that_no_tab_counts_twice(actor, told, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        notify(actor.user, kind="task_completed", title="One")
        notify(actor.user, kind="task_completed", title="Two")
    assert [one["unread"] for one in told] == [2, 2]
    with django_capture_on_commit_callbacks(execute=True):
        notifications_read(actor)
    assert (told[-1]["event"], told[-1]["unread"]) == ("read", 0)
    assert [one["as_of"] for one in told] == sorted(one["as_of"] for one in told)


def test_reading_nothing_tells_nobody(actor, told, django_capture_on_commit_callbacks):
    with django_capture_on_commit_callbacks(execute=True):
        assert notifications_read(actor) == 0
    assert told == []


def test_opening_one_marks_it_and_leads_to_the_thing(actor, client):
    note = notify(actor.user, kind="task_failed", title="Broken", url="/tasks/", team=actor.team)
    response = client.get(reverse("accounts:notification", args=[note.public_id]))
    assert response["Location"] == "/tasks/"
    note.refresh_from_db()
    assert note.read_at


def test_opening_one_of_another_of_my_teams_changes_the_team(actor, client):
    other = make_actor(user=actor.user)
    note = notify(actor.user, kind="task_failed", title="Broken", url="/tasks/", team=other.team)
    client.get(reverse("accounts:notification", args=[note.public_id]))
    assert client.session["team"] == str(other.team.public_id)


def test_a_team_that_i_left_is_not_entered_by_an_old_notification(actor, client):
    stranger = make_actor()
    note = notify(actor.user, kind="task_failed", title="Broken", url="/tasks/", team=stranger.team)
    client.get(reverse("accounts:notification", args=[note.public_id]))
    assert "team" not in client.session


def test_it_leads_to_no_other_site(actor, client):
    note = notify(actor.user, kind="task_failed", title="Broken", url="https://example.org/")
    response = client.get(reverse("accounts:notification", args=[note.public_id]))
    assert response["Location"] == reverse("accounts:notifications")


def test_the_page_shows_mine_alone_and_can_show_the_unread_ones(actor, client):
    notify(make_actor().user, kind="task_failed", title="Of somebody else")
    old = notify(actor.user, kind="task_failed", title="Read before")
    notify(actor.user, kind="budget_alert", title="Nearly spent")
    client.post(reverse("accounts:notification_read", args=[old.public_id]))
    everything = client.get("/notifications/").content.decode()
    assert "Nearly spent" in everything and "Read before" in everything and "Of somebody else" not in everything
    assert "Read before" not in client.get("/notifications/?unread=1").content.decode()


def test_a_long_list_goes_on_on_a_next_page(actor, client):
    for number in range(53):
        notify(actor.user, kind="task_completed", title=f"Task {number:02}")
    first = client.get("/notifications/")
    assert "Task 52" in first.content.decode() and "Task 00" not in first.content.decode()
    assert "Task 00" in client.get("/notifications/" + first.context["next"]).content.decode()


def test_a_failed_download_is_told_once_to_whoever_started_it(actor):
    download = download_of(actor)
    download.owner, download.state = actor.user, "downloading"
    download.save()
    for _time in range(2):
        _store(download, DownloadProgress("failed"), "The disk is full.")
    [note] = actor.user.notifications.all()
    assert (note.kind, note.team, note.url) == ("download_failed", actor.team, "/models/downloads/")
    assert "secret/model" in note.title and note.body == "The disk is full."


def test_a_download_that_goes_on_is_told_to_nobody(actor):
    download = download_of(actor)
    download.owner, download.state = actor.user, "downloading"
    _store(download, DownloadProgress("downloading"), "")
    assert not actor.user.notifications.exists()


def test_what_was_told_is_read_in_the_language_of_whoever_reads_it(actor, client, mailoutbox):
    with translation.override("pt-br"):
        note = notify(actor.user, kind="task_completed", title=headline("task_completed", "Bilhetes"), text="Feito.")
    for language, title in (("en", "Finished: Bilhetes"), ("pt-br", "Terminada: Bilhetes")):
        page = client.get("/notifications/", headers={"Accept-Language": language}).content.decode()
        assert title in page and "Feito." in page
        with translation.override(language):
            assert Notification.objects.get(pk=note.pk).title == title
    actor.user.language = "pt-br"
    actor.user.save()
    with translation.override("en"):
        notification_send_mail(Notification.objects.get(pk=note.pk))
    assert mailoutbox[0].subject == "Orquestrador: Terminada: Bilhetes"


def test_a_long_title_of_somebody_else_is_cut(actor):
    assert len(notify(actor.user, kind="task_failed", title="x" * 900).title) == 500
