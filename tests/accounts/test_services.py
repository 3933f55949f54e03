"""Rules of people, roles, notifications and the terminal's commands."""

from __future__ import annotations

import json
from datetime import timedelta
from io import StringIO

import pytest
from django.core import mail
from django.core.management import CommandError, call_command
from django.utils import timezone

from apps.accounts import jobs, notifying, selectors, services
from apps.accounts.contract import TeamCreated
from apps.accounts.errors import LastOwner, LinkNotUsable
from apps.accounts.models import Membership, Role, Team, User
from apps.common import events, live
from apps.common.errors import BadInput, NotAllowed, NotFound
from tests.factories import PASSWORD, make_actor, make_link, make_user

pytestmark = pytest.mark.django_db


def said(*command, **options):
    out = StringIO()
    call_command(*command, stdout=out, **options)
    return out.getvalue()


# ── People ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_emails_are_kept_in_lower_case_and_count_once():
    assert services.user_create(email=" Ana@Example.ORG ", password=PASSWORD).email == "ana@example.org"
    with pytest.raises(BadInput, match="account already"):
        services.user_create(email="ANA@example.org", password=PASSWORD)


@pytest.mark.parametrize("password", ["short", "1234567890", "password123", "ana.silva@example.org"])
def test_weak_passwords_are_refused_by_field(password):
    with pytest.raises(BadInput) as refused:
        services.user_create(email="ana.silva@example.org", password=password)
    assert {error["field"] for error in refused.value.errors} == {"password"}


def test_the_only_owner_of_the_installation_stays():
    owner = make_user(is_superuser=True)
    with pytest.raises(LastOwner):
        services.user_deactivate(owner)


# ── Roles ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def member_of(actor):
    return Membership.objects.get(user=actor.user, team=actor.team)


def test_the_last_owner_stays_owner():
    owner = make_actor()
    with pytest.raises(LastOwner):
        services.member_role_change(owner, member_of(owner), role=Role.ADMIN)
    with pytest.raises(LastOwner):
        services.member_remove(owner, member_of(owner))


def test_one_of_two_owners_may_go():
    owner = make_actor()
    second = make_actor(Role.OWNER, team=owner.team)
    services.member_remove(second, member_of(second))
    assert not selectors.members_list(owner).filter(user=second.user).exists()


def test_an_admin_makes_no_owner_and_touches_none():
    owner = make_actor()
    admin, member = make_actor(Role.ADMIN, team=owner.team), make_actor(Role.MEMBER, team=owner.team)
    make_actor(Role.OWNER, team=owner.team)
    with pytest.raises(NotAllowed):
        services.member_role_change(admin, member_of(member), role=Role.OWNER)
    with pytest.raises(NotAllowed):
        services.member_role_change(admin, member_of(owner), role=Role.VIEWER)
    with pytest.raises(NotAllowed):
        services.member_remove(admin, member_of(owner))
    with pytest.raises(NotAllowed):
        services.invite_create(admin, email="x@example.org", role=Role.OWNER)
    assert services.member_role_change(admin, member_of(member), role=Role.ADMIN).role == Role.ADMIN


def test_a_member_may_leave_but_not_remove_others():
    owner = make_actor()
    one, two = make_actor(Role.MEMBER, team=owner.team), make_actor(Role.MEMBER, team=owner.team)
    with pytest.raises(NotAllowed):
        services.member_remove(one, member_of(two))
    services.member_remove(one, member_of(one))
    assert selectors.members_list(owner).count() == 2


def test_a_member_of_another_team_is_not_found():
    owner, stranger = make_actor(), make_actor()
    with pytest.raises(NotFound):
        services.member_role_change(owner, member_of(stranger), role=Role.VIEWER)
    with pytest.raises(NotFound):
        selectors.access_member(owner, member_of(stranger).public_id)


def test_an_unknown_role_is_bad_input():
    owner = make_actor()
    with pytest.raises(BadInput, match="role"):
        services.invite_create(owner, email="x@example.org", role="king")


def test_an_invitation_is_used_by_one_of_two():
    _invitation, token = make_link(make_actor())
    services.invite_accept(token, password=PASSWORD)
    with pytest.raises(LinkNotUsable):
        services.invite_accept(token, password=PASSWORD)


def test_an_invitation_out_of_date_is_refused_also_behind_the_page():
    _invitation, token = make_link(make_actor(), expires_at=timezone.now() - timedelta(seconds=1))
    with pytest.raises(LinkNotUsable):
        services.invite_accept(token, password=PASSWORD)


def test_an_invitation_is_no_link_for_the_first_owner_and_the_other_way_round():
    _invitation, token = make_link(make_actor())
    with pytest.raises(LinkNotUsable):
        services.welcome_accept(token, email="x@example.org", password=PASSWORD)
    with pytest.raises(LinkNotUsable):
        services.invite_accept(services.welcome_link_create(), password=PASSWORD)


