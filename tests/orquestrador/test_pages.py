"""Every page renders for each role, in both languages, with few queries and nothing that the security policy would refuse."""

from __future__ import annotations

import re

import pytest
from django.db import IntegrityError, OperationalError, connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.accounts.models import Notification, Role
from apps.providers.models import CreditUsage
from apps.providers.services import builtin_ensure
from tests.factories import conversation_of, make_actor, make_link, model_of, provider_of, task_of

pytestmark = pytest.mark.django_db

MOST_QUERIES = 12
MOST_OF_DASHBOARD = 18  # running, latest and waiting tasks, the sums of a week, and who would do the next one
MANAGERS = (Role.OWNER, Role.ADMIN)
LANGUAGES = ("en", "pt-br")
PAGES = {
    "home": "/",
    "chat": "/chat/",
    "new chat": "/chat/new/",
    "conversation": "/chat/{conversation}/",
    "tasks": "/tasks/",
    "task": "/tasks/{task}/",
    "providers": "/providers/",
    "provider": "/providers/{provider}/",
    "model": "/models/{model}/",
    "profile": "/settings/profile/",
    "team": "/settings/team/",
    "new team": "/teams/new/",
    "notifications": "/notifications/",
}
WORKERS_PAGES = {
    "new task": "/tasks/new/",
    "choose a provider": "/providers/new/",
    "new provider": "/providers/new/openai/",
    "other": "/providers/new/other/",
}
MANAGERS_PAGES = {
    "system": "/settings/system/",
    "edit provider": "/providers/{provider}/edit/",
    "first steps": "/welcome/start/",
    "test": "/welcome/start/test/",
}
STRANGERS_PAGES = ("/sign-in/", "/welcome/nothing/", "/invitations/nothing/", "/nowhere/")


@pytest.fixture(params=list(Role.values))
def actor(request):
    """Somebody in a team with a bit of everything; the first steps are done."""
    owner = make_actor(Role.OWNER)
    builtin_ensure(owner.team.pk)
    actor = owner if request.param == Role.OWNER else make_actor(request.param, team=owner.team)
    actor.team.set_up_at = timezone.now()
    actor.team.save()
    model = model_of(owner)
    CreditUsage.objects.create(team=owner.team, owner=owner.user, model=model, provider_name="x", model_key="y", purpose="check")
    Notification.objects.create(user=actor.user, kind="task_completed", title="Done", body="A body", url="/tasks/")
    return actor


@pytest.fixture
def signed_in(actor):
    client = Client()
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    return client


def fill(url: str, actor) -> str:
    makers = {"conversation": conversation_of, "task": task_of, "provider": provider_of, "model": model_of}
    for name, maker in makers.items():
        if f"{{{name}}}" in url:
            url = url.replace(f"{{{name}}}", str(maker(actor).public_id))
    return url


def pages_for(actor) -> dict[str, str]:
    pages = dict(PAGES)
    if actor.can_work:
        pages |= WORKERS_PAGES
    if actor.can_manage:
        pages |= MANAGERS_PAGES
    return pages


@pytest.fixture
def actor_pages(actor):
    return {name: fill(url, actor) for name, url in pages_for(actor).items()}


def problems_of(html: str) -> list[str]:
    """What the content security policy would refuse, and what makes a page hard to use."""
    problems = [f"style attribute: {found}" for found in re.findall(r"<[^>]+\sstyle=[^>]*>", html)]
    problems += [f"inline handler: {found}" for found in re.findall(r"<[^>]+\son[a-z]+=[^>]*>", html)]
    problems += [f"script without nonce: {found}" for found in re.findall(r"<script(?![^>]*\b(?:src|nonce)=)[^>]*>", html)]
    problems += [
        f"another host: {found}"
        for found in re.findall(r"<(?:script|link|img|iframe)[^>]+(?:src|href)=[\"']?(?:https?:)?//[^>]*>", html)
    ]
    if html.count("<h1") != 1:
        problems.append(f"{html.count('<h1')} h1")
    if html.count('id="content"') != 1:
        problems.append("nothing for the skip link to lead to")
    ids = re.findall(r'\sid="([^"]+)"', html)
    problems += [f"id twice: {one}" for one in sorted({one for one in ids if ids.count(one) > 1})]
    return problems


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_page_renders_cleanly_with_few_queries(signed_in, actor_pages, language):
    signed_in.cookies["orq_language"] = language
    wrong = {}
    for name, url in actor_pages.items():
        signed_in.get(url)  # warms what is kept for some seconds
        with CaptureQueriesContext(connection) as queries:
            response = signed_in.get(url)
        html = response.content.decode()
        problems = problems_of(html)
        if response.status_code != 200:
            problems.append(f"status {response.status_code}")
        if len(queries) > (MOST_OF_DASHBOARD if name == "home" else MOST_QUERIES):
            problems.append(f"{len(queries)} queries")
        if f'<html lang="{language}"' not in html:
            problems.append("another language")
        if problems:
            wrong[name] = problems
    assert not wrong


def test_every_page_has_the_headers_that_keep_it_safe(signed_in, actor_pages):
    for url in actor_pages.values():
        response = signed_in.get(url)
        policy = response["Content-Security-Policy"]
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy
        assert response["X-Frame-Options"] == "DENY" and response["X-Content-Type-Options"] == "nosniff"
        assert response["X-Request-Id"]


