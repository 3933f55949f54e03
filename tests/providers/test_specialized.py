"""Specialized AIs: seeding, CRUD in service, REST and pages; ratings of models."""

from __future__ import annotations

import pytest
from django.urls import reverse

from apps.accounts import services as accounts
from apps.common.errors import BadInput, NotAllowed, NotFound
from apps.providers import selectors, services
from apps.providers.models import ModelRating, SpecializedAI
from apps.providers.services.ratings import liking_of
from tests.factories import make_actor, signed_in
from tests.providers.rows import make_model

pytestmark = pytest.mark.django_db
FIVE = {"researcher", "developer", "writer", "analyst", "reviewer"}


@pytest.fixture
def client(actor):
    return signed_in(actor)


def made(actor, **more) -> SpecializedAI:
    return services.specialized_ai_create(actor, **{"name": "Poet", "system_prompt": "You rhyme.", **more})


# ── the five ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_team_gets_the_five_once_and_they_are_whole(actor):
    assert services.specialized_ais_ensure(actor.team.pk) == 5
    assert services.specialized_ais_ensure(actor.team.pk) == 0
    rows = SpecializedAI.objects.filter(team=actor.team)
    assert {row.seed for row in rows} == FIVE
    assert {row.role for row in rows} == {"executor", "validator"}
    assert all(len(row.system_prompt) > 300 and row.is_active for row in rows)
    categories = [category for row in rows for category in row.categories]
    assert len(categories) == len(set(categories)), "two would be meant for one category"


def test_a_new_team_has_them_from_the_start():
    user = make_actor().user
    team = accounts.team_create(user, name="Another")
    assert SpecializedAI.objects.filter(team=getattr(team, "team", team), seed__isnull=False).count() == 5


def test_seeding_again_overwrites_nothing_and_brings_nothing_back(actor):
    services.specialized_ais_ensure(actor.team.pk)
    writer = SpecializedAI.objects.get(team=actor.team, seed="writer")
    services.specialized_ai_update(actor, writer, name="Ghostwriter", system_prompt="Mine.", is_active=False)
    services.specialized_ai_delete(actor, SpecializedAI.objects.get(team=actor.team, seed="analyst"))
    assert services.specialized_ais_ensure(actor.team.pk) == 0
    writer.refresh_from_db()
    assert (writer.name, writer.system_prompt, writer.is_active) == ("Ghostwriter", "Mine.", False)
    assert "analyst" not in {row.seed for row in selectors.specialized_ais_visible(actor)}


def test_a_name_that_people_took_first_is_left_to_them(actor):
    made(actor, name="WRITER")
    assert services.specialized_ais_ensure(actor.team.pk) == 4


def test_a_shipped_one_is_called_in_the_readers_language_until_somebody_renames_it(actor, monkeypatch):
    from apps.providers.models import specialized

    services.specialized_ais_ensure(actor.team.pk)
    writer = SpecializedAI.objects.get(team=actor.team, seed="writer")
    monkeypatch.setattr(specialized, "gettext", lambda text: {"Writer": "Redator"}.get(text, text))
    assert str(writer) == "Redator"
    writer.name = "Ghostwriter"
    assert str(writer) == "Ghostwriter"
    assert str(made(actor, name="Writer 2")) == "Writer 2"


# ── changing ──────────────────────────────────────────────────────────────────────────────────────────────────────
def test_everything_that_is_wrong_is_named_at_once(actor):
    given = {
        "name": " ",
        "role": "king",
        "system_prompt": "x" * 20_001,
        "categories": 7,
        "default_model": "no-id",
        "fallbacks": [str(make_model(make_actor()).public_id)],
        "temperature": 3,
        "max_output_tokens": 0,
        "colour": "red",
    }
    with pytest.raises(BadInput) as error:
        services.specialized_ai_create(actor, **given)
    assert {item["field"] for item in error.value.errors} == set(given)


def test_categories_are_kept_in_small_letters_and_once(actor):
    assert made(actor, categories=[" Code ", "code", "Ünter"]).categories == ["code", "ünter"]
    assert made(actor, name="B", categories="Code, Research").categories == ["code", "research"]