# ── Teams tell that they were made ────────────────────────────────────────────────────────────────────────────────
def test_a_new_team_is_announced_inside_its_transaction(monkeypatch):
    monkeypatch.setattr(events, "_handlers", type(events._handlers)(list))
    heard = []
    events.subscribe(TeamCreated, lambda event: heard.append(Team.objects.get(pk=event.team_id).name))
    services.team_create(make_user(), name="Lab")
    assert heard == ["Lab"]


def test_a_listener_that_fails_undoes_the_team(monkeypatch):
    monkeypatch.setattr(events, "_handlers", type(events._handlers)(list))

    def fail(event):
        raise RuntimeError("no furniture")

    events.subscribe(TeamCreated, fail)
    with pytest.raises(RuntimeError):
        services.team_create(make_user(), name="Lab")
    assert not Team.objects.exists()


# ── Notifications ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_notification_reaches_open_pages_when_it_is_committed(monkeypatch, django_capture_on_commit_callbacks):
    told = []
    monkeypatch.setattr(live, "publish", lambda *message: told.append(message))
    user = make_user()
    with django_capture_on_commit_callbacks(execute=True):
        made = services.notify(user, kind="task_completed", title="Done", url="/tasks/1/")
        assert told == []
    [(topic, kind, data)] = told
    assert (topic, kind) == (f"user:{user.public_id}", "notification")
    assert data["id"] == str(made.public_id)
    assert set(data) == {"event", "id", "kind", "title", "body", "url", "created_at", "unread", "as_of"}


def test_a_notification_is_mailed_in_the_persons_language():
    made = services.notify(make_user(language="en"), kind="task_completed", title="Done", text="Read it.")
    jobs.notification_mail(str(made.public_id))
    assert mail.outbox[0].subject == "Orquestrador: Done"
    assert mail.outbox[0].to == [made.user.email]


def test_where_mail_can_be_sent_a_notification_becomes_a_job_after_the_commit(
    settings, monkeypatch, django_capture_on_commit_callbacks
):
    settings.EMAIL_HOST = "mail.example.org"
    sent = []
    monkeypatch.setattr(notifying.current_app, "send_task", lambda *job: sent.append(job))
    with django_capture_on_commit_callbacks(execute=True):
        made = services.notify(make_user(), kind="task_completed", title="Done")
        assert sent == []
    assert sent == [(jobs.notification_mail.name, [str(made.public_id)])]


# ── The terminal ──────────────────────────────────────────────────────────────────────────────────────────────────
def test_owner_is_made_from_the_settings_once(settings):
    settings.ORQ_OWNER_EMAIL, settings.ORQ_OWNER_PASSWORD = "Owner@example.org", PASSWORD
    first = json.loads(said("owner", json=True))
    assert (first["owner"], first["made"], first["welcome_url"]) == ("owner@example.org", True, None)
    settings.ORQ_OWNER_PASSWORD = "another password 9"
    assert json.loads(said("owner", json=True))["made"] is False
    owner = User.objects.get()
    assert owner.check_password(PASSWORD)
    assert owner.is_superuser and owner.is_staff
    assert Membership.objects.get(user=owner).role == Role.OWNER


def test_without_an_owner_a_link_is_printed_whose_token_is_not_stored(settings):
    settings.ORQ_HOST, settings.ORQ_PORT = "0.0.0.0", 8123
    url = json.loads(said("owner", json=True))["welcome_url"]
    assert url.startswith("http://localhost:8123/welcome/")
    assert selectors.link_open(url.rstrip("/").rpartition("/")[2])
    assert url in said("owner").strip() or "/welcome/" in said("owner")


def test_with_an_owner_no_link_is_printed():
    owner = make_user(is_superuser=True)
    assert "/welcome/" not in said("owner")
    assert owner.email in said("owner")


def test_a_bad_owner_password_is_told_in_words(settings):
    settings.ORQ_OWNER_EMAIL, settings.ORQ_OWNER_PASSWORD = "owner@example.org", "123"
    with pytest.raises(CommandError, match="too short"):
        said("owner")


def test_user_create_gives_a_link_and_list_shows_everybody():
    answer = said("user", "create", "gil@example.org", "--name", "Gil")
    assert "/welcome/" in answer
    rows = json.loads(said("user", "list", "--json"))
    assert rows == [{"email": "gil@example.org", "name": "Gil", "active": True, "owner": False}]


def test_user_deactivate_closes_the_door():
    user = make_user()
    said("user", "deactivate", user.email)
    user.refresh_from_db()
    assert not user.is_active
    with pytest.raises(CommandError, match="Nobody here"):
        said("user", "deactivate", "nobody@example.org")
