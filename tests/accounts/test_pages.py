"""Signing in, one-time links, profile and team as a person meets them: through pages."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import sync_to_async
from axes.utils import reset
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from apps.accounts import services
from apps.accounts.models import Invitation, Membership, Role, SignIn, User
from tests.factories import PASSWORD, make_actor, make_link, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_one_is_locked_out():
    reset()


def sign_in(client, user, password=PASSWORD, **more):
    return client.post(reverse("accounts:sign_in"), {"email": user.email, "password": password, **more})


def signed_in(user):
    client = Client()
    sign_in(client, user)
    return client


# ── Signing in ────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_stranger_is_sent_to_the_sign_in_page_and_back(client, actor):
    away = client.get(reverse("accounts:profile"))
    assert away.url == "/sign-in/?next=/settings/profile/"
    assert sign_in(client, actor.user, next="/settings/profile/").url == "/settings/profile/"
    assert client.get("/settings/profile/").status_code == 200


def test_a_part_of_an_open_page_is_refused_and_the_page_stays(client):
    answer = client.get("/notifications/", headers={"HX-Request": "true"})
    assert answer.status_code == 401 and answer["HX-Reswap"] == "none" and not answer.content


def test_after_a_form_that_met_an_ended_session_its_page_is_opened_again(client):
    away = client.post("/settings/team/invite/", headers={"Referer": "http://testserver/settings/team/?a=1"})
    assert away.url == "/sign-in/?next=/settings/team/%3Fa%3D1"
    assert client.post("/settings/team/invite/", headers={"Referer": "https://evil.example/x"}).url == "/sign-in/?next=/"


@pytest.mark.parametrize("where", ["https://evil.example/", "//evil.example/", "javascript:alert(1)"])
def test_signing_in_leads_to_no_other_site(client, actor, where):
    assert sign_in(client, actor.user, next=where).url == "/"


def test_a_wrong_password_says_so_and_opens_nothing(client, actor):
    answer = sign_in(client, actor.user, "wrong password")
    assert answer.status_code == 401
    assert "not right" in answer.content.decode()
    assert client.get(reverse("accounts:profile")).status_code == 302


def test_too_many_wrong_passwords_show_a_page_that_says_how_long(client, actor):
    for _ in range(8):
        answer = sign_in(client, actor.user, "wrong password")
    assert answer.status_code == 429
    assert answer["Retry-After"] == "600"
    assert "10 minutes" in answer.content.decode()
    assert sign_in(client, actor.user).status_code == 429


def test_signing_in_needs_the_csrf_token(actor):
    client = Client(enforce_csrf_checks=True)
    assert sign_in(client, actor.user).status_code == 403


def test_signing_in_sets_the_persons_language(client):
    user = make_user(language="pt-br")
    assert sign_in(client, user).cookies["orq_language"].value == "pt-br"


def test_signing_out_ends_the_session(actor):
    client = signed_in(actor.user)
    assert SignIn.objects.count() == 1
    client.post(reverse("accounts:sign_out"))
    assert SignIn.objects.count() == 0
    assert client.get(reverse("accounts:profile")).status_code == 302


def test_signing_out_is_not_done_by_following_a_link(actor):
    client = signed_in(actor.user)
    assert client.get(reverse("accounts:sign_out")).status_code == 405
    assert client.get(reverse("accounts:profile")).status_code == 200


def test_a_session_can_be_ended_from_another_browser(actor):
    phone, laptop = signed_in(actor.user), signed_in(actor.user)
    row = SignIn.objects.get(session_key=phone.session.session_key)
    laptop.post(reverse("accounts:session_end", args=[row.public_id]))
    assert phone.get(reverse("accounts:profile")).status_code == 302
    assert laptop.get(reverse("accounts:profile")).status_code == 200


def test_all_other_sessions_can_be_ended_at_once(actor):
    phone, laptop = signed_in(actor.user), signed_in(actor.user)
    laptop.post(reverse("accounts:sessions_end_others"))
    assert phone.get(reverse("accounts:profile")).status_code == 302
    assert laptop.get(reverse("accounts:profile")).status_code == 200


def test_the_session_key_is_not_on_the_profile_page(actor):
    client = signed_in(actor.user)
    assert client.session.session_key not in client.get(reverse("accounts:profile")).content.decode()


def test_changing_the_password_keeps_this_session_and_ends_the_others(actor):
    phone, laptop = signed_in(actor.user), signed_in(actor.user)
    answer = laptop.post(reverse("accounts:password"), {"current": PASSWORD, "new": "a better password 7"})
    assert answer.status_code == 302
    assert laptop.get(reverse("accounts:profile")).status_code == 200
    assert phone.get(reverse("accounts:profile")).status_code == 302


def test_changing_the_password_needs_the_current_one(actor):
    answer = signed_in(actor.user).post(reverse("accounts:password"), {"current": "guess", "new": "a better password 7"})
    assert answer.status_code == 400
    actor.user.refresh_from_db()
    assert actor.user.check_password(PASSWORD)


@pytest.mark.django_db(transaction=True)
async def test_the_asynchronous_server_closes_the_same_doors(async_client):
    page = await async_client.get("/settings/profile/")
    assert (page.status_code, page.url) == (302, "/sign-in/?next=/settings/profile/")
    assert (await async_client.get("/api/me/")).status_code == 401
    assert (await async_client.get("/api/health/")).status_code == 200


@pytest.mark.django_db(transaction=True)
async def test_the_lock_holds_on_the_asynchronous_server(async_client):
    await sync_to_async(reset)()
    for _ in range(8):
        answer = await async_client.post("/sign-in/", {"email": "ana@example.org", "password": "wrong password"})
    assert answer.status_code == 429
    assert "10 minutes" in answer.content.decode()


# ── The first owner's link, and links that set a password ─────────────────────────────────────────────────────────
def test_the_welcome_link_makes_the_owner_once(client):
    link = reverse("accounts:welcome", args=[services.welcome_link_create()])
    assert client.get(link).status_code == 200
    answer = client.post(link, {"email": "Owner@Example.org", "name": "Ana", "password": PASSWORD})
    assert answer.status_code == 302
    owner = User.objects.get()
    assert (owner.email, owner.is_superuser) == ("owner@example.org", True)
    assert Membership.objects.get(user=owner).role == Role.OWNER
    assert client.get(reverse("accounts:profile")).status_code == 200
    assert Client().get(link).status_code == 404


def test_a_weak_password_does_not_use_up_the_link(client):
    link = reverse("accounts:welcome", args=[services.welcome_link_create()])
    assert client.post(link, {"email": "owner@example.org", "password": "12345"}).status_code == 400
    assert not User.objects.exists()
    assert client.get(link).status_code == 200


def test_a_newer_welcome_link_replaces_the_older(client):
    older = services.welcome_link_create()
    services.welcome_link_create()
    assert client.get(reverse("accounts:welcome", args=[older])).status_code == 404


def test_the_welcome_link_is_out_of_date_after_48_hours(client):
    token = services.welcome_link_create()
    Invitation.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert client.get(reverse("accounts:welcome", args=[token])).status_code == 404


def test_a_password_link_sets_a_password_and_ends_what_was_open(client, actor):
    before = signed_in(actor.user)
    link = reverse("accounts:welcome", args=[services.password_link_create(actor.user)])
    assert client.post(link, {"password": "a better password 7"}).status_code == 302
    assert client.get(reverse("accounts:profile")).status_code == 200
    assert before.get(reverse("accounts:profile")).status_code == 302


# ── Invitations ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_somebody_invited_makes_an_account_and_is_in_the_team(client, actor):
    invitation, token = make_link(actor, role=Role.VIEWER)
    link = reverse("accounts:invitation", args=[token])
    assert actor.team.name in client.get(link).content.decode()
    assert client.post(link, {"name": "Gil", "password": PASSWORD}).status_code == 302
    member = Membership.objects.get(user__email=invitation.email)
    assert (member.team, member.role) == (actor.team, Role.VIEWER)
    assert client.get(reverse("accounts:team")).status_code == 200


def test_an_invitation_works_once(client, actor):
    _invitation, token = make_link(actor)
    link = reverse("accounts:invitation", args=[token])
    client.post(link, {"password": PASSWORD})
    assert Client().get(link).status_code == 404
    assert Client().post(link, {"password": PASSWORD}).status_code == 404


def test_an_invitation_out_of_date_is_not_usable(client, actor):
    _invitation, token = make_link(actor, expires_at=timezone.now() - timedelta(seconds=1))
    link = reverse("accounts:invitation", args=[token])
    assert client.post(link, {"password": PASSWORD}).status_code == 404
    assert Membership.objects.filter(team=actor.team).count() == 1


def test_an_invitation_for_another_email_is_refused_and_stays_open(actor):
    invitation, token = make_link(actor)
    other = signed_in(make_user())
    answer = other.post(reverse("accounts:invitation", args=[token]))
    assert answer.status_code == 400
    assert "another e-mail" in answer.content.decode()
    invitation.refresh_from_db()
    assert invitation.is_open


def test_somebody_with_an_account_joins_by_signing_in(actor):
    guest = make_user("guest@example.org")
    _invitation, token = make_link(actor, email=guest.email)
    link = reverse("accounts:invitation", args=[token])
    stranger = Client()
    assert stranger.post(link, {"password": "an attempt to take it over"}).status_code in (200, 400)
    assert not Membership.objects.filter(user=guest).exists()
    assert signed_in(guest).post(link).status_code == 302
    assert Membership.objects.filter(user=guest, team=actor.team).exists()


def test_the_team_page_shows_a_new_link_once(actor):
    client = signed_in(actor.user)
    page = client.post(reverse("accounts:invite"), {"email": "new@example.org", "role": "member"}).content.decode()
    assert "/invitations/" in page
    assert "http://testserver/invitations/" not in client.get(reverse("accounts:team")).content.decode()


def test_a_viewer_sees_the_team_and_changes_nothing(actor):
    viewer = make_actor(Role.VIEWER, team=actor.team)
    client = signed_in(viewer.user)
    assert client.get(reverse("accounts:team")).status_code == 200
    answer = client.post(reverse("accounts:team"), {"name": "Mine"})
    assert answer.status_code == 403
    actor.team.refresh_from_db()
    assert actor.team.name != "Mine"


def test_switching_the_team_lasts(actor):
    other = make_actor(Role.ADMIN, user=actor.user)
    client = signed_in(actor.user)
    client.post(reverse("accounts:team_switch"), {"team": str(other.team.public_id)})
    assert client.get("/api/me/").json()["team"]["id"] == str(other.team.public_id)


def test_the_admin_is_for_staff_alone(actor, client):
    assert client.get("/admin/").url == "/admin/login/?next=/admin/"
    assert client.get("/admin/login/?next=/admin/").url == "/sign-in/?next=/admin/"
    assert signed_in(actor.user).get("/admin/", follow=True).status_code == 404
    owner = make_user(is_staff=True, is_superuser=True)
    assert signed_in(owner).get("/admin/").status_code == 200
