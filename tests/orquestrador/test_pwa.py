"""The manifest, the service worker, the offline page, and the headers by which a browser keeps pages apart."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from PIL import Image

from apps.accounts.middleware import PERSON_HEADER
from orquestrador.pwa import SHELL_FILES
from tests.factories import make_actor, signed_in, task_of

pytestmark = pytest.mark.django_db
STATIC = Path(settings.BASE_DIR) / "static"


def test_the_worker_may_serve_the_whole_site_and_is_asked_for_anew():
    answer = Client().get("/sw.js")
    assert answer.status_code == 200 and answer["Content-Type"].startswith("text/javascript")
    assert answer["Service-Worker-Allowed"] == "/" and answer["Cache-Control"] == "no-cache"
    assert PERSON_HEADER not in answer


def test_another_version_of_a_file_makes_another_worker(monkeypatch):
    before = Client().get("/sw.js").content
    monkeypatch.setattr("orquestrador.pwa.static", lambda name: f"/static/{name}?2")
    after = Client().get("/sw.js").content
    versions = [re.search(rb'VERSION = "(\w+)"', text)[1] for text in (before, after)]
    assert versions[0] != versions[1]


def test_every_file_of_the_shell_exists():
    assert [name for name in SHELL_FILES if not (STATIC / name).is_file()] == []


def kept_paths() -> re.Pattern:
    source = (STATIC / "js" / "sw.js").read_text()
    pattern = re.search(r"const KEPT = new RegExp\(`(.*)`\)", source)[1]
    return re.compile(pattern.replace("${ID}", re.search(r'const ID = "(.*)"', source)[1]))


@pytest.mark.parametrize(
    "path",
    [
        "/api-keys/",
        "/settings/profile/",
        "/external-accounts/",
        "/gateway/keys/",
        "/api/tasks/",
        "/admin/",
        "/orchestrator/audit/",
    ],
)
def test_the_worker_keeps_no_page_of_keys_settings_or_the_api(path):
    assert not kept_paths().search(path)


def test_the_worker_keeps_lists_and_what_was_opened():
    some_id = "6abcda3d-0c66-447b-bfa1-96ca0692a991"
    paths = ("/", "/chat/", f"/chat/{some_id}/", "/tasks/", f"/tasks/{some_id}/", "/notifications/")
    assert all(kept_paths().search(path) for path in paths)
    assert not kept_paths().search("/tasks/new/") and not kept_paths().search(f"/tasks/{some_id}/plan/")


def test_the_manifest_can_be_installed():
    answer = Client().get("/manifest.webmanifest")
    told = answer.json()
    assert answer["Content-Type"] == "application/manifest+json"
    assert (told["start_url"], told["scope"], told["display"]) == ("/", "/", "standalone")
    purposes = {(icon["sizes"], icon["purpose"]) for icon in told["icons"]}
    assert {("192x192", "any"), ("512x512", "any"), ("512x512", "maskable")} <= purposes


def test_the_manifest_speaks_the_language_of_the_browser():
    assert Client().get("/manifest.webmanifest", headers={"Accept-Language": "pt-BR"}).json()["lang"] == "pt-br"


@pytest.mark.parametrize(
    ("name", "side"), [("icon-192", 192), ("icon-512", 512), ("icon-maskable-512", 512), ("icon-apple-180", 180)]
)
def test_an_icon_has_the_size_that_is_told(name, side):
    with Image.open(STATIC / "img" / f"{name}.png") as image:
        assert image.size == (side, side) and image.format == "PNG"


def test_a_maskable_icon_keeps_its_mark_inside_of_the_circle_that_stays():
    with Image.open(STATIC / "img" / "icon-maskable-512.png") as image:
        mark = image.convert("RGB")
    places = [(x, y) for x in range(0, 512, 8) for y in range(0, 512, 8)]
    inked = [place for place in places if mark.getpixel(place) != mark.getpixel((0, 0))]
    assert inked and all((x - 256) ** 2 + (y - 256) ** 2 <= (0.4 * 512) ** 2 for x, y in inked)


@pytest.mark.parametrize(("language", "word"), [("en", "You are offline"), ("xx", "You are offline")])
def test_the_offline_page_has_the_language_that_is_asked_for(language, word):
    html = Client().get(f"/offline/?in={language}").content.decode()
    assert word in html


def test_the_offline_page_says_its_language():
    assert '<html lang="pt-br"' in Client().get("/offline/?in=pt-br").content.decode()


def test_a_page_says_whose_it_is_and_another_team_is_another_owner():
    actor = make_actor()
    client = signed_in(actor)
    first = client.get("/tasks/")
    assert first[PERSON_HEADER].startswith(str(actor.user.public_id)) and first["Cache-Control"] == "private, no-cache"
    other = make_actor(user=actor.user)
    client.post("/teams/switch/", {"team": str(other.team.public_id)})
    assert client.get("/tasks/")[PERSON_HEADER] != first[PERSON_HEADER]


@pytest.mark.parametrize("path", ["/api-keys/", "/settings/profile/", "/settings/team/", "/external-accounts/", "/gateway/keys/"])
def test_pages_of_keys_and_settings_are_kept_by_no_browser(path):
    assert signed_in(make_actor()).get(path)["Cache-Control"].count("no-store") == 1


def test_what_is_no_page_and_what_is_a_strangers_has_no_owner():
    actor = make_actor()
    task = task_of(actor)
    assert PERSON_HEADER not in signed_in(actor).get(f"/api/tasks/{task.public_id}/")
    assert PERSON_HEADER not in Client().get("/sign-in/")


def test_who_is_signed_in_sees_errors_in_the_frame_and_a_stranger_without():
    assert 'class="rail"' in signed_in(make_actor()).get("/nowhere/").content.decode()
    assert 'class="rail"' not in Client().get("/nowhere/").content.decode()


def test_a_form_without_its_mark_has_the_persons_theme():
    actor = make_actor()
    actor.user.theme = "dark"
    actor.user.save()
    client = Client(enforce_csrf_checks=True)
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.post("/sign-out/")
    assert answer.status_code == 403 and 'data-theme="dark"' in answer.content.decode()


def test_a_broken_page_has_the_persons_theme(monkeypatch):
    monkeypatch.setattr("orquestrador.wizard.is_due", lambda actor: 1 / 0)
    actor = make_actor()
    actor.user.theme = "light"
    actor.user.save()
    client = Client(raise_request_exception=False)
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    answer = client.get("/")
    assert answer.status_code == 500 and 'data-theme="light"' in answer.content.decode()


def test_a_choice_of_language_on_the_answer_to_a_form_leads_back_to_its_page():
    client = signed_in(make_actor())
    html = client.post(
        "/settings/team/invite/", {"email": "x"}, headers={"Referer": "http://testserver/settings/team/"}
    ).content.decode()
    assert 'name="next" value="/settings/team/"' in html