def test_a_name_is_once_in_a_team_whatever_its_case_and_free_again_when_deleted(actor):
    first = made(actor)
    with pytest.raises(BadInput):
        made(actor, name="POET")
    made(make_actor())
    services.specialized_ai_delete(actor, first)
    second = made(actor)
    with pytest.raises(BadInput):
        services.specialized_ai_restore(actor, first)
    services.specialized_ai_delete(actor, second)
    assert services.specialized_ai_restore(actor, first).name == "Poet"


def test_fallbacks_keep_their_order(actor):
    models = [make_model(actor) for _ in range(3)]
    row = made(actor, default_model=models[1], fallbacks=[models[2], models[0], models[2]])
    row = selectors.access_specialized_ai(actor, row.public_id)
    assert row.ordered_fallbacks == [models[2], models[0]] and row.default_model == models[1]
    services.specialized_ai_update(actor, row, temperature=0.5)
    row = selectors.access_specialized_ai(actor, row.public_id)
    assert row.ordered_fallbacks == [models[2], models[0]] and row.temperature == 0.5


def test_only_its_maker_or_an_admin_changes_it(actor):
    row = made(actor)
    with pytest.raises(NotAllowed):
        services.specialized_ai_update(make_actor("member", team=actor.team), row, name="X")
    with pytest.raises(NotAllowed):
        made(make_actor("viewer", team=actor.team), name="Y")
    with pytest.raises(NotFound):
        selectors.access_specialized_ai(make_actor(), row.public_id)


# ── REST ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_it_is_made_changed_switched_deleted_and_brought_back_by_rest(client, actor):
    model = make_model(actor)
    given = {"name": "Poet", "system_prompt": "You rhyme.", "role": "executor", "default_model": str(model.public_id)}
    answer = client.post("/api/specialized-ais/", given, content_type="application/json")
    assert answer.status_code == 201 and answer.json()["default_model"] == str(model.public_id)
    url = f"/api/specialized-ais/{answer.json()['id']}/"
    changed = client.patch(url, {"categories": ["Poetry"], "temperature": 1.5}, content_type="application/json").json()
    assert (changed["categories"], changed["temperature"], changed["name"]) == (["poetry"], 1.5, "Poet")
    assert client.post(f"{url}toggle/").json()["is_active"] is False
    assert client.delete(url).status_code == 204 and client.get(url).status_code == 404
    assert client.post(f"{url}restore/").json()["name"] == "Poet"
    assert client.get("/api/specialized-ais/?role=executor&search=rhyme").json()["results"][0]["name"] == "Poet"


def test_the_list_takes_as_many_queries_however_long(client, actor, django_assert_max_num_queries):
    made(actor, fallbacks=[make_model(actor)], default_model=make_model(actor))
    with django_assert_max_num_queries(5) as few:  # session, person, team, rows, fallbacks
        client.get("/api/specialized-ais/")
    for number in range(4):
        made(actor, name=f"N{number}", fallbacks=[make_model(actor)], default_model=make_model(actor))
    with django_assert_max_num_queries(len(few)):
        assert len(client.get("/api/specialized-ais/").json()["results"]) == 5


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_it_is_made_on_its_page(client, actor):
    form = {"name": "Poet", "role": "executor", "system_prompt": "You rhyme.", "categories": "poetry", "is_active": "on"}
    page = client.post(reverse("providers:specialized_new"), form, follow=True).content.decode()
    assert "You rhyme." in page and SpecializedAI.objects.get(team=actor.team).categories == ["poetry"]


def test_what_is_wrong_is_said_beside_the_field(client, actor):
    made(actor)
    form = {"name": "poet", "role": "executor", "system_prompt": "x"}
    answer = client.post(reverse("providers:specialized_new"), form)
    assert answer.status_code == 400 and 'id="id_name_error"' in answer.content.decode()


def test_fallbacks_that_the_page_has_no_field_for_stay(client, actor):
    models = [make_model(actor) for _ in range(5)]
    row = made(actor, fallbacks=models)
    form = {"name": "Poet", "role": "executor", "system_prompt": "x", "is_active": "on"}
    form |= {f"fallback_{number}": str(model.public_id) for number, model in enumerate(models[:3], 1)}
    client.post(reverse("providers:specialized_edit", args=[row.public_id]), form)
    assert selectors.access_specialized_ai(actor, row.public_id).ordered_fallbacks == models


