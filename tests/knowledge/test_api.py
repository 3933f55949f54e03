"""Templates over REST: made, versioned, filled in, carried elsewhere."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import translation

from apps.accounts.models import Role
from apps.knowledge import seeds, selectors, services
from apps.knowledge.models import Template
from tests.factories import make_actor, signed_in, template_of

pytestmark = pytest.mark.django_db
BODY = "Say {{word}} {{times}} times, {{ tone }}.\nThen {{word}} again."


@pytest.fixture
def client(actor) -> Client:
    return signed_in(actor)


def post(client, url, data=None):
    return client.post(url, data or {}, content_type="application/json")


def made(client, **more):
    variables = [{"name": "times", "kind": "number"}, {"name": "tone", "kind": "choice", "choices": ["loudly", "softly"]}]
    about = {"name": "Say it", "body": BODY, "variables": variables, "category": "Fun", **more}
    answer = post(client, "/api/templates/", about)
    assert answer.status_code == 201, answer.json()
    return answer.json()


def test_it_is_made_with_a_short_name_and_its_places(client):
    row = made(client)
    assert (row["slug"], row["version"], row["category"]) == ("say-it", 1, "Fun")
    assert [(one["name"], one["kind"], one["label"]) for one in row["variables"]] == [
        ("times", "number", "Times"),
        ("tone", "choice", "Tone"),
        ("word", "text", "Word"),
    ]


def test_its_places_are_filled_in_as_plain_text(client):
    url = f"/api/templates/{made(client)['id']}/render/"
    values = {"word": "{{tone}} {% now %} <b>", "times": "3", "tone": "softly"}
    said = post(client, url, {"values": values}).json()["text"]
    assert said == "Say {{tone}} {% now %} <b> 3 times, softly.\nThen {{tone}} {% now %} <b> again."


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({"times": "3", "tone": "softly"}, "values.word"),
        ({"word": "x", "times": "many", "tone": "softly"}, "values.times"),
        ({"word": "x", "times": "3", "tone": "shrilly"}, "values.tone"),
        ({"word": "x", "times": "3", "tone": "softly", "other": "y"}, "values.other"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_name(client, values, field):
    answer = post(client, f"/api/templates/{made(client)['id']}/render/", {"values": values})
    assert answer.status_code == 400
    assert [error["field"] for error in answer.json()["errors"]] == [field]


def test_a_default_stands_in_for_what_is_left_empty(client):
    row = made(client, body="Hi {{who}}{{mark}}", variables=[
        {"name": "who", "default": "you"}, {"name": "mark", "required": False}
    ])  # fmt: skip
    assert post(client, f"/api/templates/{row['id']}/render/", {"values": {"who": " "}}).json()["text"] == "Hi you"


def test_a_change_keeps_the_version_before_and_saying_the_same_makes_none(client):
    row = made(client)
    url = f"/api/templates/{row['id']}/"
    changed = client.patch(url, {"body": "Only {{word}}"}, content_type="application/json").json()
    assert changed["version"] == 2
    client.patch(url, {"name": "Say it"}, content_type="application/json")
    versions = client.get(f"{url}versions/").json()
    assert [(one["number"], one["body"]) for one in versions] == [(2, "Only {{word}}"), (1, BODY)]


def test_who_edits_an_old_version_is_told(client):
    row = made(client)
    url = f"/api/templates/{row['id']}/"
    client.patch(url, {"name": "Other"}, content_type="application/json")
    late = client.patch(url, {"name": "Mine", "seen_version": 1}, content_type="application/json")
    assert late.status_code == 409


@pytest.mark.parametrize(
    ("more", "field"),
    [
        ({"slug": "Not good!"}, "slug"),
        ({"variables": [{"name": "gone"}]}, "variables"),
        ({"variables": [{"name": "tone", "kind": "choice"}]}, "variables"),
        ({"body": "  "}, "body"),
    ],
)
def test_what_cannot_be_a_template_is_refused_by_field(client, more, field):
    answer = post(client, "/api/templates/", {"name": "Bad", "body": BODY, **more})
    assert answer.status_code == 400
    assert field in [error["field"] for error in answer.json()["errors"]]


def test_a_short_name_is_there_once_in_a_team_and_free_again_after_a_deletion(client):
    row = made(client)
    again = post(client, "/api/templates/", {"name": "Say it", "body": "x"})
    assert again.status_code == 400 and again.json()["errors"][0]["field"] == "slug"
    assert client.delete(f"/api/templates/{row['id']}/").status_code == 204
    assert client.get(f"/api/templates/{row['id']}/").status_code == 404
    made(client)
    back = post(client, f"/api/templates/{row['id']}/restore/")
    assert back.status_code == 400
    assert made(signed_in(make_actor()))["slug"] == "say-it"


def test_it_is_found_by_words_and_by_category(client):
    made(client)
    made(client, name="Other", category="Work", body="Plain", variables=[])
    listed = lambda query: [row["name"] for row in client.get(f"/api/templates/?{query}").json()["results"]]  # noqa: E731
    assert listed("") == ["Other", "Say it"]
    assert listed("search=/say") == ["Say it"]
    assert listed("category=Work") == ["Other"]


def test_shipped_ones_speak_the_readers_language_until_they_are_edited(actor):
    seeds.templates_ensure(actor.team.pk)
    assert seeds.templates_ensure(actor.team.pk) == 0
    row = selectors.templates_visible(actor).get(slug="summarise")
    with translation.override("pt-br"):
        assert selectors.text_of(row)["name"] == "Resumir"
        assert [one.slug for one in selectors.templates_filtered(actor, search="resum")] == ["summarise"]
        assert "Escrita" in selectors.categories_of(actor)
        edited = services.template_update(actor, row, title="Meu resumo")
    assert selectors.text_of(edited)["name"] == "Resumir"
    assert edited.version == 2 and edited.versions.get(number=1).name == "Summarise"


def test_every_shipped_one_can_be_filled_in_in_both_languages():
    for language in ("en", "pt-br"):
        for seed in seeds.seeds().values():
            said = seed[language]
            row = Template(slug="x", **{name: said[name] for name in seeds.FIELDS})
            services._checked(said)
            values = {one["name"]: one.get("default") or "7" for one in said["variables"]}
            assert "{{" not in services.template_render(row, values)


def test_they_are_carried_elsewhere_as_a_file(client):
    made(client)
    file = client.get("/api/templates/export/").json()
    there = signed_in(make_actor())
    for slug in ("say-it", "say-it-2"):
        assert [row["slug"] for row in post(there, "/api/templates/import/", file).json()] == [slug]
    broken = {**file, "templates": [*file["templates"], {"name": "No text"}]}
    assert post(there, "/api/templates/import/", broken).status_code == 400
    assert len(there.get("/api/templates/").json()["results"]) == 2


def test_viewers_fill_in_and_members_change_only_their_own():
    owner = make_actor()
    row = template_of(owner)
    url = f"/api/templates/{row.public_id}/"
    viewer, member = (signed_in(make_actor(role, team=owner.team)) for role in (Role.VIEWER, Role.MEMBER))
    assert post(viewer, f"{url}render/", {"values": {"word": "yes"}}).json()["text"] == "Say yes."
    assert post(viewer, "/api/templates/", {"name": "x", "body": "y"}).status_code == 403
    assert member.patch(url, {"name": "x"}, content_type="application/json").status_code == 403
    assert member.delete(url).status_code == 403


def test_what_differs_between_versions_is_told_line_by_line(actor, client):
    row = made(client)
    template = selectors.access_template(actor, row["id"])
    services.template_update(actor, template, body="Say {{word}}.\nThen {{word}} again.", variables=[])
    one, two = (selectors.access_version(template, number) for number in (1, 2))
    told = [(line.kind, line.text) for line in selectors.versions_compared(one, two) if line.kind != "same"]
    assert ("gone", BODY.splitlines()[0]) in told and ("new", "Say {{word}}.") in told
    assert not [text for _kind, text in told if text.startswith("Then")]
