"""Pages of templates."""

from __future__ import annotations

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from apps.accounts.models import Role
from apps.knowledge import seeds, selectors, services
from apps.knowledge.models import Template
from tests.factories import make_actor, signed_in, template_of

pytestmark = pytest.mark.django_db
VARIABLE = {"name": "word", "kind": "text", "label": "A word", "default": "hello", "choices": "", "optional": "no"}


@pytest.fixture
def client(actor) -> Client:
    return signed_in(actor)


def form(*variables, **more):
    rows = {f"variable_{name}": [one[name] for one in variables] for name in VARIABLE} if variables else {}
    return {"name": "Say it", "body": "Say {{word}} {{mood}}.", "category": "Fun", **rows, **more}


def test_the_list_has_words_categories_and_as_many_queries_for_many_as_for_few(client, actor, django_assert_num_queries):
    seeds.templates_ensure(actor.team.pk)
    client.get("/templates/")
    with django_assert_num_queries(7) as few:
        page = client.get("/templates/").content.decode()
    assert "Summarise" in page and "/review-code" in page and "category=Code" in page
    for _ in range(20):
        template_of(actor)
    with django_assert_num_queries(len(few)):
        client.get("/templates/")
    found = client.get("/templates/?search=/explain").content.decode()
    assert "Explain" in found and "Summarise" not in found
    assert "Nothing fits" in client.get("/templates/?search=zzzz").content.decode()


def test_it_is_written_with_its_places_and_edited(client, actor):
    made = client.post("/templates/new/", form({**VARIABLE, "kind": "choice", "choices": "hello\nbye"}), follow=True)
    assert made.status_code == 200
    row = Template.objects.get(team=actor.team)
    assert [(one["name"], one["kind"]) for one in row.variables] == [("word", "choice"), ("mood", "text")]
    url = f"/templates/{row.public_id}/edit/"
    assert "hello\nbye" in client.get(url).content.decode()
    client.post(url, form(VARIABLE, body="Only {{word}}.", seen_version="1"))
    row.refresh_from_db()
    assert (row.version, row.body, len(row.variables)) == (2, "Only {{word}}.", 1)
    late = client.post(url, form(VARIABLE, body="Late {{word}}.", seen_version="1"))
    assert late.status_code == 400 and "changed meanwhile" in late.content.decode()


def test_what_is_wrong_is_said_beside_its_field_and_nothing_typed_is_lost(client):
    page = client.post("/templates/new/", form(VARIABLE, slug="No good!"))
    assert page.status_code == 400
    assert "small letters, digits and hyphens" in page.content.decode() and "A word" in page.content.decode()


def test_it_is_filled_in_without_javascript_too(client, actor, django_assert_num_queries):
    row = template_of(actor)
    url = f"/templates/{row.public_id}/"
    client.get(url)
    with django_assert_num_queries(5):
        client.get(url)
    filled = client.get(f"{url}?word=<b>loud</b>").content.decode()
    assert "Say &lt;b&gt;loud&lt;/b&gt;." in filled
    assert "Fill in “Word”" in client.get(f"{url}?word=").content.decode()


def test_versions_are_compared_and_brought_back(client, actor, django_assert_num_queries):
    row = template_of(actor)
    services.template_update(actor, row, body="Shout {{word}}!")
    url = f"/templates/{row.public_id}/versions/"
    client.get(url)
    with django_assert_num_queries(6):
        page = client.get(url).content.decode()
    assert "Say {{word}}." in page and "Shout {{word}}!" in page
    back = f"/templates/{row.public_id}/bring-back/"
    client.post(back, {"number": "1"})
    row.refresh_from_db()
    assert (row.version, row.body) == (3, "Say {{word}}.")
    assert client.post(back, {"number": "9"}).status_code == 404


def test_it_is_deleted_and_brought_back(client, actor):
    row = template_of(actor)
    page = client.post(f"/templates/{row.public_id}/delete/", follow=True).content.decode()
    assert "Bring back" in page
    client.post(f"/templates/{row.public_id}/restore/")
    assert selectors.access_template(actor, row.public_id)


def test_they_are_taken_along_as_a_file(client, actor):
    template_of(actor)
    file = client.get("/templates/export/")
    assert "attachment" in file["Content-Disposition"]
    there = make_actor()
    upload = SimpleUploadedFile("templates.json", file.content, "application/json")
    signed_in(there).post("/templates/import/", {"file": upload})
    assert Template.objects.get(team=there.team).name == "Secret template"
    for broken in (b"no json", json.dumps({"templates": [1]}).encode(), b"[" * 100_000):
        page = signed_in(there).post("/templates/import/", {"file": SimpleUploadedFile("x", broken)}, follow=True)
        assert "no file of templates" in page.content.decode()


def test_viewers_fill_in_and_are_offered_nothing_else(actor):
    row = template_of(actor)
    viewer = signed_in(make_actor(Role.VIEWER, team=actor.team))
    assert "/templates/new/" not in viewer.get("/templates/").content.decode()
    assert "Delete this template" not in viewer.get(f"/templates/{row.public_id}/").content.decode()
    assert viewer.post("/templates/new/", form()).status_code == 403
    assert viewer.get(f"/templates/{row.public_id}/edit/").status_code == 403


def test_sixty_templates_stand_on_two_pages_and_ticked_ones_are_deleted_together(client, actor):
    rows = [template_of(actor) for _ in range(60)]
    first = client.get("/templates/?order=newest")
    second = client.get("/templates/" + first.context["next"])
    assert [len(page.context["rows"]) for page in (first, second)] == [50, 10]
    foreign = template_of(make_actor())
    member = signed_in(make_actor(Role.MEMBER, team=actor.team))
    body = {"deed": "delete", "id": [str(row.public_id) for row in (rows[0], foreign)]}
    member.post("/templates/bulk/", body)
    assert not Template.objects.exclude(deleted_at=None).exists()
    page = client.post("/templates/bulk/", body, follow=True)
    assert "1 template was deleted" in page.content.decode() and "not there any more" in page.content.decode()
    assert [one["id"] for one in page.context["deleted"]] == [rows[0].public_id]
    found = json.loads(client.get("/templates/export/?search=" + rows[1].slug).content)
    assert [one["slug"] for one in found["templates"]] == [rows[1].slug]
