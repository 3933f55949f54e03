"""Signing in by token, the person, teams, invitations and notifications over REST."""

from __future__ import annotations

import pytest
from axes.utils import reset
from rest_framework.test import APIClient
from rest_framework_simplejwt.token_blacklist.models import OutstandingToken

from apps.accounts import services
from apps.accounts.models import Invitation, Membership, Notification, Role
from tests.factories import PASSWORD, make_actor, make_link, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_one_is_locked_out():
    reset()


@pytest.fixture
def client(actor):
    client = APIClient()
    client.force_login(actor.user)
    return client


def tokens(user, password=PASSWORD):
    return APIClient().post("/api/auth/token/", {"email": user.email, "password": password})


def with_access(access):
    client = APIClient()
    client.credentials(HTTP_AUTHORIZATION=f"Bearer {access}")
    return client


# ── Tokens ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_email_and_password_give_tokens_that_open_the_api(actor):
    answer = tokens(actor.user)
    assert answer.status_code == 200
    assert set(answer.json()) == {"access", "refresh"}
    me = with_access(answer.json()["access"]).get("/api/me/").json()
    assert me["email"] == actor.user.email
    assert me["team"] == {"id": str(actor.team.public_id), "name": actor.team.name, "role": "owner"}


def test_the_email_may_be_written_in_capitals(actor):
    assert APIClient().post("/api/auth/token/", {"email": actor.user.email.upper(), "password": PASSWORD}).status_code == 200


def test_a_wrong_password_is_a_401_problem(actor):
    answer = tokens(actor.user, "wrong password")
    assert answer.status_code == 401
    assert answer["Content-Type"] == "application/problem+json"
    assert answer.json()["code"] == "sign_in_refused"


def test_an_unknown_email_is_told_no_differently_from_a_wrong_password(actor):
    unknown = APIClient().post("/api/auth/token/", {"email": "nobody@example.org", "password": "x"}).json()
    wrong = tokens(actor.user, "wrong password").json()
    assert {**unknown, "request_id": ""} == {**wrong, "request_id": ""}


def test_somebody_deactivated_gets_no_tokens(actor):
    services.user_deactivate(actor.user)
    assert tokens(actor.user).status_code == 401


def test_eight_wrong_passwords_lock_the_email_even_for_the_right_one(actor):
    answers = [tokens(actor.user, "wrong password").status_code for _ in range(8)]
    assert answers == [401] * 7 + [429]
    locked = tokens(actor.user)
    assert locked.status_code == 429
    assert locked.json()["code"] == "locked_out"
    assert int(locked["Retry-After"]) == 600


def test_capitals_do_not_get_round_the_lock(actor):
    for number in range(8):
        email = actor.user.email.upper() if number % 2 else actor.user.email
        APIClient().post("/api/auth/token/", {"email": email, "password": "wrong password"})
    assert tokens(actor.user).status_code == 429


def test_a_refresh_token_counts_once_and_gives_a_new_pair(actor):
    first = tokens(actor.user).json()
    second = APIClient().post("/api/auth/token/refresh/", {"refresh": first["refresh"]})
    assert second.status_code == 200
    assert second.json()["refresh"] != first["refresh"]
    assert with_access(second.json()["access"]).get("/api/me/").status_code == 200


def test_a_refresh_token_that_comes_twice_ends_all_of_the_persons_tokens(actor):
    first = tokens(actor.user).json()
    second = APIClient().post("/api/auth/token/refresh/", {"refresh": first["refresh"]}).json()
    assert APIClient().post("/api/auth/token/refresh/", {"refresh": first["refresh"]}).status_code == 401
    assert APIClient().post("/api/auth/token/refresh/", {"refresh": second["refresh"]}).status_code == 401


def test_signing_out_revokes_the_refresh_token(actor):
    refresh = tokens(actor.user).json()["refresh"]
    assert APIClient().post("/api/auth/sign-out/", {"refresh": refresh}).status_code == 204
    assert APIClient().post("/api/auth/token/refresh/", {"refresh": refresh}).status_code == 401


def test_an_access_token_is_no_refresh_token(actor):
    access = tokens(actor.user).json()["access"]
    assert APIClient().post("/api/auth/token/refresh/", {"refresh": access}).status_code == 401


def test_rubbish_is_no_token(actor):
    assert APIClient().post("/api/auth/token/refresh/", {"refresh": "rubbish"}).status_code == 401
    assert with_access("rubbish").get("/api/me/").status_code == 401


def test_a_new_password_ends_the_tokens_issued_before(actor):
    before = tokens(actor.user).json()
    services.password_set(actor.user, "another good password")
    assert with_access(before["access"]).get("/api/me/").status_code == 401
    assert APIClient().post("/api/auth/token/refresh/", {"refresh": before["refresh"]}).status_code == 401


def test_the_text_of_a_refresh_token_is_not_stored(actor):
    refresh = tokens(actor.user).json()["refresh"]
    assert refresh not in OutstandingToken.objects.get().token