def test_pages_of_others_load_nothing_from_elsewhere_either():
    client, actor = Client(), make_actor()
    actor.user.is_staff = actor.user.is_superuser = True
    actor.user.save()
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    for url in ("/admin/", "/admin/tasks/task/", "/api/docs/", "/api/tasks/"):
        response = client.get(url, headers={"Accept": "text/html"})
        assert "default-src 'self'" in response["Content-Security-Policy"], url
        assert not re.findall(r"""(?:src|<link[^>]*href)=["'](?:https?:)?//""", response.content.decode()), url


@pytest.mark.parametrize("url", STRANGERS_PAGES)
@pytest.mark.parametrize("language", LANGUAGES)
def test_the_pages_of_strangers_render_cleanly(url, language):
    client = Client()
    client.cookies["orq_language"] = language
    response = client.get(url, follow=True)
    html = response.content.decode()
    assert not problems_of(html) and f'<html lang="{language}"' in html


def test_the_navigation_shows_the_admin_to_staff_alone():
    client, actor = Client(), make_actor()
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    assert 'href="/admin/"' not in client.get("/providers/").content.decode()
    actor.user.is_staff = True
    actor.user.save()
    assert 'href="/admin/"' in client.get("/providers/").content.decode()


def test_the_spend_of_the_month_says_what_it_leaves_out():
    client, actor = Client(), make_actor()
    model = model_of(actor)
    about = {
        "team": actor.team,
        "owner": actor.user,
        "model": model,
        "provider_name": "x",
        "model_key": "y",
        "purpose": "execute",
    }
    CreditUsage.objects.create(cost_usd="0.0132", **about)
    CreditUsage.objects.create(cost_usd=None, **about)
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    html = client.get("/providers/").content.decode()
    assert "US$ 0.0132 + ?" in html and "1 call of unknown price is not in it" in html


def test_a_month_none_of_whose_prices_is_known_is_not_shown_as_zero():
    client, actor = Client(), make_actor()
    about = {"team": actor.team, "owner": actor.user, "model": model_of(actor), "provider_name": "x", "model_key": "y"}
    CreditUsage.objects.create(cost_usd=None, purpose="execute", **about)
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    html = client.get("/providers/").content.decode()
    assert "US$ ?" in html and '<span class="num">US$ 0.00' not in html.partition("<main")[0]


def test_nothing_that_is_not_there_is_a_page_that_says_so():
    client, actor = Client(), make_actor()
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    response = client.get("/nowhere/")
    assert response.status_code == 404 and "There is nothing here" in response.content.decode()


def test_a_form_without_its_mark_is_explained():
    client, actor = Client(enforce_csrf_checks=True), make_actor()
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    response = client.post(reverse("accounts:sign_out"))
    assert response.status_code == 403 and "The form was too old" in response.content.decode()


def test_a_broken_page_is_told_without_the_database_or_its_inside(settings, monkeypatch):
    monkeypatch.setattr("orquestrador.wizard.is_due", lambda actor: 1 / 0)
    client, actor = Client(raise_request_exception=False), make_actor()
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    response = client.get("/")
    html = response.content.decode()
    assert response.status_code == 500 and "division" not in html and response["X-Request-Id"] in html


@pytest.mark.parametrize(
    ("error", "status"),
    [(IntegrityError("UNIQUE constraint failed"), 409), (OperationalError(1213, "Deadlock found, UNIQUE"), 503)],
)
def test_two_at_the_same_thing_at_the_same_moment_are_told_so(monkeypatch, error, status):
    def clashes(actor):
        raise error

    monkeypatch.setattr("orquestrador.wizard.is_due", clashes)
    client, actor = Client(raise_request_exception=False), make_actor()
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    response = client.get("/")
    assert response.status_code == status and "UNIQUE" not in response.content.decode()


def test_the_system_page_says_where_each_setting_comes_from(monkeypatch):
    monkeypatch.setenv("ORQ_SMTP_HOST", "mail.example.org")
    client, actor = Client(), make_actor()
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    html = client.get(reverse("settings_system")).content.decode()
    assert re.search(r"ORQ_SMTP_HOST.{0,600}environment", html, re.DOTALL)
    assert re.search(r"ORQ_SECRET_KEY.{0,600}set, never shown", html, re.DOTALL)


def test_no_secret_is_on_the_system_page(settings):
    client, actor = Client(), make_actor()
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    settings.DATABASE_URL = "mysql://orq:hunter2@db.example.org/orq"
    html = client.get(reverse("settings_system")).content.decode()
    assert "hunter2" not in html and "db.example.org" in html
    assert settings.SECRET_KEY not in html and settings.ORQ_ENCRYPTION_KEYS not in html


def test_a_viewer_is_not_offered_what_they_cannot_do():
    owner = make_actor()
    provider = provider_of(owner)
    viewer = make_actor(Role.VIEWER, team=owner.team)
    client = Client()
    client.force_login(viewer.user, backend="django.contrib.auth.backends.ModelBackend")
    html = client.get("/providers/").content.decode() + client.get(f"/providers/{provider.public_id}/").content.decode()
    assert "/providers/new/" not in html and "/delete/" not in html and "/toggle/" not in html


def test_an_invitation_says_who_invites_to_what():
    actor = make_actor()
    _link, token = make_link(actor)
    html = Client().get(reverse("accounts:invitation", args=[token])).content.decode()
    assert str(actor.team) in html and actor.user.short_name in html