def test_one_that_was_deleted_can_be_brought_back_from_the_list(client, actor):
    row = made(actor)
    page = client.post(reverse("providers:specialized_delete", args=[row.public_id]), follow=True).content.decode()
    restore = reverse("providers:specialized_restore", args=[row.public_id])
    assert restore in page
    assert client.post(restore, follow=True).status_code == 200
    assert selectors.access_specialized_ai(actor, row.public_id)


def test_pages_take_so_many_queries(client, actor, django_assert_max_num_queries):
    services.specialized_ais_ensure(actor.team.pk)
    row = SpecializedAI.objects.get(team=actor.team, seed="writer")
    for name, args, most in (
        ("specialized_list", [], 10),
        ("specialized", [row.public_id], 10),
        ("specialized_edit", [row.public_id], 10),
    ):
        client.get(reverse(f"providers:{name}", args=args))
        with django_assert_max_num_queries(most):
            assert client.get(reverse(f"providers:{name}", args=args)).status_code == 200


def test_a_viewer_sees_and_changes_nothing(actor):
    row = made(actor)
    viewer = signed_in(make_actor("viewer", team=actor.team))
    assert viewer.get(reverse("providers:specialized", args=[row.public_id])).status_code == 200
    for name in ("toggle", "delete", "edit"):
        assert viewer.post(reverse(f"providers:specialized_{name}", args=[row.public_id])).status_code == 403


# ── ratings ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_person_has_one_opinion_of_a_model_in_a_category(actor):
    model = make_model(actor)
    services.model_rate(actor, model, stars=2, category="Code")
    services.model_rate(actor, model, stars=5, category="code", comment="Grew on me.")
    services.model_rate(actor, model, stars=3)
    assert ModelRating.objects.count() == 2
    services.model_rate(make_actor(team=actor.team), model, stars=4, category="code")
    assert selectors.model_ratings_summary(model) == [
        {"category": "code", "stars": 4.5, "count": 2},
        {"category": "general", "stars": 3.0, "count": 1},
    ]


def test_stars_are_one_to_five(actor):
    for stars in (0, 6, True, 2.5, "3"):
        with pytest.raises(BadInput):
            services.model_rate(actor, make_model(actor), stars=stars)


def test_few_votes_move_the_liking_little_and_many_move_it_far(actor):
    model = make_model(actor)
    assert liking_of([]) == {}
    one = [ModelRating(model=model, category="code", stars=5)]
    assert liking_of(one) == {"code": pytest.approx(20 / 6), "": pytest.approx(20 / 6)}
    assert liking_of(one * 20)[""] == pytest.approx(4.6)
    assert liking_of([*one, ModelRating(model=model, category="math", stars=1)])[""] == pytest.approx(3.0)


def test_nobody_rates_for_another(actor):
    rating = services.model_rate(actor, make_model(actor), stars=2)
    with pytest.raises(NotAllowed):
        services.rating_update(make_actor("owner", team=actor.team), rating, stars=5)


def test_ratings_by_rest_and_with_stars_on_the_models_page(client, actor):
    model = make_model(actor)
    given = {"model": str(model.public_id), "stars": 4, "category": "code"}
    made_ = client.post("/api/model-ratings/", given, content_type="application/json")
    assert made_.status_code == 201
    url = f"/api/model-ratings/{made_.json()['id']}/"
    assert client.patch(url, {"stars": 2}, content_type="application/json").json()["stars"] == 2
    assert client.get(f"/api/model-ratings/?model={model.public_id}").json()["results"][0]["stars"] == 2
    page = reverse("providers:model", args=[model.public_id])
    client.post(reverse("providers:model_rate", args=[model.public_id]), {"stars": "5", "category": "code"})
    assert ModelRating.objects.get().stars == 5
    assert 'aria-label="5 of 5 stars"' in client.get(page).content.decode()
    assert client.delete(url).status_code == 204 and not ModelRating.objects.exists()


def test_a_rating_is_taken_back_on_the_models_page_by_whoever_gave_it(client, actor):
    model = make_model(actor)
    rating = services.model_rate(actor, model, stars=2)
    url, page = reverse("providers:rating_delete", args=[rating.public_id]), reverse("providers:model", args=[model.public_id])
    assert url in client.get(page).content.decode()
    colleague = signed_in(make_actor("member", team=actor.team))
    assert url not in colleague.get(page).content.decode()
    assert colleague.post(url).status_code == 403
    assert client.post(url).headers["Location"] == page
    assert not ModelRating.objects.exists()