# ── The person and the team they work in ──────────────────────────────────────────────────────────────────────────
def test_me_changes_language_and_theme(client, actor):
    answer = client.patch("/api/me/", {"language": "pt-br", "theme": "dark"})
    assert answer.status_code == 200
    actor.user.refresh_from_db()
    assert (actor.user.language, actor.user.theme) == ("pt-br", "dark")


def test_an_unknown_language_is_a_field_error(client):
    answer = client.patch("/api/me/", {"language": "xx"})
    assert answer.status_code == 400
    assert answer.json()["errors"][0]["field"] == "language"


def test_somebody_without_a_team_gets_one_of_their_own():
    client = APIClient()
    client.force_login(make_user(name="Ana"))
    assert client.get("/api/me/").json()["team"]["role"] == "owner"


def test_the_team_header_chooses_among_ones_own_teams(client, actor):
    other = make_actor(Role.VIEWER, user=actor.user)
    me = client.get("/api/me/", headers={"X-Orq-Team": str(other.team.public_id)}).json()
    assert (me["team"]["id"], me["team"]["role"]) == (str(other.team.public_id), "viewer")


def test_the_team_header_with_a_team_of_others_is_404(client):
    stranger = make_actor()
    assert client.get("/api/me/", headers={"X-Orq-Team": str(stranger.team.public_id)}).status_code == 404


def test_teams_lists_only_ones_own(client, actor):
    make_actor()
    rows = client.get("/api/teams/").json()["results"]
    assert [(row["id"], row["role"]) for row in rows] == [(str(actor.team.public_id), "owner")]


def test_a_made_team_belongs_to_its_maker(client, actor):
    made = client.post("/api/teams/", {"name": "Lab"})
    assert made.status_code == 201
    assert made.json()["role"] == "owner"
    assert Membership.objects.filter(user=actor.user, team__public_id=made.json()["id"], role=Role.OWNER).exists()


def test_members_are_listed_with_their_roles(client, actor):
    make_actor(Role.VIEWER, team=actor.team)
    rows = client.get(f"/api/teams/{actor.team.public_id}/members/").json()["results"]
    assert [row["role"] for row in rows] == ["owner", "viewer"]


def test_an_owner_changes_a_role(client, actor):
    viewer = make_actor(Role.VIEWER, team=actor.team)
    member = Membership.objects.get(user=viewer.user)
    answer = client.patch(f"/api/teams/{actor.team.public_id}/members/{member.public_id}/", {"role": "admin"})
    assert (answer.status_code, answer.json()["role"]) == (200, "admin")


def test_the_last_owner_cannot_be_removed(client, actor):
    member = Membership.objects.get(user=actor.user)
    answer = client.delete(f"/api/teams/{actor.team.public_id}/members/{member.public_id}/")
    assert (answer.status_code, answer.json()["code"]) == (409, "last_owner")


# ── Invitations ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_an_invitation_tells_its_link_once_and_keeps_only_a_hash(client):
    made = client.post("/api/invitations/", {"email": "Guest@Example.org", "role": "member"}).json()
    token = made["link"].rstrip("/").rpartition("/")[2]
    assert made["email"] == "guest@example.org"
    assert Invitation.objects.get().token_hash == services.token_hash(token)
    assert "link" not in client.get("/api/invitations/").json()["results"][0]


def test_a_member_may_not_invite_and_sees_no_invitations(actor):
    member = make_actor(Role.MEMBER, team=actor.team)
    make_link(actor)
    client = APIClient()
    client.force_login(member.user)
    assert client.post("/api/invitations/", {"email": "a@example.org", "role": "member"}).status_code == 403
    assert client.get("/api/invitations/").json()["results"] == []


def test_a_revoked_invitation_is_gone(client, actor):
    invitation, _token = make_link(actor)
    assert client.delete(f"/api/invitations/{invitation.public_id}/").status_code == 204
    assert not Invitation.objects.exists()


# ── Notifications ─────────────────────────────────────────────────────────────────────────────────────────────────
def test_notifications_are_listed_newest_first_and_marked_as_read(client, actor):
    for title in ("One", "Two"):
        services.notify(actor.user, kind="task_completed", title=title)
    rows = client.get("/api/notifications/?unread=true").json()["results"]
    assert [row["title"] for row in rows] == ["Two", "One"]
    read = client.post(f"/api/notifications/{rows[0]['id']}/read/")
    assert read.json()["read_at"]
    assert [row["title"] for row in client.get("/api/notifications/?unread=true").json()["results"]] == ["One"]
    assert client.post("/api/notifications/read-all/").json() == {"read": 1}
    assert not Notification.objects.filter(read_at=None).exists()


def test_a_member_that_is_no_id_is_not_there(client, actor):
    assert client.delete(f"/api/teams/{actor.team.public_id}/members/{'-' * 36}/").status_code == 404
