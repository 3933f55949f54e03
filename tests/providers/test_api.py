"""Providers and models over REST."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest
from rest_framework.test import APIClient

from apps.accounts.models import Role
from apps.providers import discovery, services
from apps.providers.models import AIModel, Provider
from tests.factories import make_actor
from tests.providers.listing import HTML, listing, models
from tests.providers.rows import make_model, make_provider

pytestmark = pytest.mark.django_db
KEY = "sk-0123456789abcdef"
OPENAI = {"display_name": "My OpenAI", "kind": "openai", "api_key": KEY}


def client_of(actor):
    client = APIClient()
    client.force_login(actor.user)
    return client


@pytest.fixture
def client(actor):
    return client_of(actor)


def problem(answer, status, *fields):
    assert answer.status_code == status, answer.content
    assert answer["content-type"] == "application/problem+json"
    body = answer.json()
    assert body["status"] == status and body["detail"] and body["request_id"]
    if fields:
        assert {error["field"] for error in body["errors"]} == set(fields)
    return body


# ── Providers ─────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_provider_is_added_shown_changed_and_deleted(client):
    made = client.post("/api/providers/", OPENAI)
    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["name"], body["kind"], body["status"], body["has_key"], body["key_ending"]) == (
        "my-openai",
        "openai",
        "active",
        True,
        "cdef",
    )
    url = f"/api/providers/{body['id']}/"
    assert client.get(url).json() == body
    changed = client.patch(url, {"display_name": "Ours", "priority": 5}).json()
    assert (changed["display_name"], changed["priority"], changed["key_ending"]) == ("Ours", 5, "cdef")
    assert client.post(f"{url}toggle/").json()["status"] == "inactive"
    assert client.post(f"{url}toggle/", {"on": False}).json()["status"] == "inactive"
    assert client.delete(url).status_code == 204
    problem(client.get(url), 404)


def test_a_key_is_never_told(client):
    body = client.post("/api/providers/", OPENAI).json()
    url = f"/api/providers/{body['id']}/"
    said = [client.get(one).content.decode() for one in (url, "/api/providers/", "/api/providers/status/", "/api/models/")]
    said += [json.dumps(body), client.patch(url, {"api_key": KEY}).content.decode()]
    assert all(KEY not in text and "api_key" not in text for text in said)


def test_lists_are_paged_and_filtered_with_four_queries_however_long(client, actor, django_assert_max_num_queries):
    for number in range(5):
        make_model(actor, make_provider(actor, display_name=f"Box {number}"))
    with django_assert_max_num_queries(4) as first:  # session, person, team, rows
        page = client.get("/api/providers/?limit=2").json()
    assert [one["name"] for one in page["results"]] == ["box-0", "box-1"] and page["previous"] is None
    for number in range(5, 9):
        make_provider(actor, display_name=f"Box {number}")
    with django_assert_max_num_queries(len(first)):
        assert len(client.get("/api/providers/?limit=50").json()["results"]) == 9
    assert [one["name"] for one in client.get(page["next"]).json()["results"]] == ["box-2", "box-3"]
    assert client.get("/api/providers/?search=box-3").json()["results"][0]["name"] == "box-3"
    assert client.get("/api/providers/?kind=openai").json()["results"] == []
    assert client.get("/api/providers/?ordering=-name").json()["results"][0]["name"] == "box-8"


def test_the_list_of_models_takes_no_query_for_each(client, actor, django_assert_max_num_queries):
    make_model(actor)
    with django_assert_max_num_queries(14) as few:
        client.get("/api/models/")
        client.get("/api/models/with-status/")
        client.get("/api/providers/status/")
    for _ in range(8):
        make_model(actor)
    with django_assert_max_num_queries(len(few)):
        assert len(client.get("/api/models/").json()["results"]) == 9
        assert len(client.get("/api/models/with-status/").json()["results"]) == 9
        assert len(client.get("/api/providers/status/").json()["results"]) == 9


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"kind": "telepathy"}, "kind"),
        ({"kind": "openai_compatible"}, "base_url"),
        ({"kind": "openai_compatible", "base_url": "nowhere"}, "base_url"),
        ({"kind": "openai_compatible", "base_url": "file:///etc/passwd"}, "base_url"),
        ({"kind": "openai_compatible", "base_url": "http://127.0.0.1:99999/v1"}, "base_url"),
        ({"display_name": ""}, "display_name"),
        ({"name": "a b"}, "name"),
        ({"quirks": {"x": 1}}, "quirks"),
        ({"quirks": "none"}, "quirks"),
        ({"priority": -1}, "priority"),
    ],
)
def test_bad_input_is_a_problem_that_names_the_field(client, given, field):
    problem(client.post("/api/providers/", {**OPENAI, **given}), 400, field)
    assert not Provider.objects.exists()


def test_a_taken_name_is_a_problem_of_the_name(client):
    client.post("/api/providers/", {**OPENAI, "name": "mine"})
    assert problem(client.post("/api/providers/", {**OPENAI, "name": "mine"}), 400, "name")["errors"][0]["code"] == "unique"


def test_a_new_host_wants_the_key_again(client):
    body = client.post("/api/providers/", OPENAI).json()
    url = f"/api/providers/{body['id']}/"
    problem(client.patch(url, {"base_url": "https://evil.example.org/v1"}), 400, "api_key")
    assert Provider.objects.get().base_url == ""
    assert (
        client.patch(url, {"base_url": "https://proxy.example.org/v1", "api_key": "sk-new-key-7777"}).json()["key_ending"]
        == "7777"
    )


def test_a_member_may_not_point_at_a_private_address(actor):
    member = client_of(make_actor(Role.MEMBER, team=actor.team))
    given = {"display_name": "Inside", "kind": "openai_compatible", "base_url": "http://169.254.169.254/latest"}
    assert problem(member.post("/api/providers/", given), 400, "base_url")["errors"][0]["code"] == "address_refused"


@pytest.mark.parametrize(
    ("answers", "code"),
    [
        ({"*": (200, {"content-type": HTML}, "<html>Sign in</html>")}, "not_an_api"),
        ({"*": (307, {"location": "https://elsewhere.example.org/v1/models"}, "")}, "not_an_api"),
        ({"/v1/models": {"hello": "world"}}, "malformed_answer"),
        ({"/v1/models": {"data": "soon"}}, "malformed_answer"),
        ({"/v1/models": (200, {}, '{"data": [{"id": "m"')}, "malformed_answer"),
    ],
)
def test_an_address_that_answers_as_no_api_does_is_a_problem_of_the_address(client, actor, answers, code):
    with listing(answers) as server:
        given = {"display_name": "Odd", "kind": "openai_compatible", "base_url": server.url, "check": True}
        refused = problem(client.post("/api/providers/", given), 400, "base_url")
        assert refused["errors"][0]["code"] == code and not Provider.objects.exists()
        assert "openai_compatible" not in refused["detail"]  # it is called by the name that was given
        provider = make_provider(actor, base_url=server.url)
        said = client.post(f"/api/providers/{provider.public_id}/check/").json()
        assert (said["ok"], said["error_code"], said["field"]) == (False, code, "base_url")
        synced = client.post(f"/api/providers/{provider.public_id}/models/sync/")
        assert problem(synced, 502, "base_url")["code"] == code


def test_metadata_addresses_are_refused_even_to_an_admin(client, actor):
    given = {"display_name": "Cloud", "kind": "openai_compatible", "base_url": "http://169.254.169.254/v1", "check": True}
    assert problem(client.post("/api/providers/", given), 400, "base_url")["errors"][0]["code"] == "address_refused"


def test_a_checked_provider_is_saved_checked_and_synced(client):
    with listing({"/v1/models": models("llama-3.1-8b", "nomic-embed-text")}) as server:
        given = {"display_name": "Local", "kind": "openai_compatible", "base_url": server.url, "api_key": KEY, "check": True}
        body = client.post("/api/providers/", given).json()
        checked = client.post(f"/api/providers/{body['id']}/check/").json()
        assert (checked["ok"], checked["models"], checked["field"]) == (True, 2, None)
        assert client.post(f"/api/providers/{body['id']}/models/sync/").json() == {"added": 2, "updated": 0, "gone": 0}
    (state,) = client.get("/api/providers/status/").json()["results"]
    assert (state["is_up"], state["models_total"], state["is_local"]) == (True, 2, True)
    found = client.get("/api/models/?capability=chat").json()["results"]
    assert [(one["key"], one["provider"], one["provider_name"], one["price_input"]) for one in found] == [
        ("llama-3.1-8b", body["id"], "local", None)
    ]


def test_a_wrong_key_is_a_problem_of_the_key(client, actor):
    with listing({"*": (401, {}, '{"error": {"message": "Incorrect API key"}}')}) as server:
        given = {"display_name": "L", "kind": "openai_compatible", "base_url": server.url, "api_key": KEY, "check": True}
        problem(client.post("/api/providers/", given), 400, "api_key")


def test_an_idempotency_key_adds_a_provider_once(client):
    first, again = (client.post("/api/providers/", OPENAI, headers={"Idempotency-Key": "once-1"}) for _ in range(2))
    assert first.status_code == again.status_code == 201 and first.json() == again.json()
    assert Provider.objects.count() == 1


def test_servers_on_this_machine_are_found(client, monkeypatch):
    with listing({"/api/version": {"version": "0.12"}, "/api/tags": {"models": [{"name": "llama3.1:8b"}]}}) as server:
        monkeypatch.setattr(discovery, "PORTS", {server.port: ("ollama",)})
        (found,) = client.post("/api/providers/discover/").json()
    assert (found["display_name"], found["kind"], found["models"]) == ("Ollama", "ollama", ["llama3.1:8b"])


# ── Models ────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_model_is_added_changed_and_deleted(client, actor):
    provider = make_provider(actor)
    given = {
        "provider": str(provider.public_id),
        "key": "org/Secret-70B-Instruct",
        "tier": "top",
        "price_input": "0.15",
        "price_output": "0.6",
    }
    made = client.post("/api/models/", given)
    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["family"], body["tier"], body["price_input"], body["state"]) == ("secret-70b", "top", "0.150000", "unknown")
    url = f"/api/models/{body['id']}/"
    changed = client.patch(url, {"family": "Ours", "capabilities": ["chat", "json"], "is_active": False}).json()
    assert (changed["family"], changed["capabilities"], changed["is_active"]) == ("ours", ["chat", "json"], False)
    assert {"family", "capabilities", "is_active", "price_input"} <= set(changed["human_edits"])
    assert client.get(url).json()["family"] == "ours"
    assert client.delete(url).status_code == 204


def test_a_model_of_a_provider_that_is_not_there_is_bad_input(client):
    stranger = make_provider(make_actor())
    for reference in (str(uuid4()), str(stranger.public_id), "x", None):
        problem(client.post("/api/models/", {"provider": reference, "key": "m"}, format="json"), 400, "provider")


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"tier": "best"}, "tier"),
        ({"capabilities": ["fly"]}, "capabilities.0"),
        ({"price_input": "-1"}, "price_input"),
        ({"context_window": 0}, "context_window"),
    ],
)
def test_a_models_bad_input_is_named_by_field(client, actor, given, field):
    problem(client.patch(f"/api/models/{make_model(actor).public_id}/", given, format="json"), 400, field)


def test_a_models_state_and_stats_are_told(client, actor):
    model = make_model(actor)
    services.model_failed(model, "It ran out of memory.", for_s=60)
    url = f"/api/models/{model.public_id}/"
    state = client.get(f"{url}status/").json()
    assert (state["state"], state["state_label"], state["is_usable"], state["last_error"]) == (
        "failed",
        "Failed",
        False,
        "It ran out of memory.",
    )
    stats = client.get(f"{url}stats/?days=7").json()
    assert (stats["days"], stats["calls"], stats["cost_usd"], stats["quality"]) == (7, 0, None, [])
    problem(client.get(f"{url}stats/?days=never"), 400, "days")


def test_a_provider_that_loads_nothing_says_so(client, actor):
    url = f"/api/models/{make_model(actor).public_id}/"
    assert "loaded" in problem(client.post(f"{url}load/"), 409)["detail"]
    problem(client.post(f"{url}unload/"), 409)


def test_the_built_in_engine_loads_and_unloads_a_practice_model(client, actor, monkeypatch):
    """The adapter is a recorder here; the engine itself has tests of its own."""
    done = []

    class Recorder:
        async def load(self, key, *, context_length=None, on_progress=None):
            done.append(("load", key, context_length))

        async def unload(self, key):
            done.append(("unload", key))

        async def aclose(self):
            done.append("closed")

        async def loaded(self):
            return []

        async def anything(self, *given):
            raise AssertionError("only loading and unloading was asked for")

        list_models = check = complete = stream = embed = download = download_progress = anything

    monkeypatch.setattr("apps.providers.services.loading.make_adapter", lambda connection: Recorder())
    model = services.builtin_ensure(actor.team.pk).models.first()
    url = f"/api/models/{model.public_id}/"
    assert client.post(f"{url}load/", {"context_length": 2048}).json()["state"] == "loaded"
    assert AIModel.objects.get(pk=model.pk).state == AIModel.State.LOADED
    assert client.post(f"{url}unload/").json()["state"] == "available"
    assert done == [("load", model.key, 2048), "closed", ("unload", model.key), "closed"]


# ── Who may ───────────────────────────────────────────────────────────────────────────────────────────────────────
def paths_of(provider, model):
    one, other = f"/api/providers/{provider.public_id}/", f"/api/models/{model.public_id}/"
    return [
        *(("get", path) for path in (one, other, f"{other}status/", f"{other}stats/")),
        *(("post", path) for path in (f"{one}toggle/", f"{one}check/", f"{one}models/sync/", f"{other}load/", f"{other}unload/")),
        ("post", f"{other}wait/"),
        *((method, path) for method in ("patch", "delete") for path in (one, other)),
    ]


def test_strangers_are_refused_and_other_teams_find_nothing(actor):
    model = make_model(actor)
    outsider = client_of(make_actor())
    for method, path in paths_of(model.provider, model):
        assert getattr(APIClient(), method)(path).status_code == 401, path
        problem(getattr(outsider, method)(path), 404)
    assert outsider.get("/api/providers/").json()["results"] == outsider.get("/api/models/").json()["results"] == []
    assert AIModel.objects.filter(pk=model.pk).exists()


def test_viewers_read_and_change_nothing(actor):
    model = make_model(actor)
    viewer = client_of(make_actor(Role.VIEWER, team=actor.team))
    for method, path in paths_of(model.provider, model):
        answer = getattr(viewer, method)(path)
        assert answer.status_code == (200 if method == "get" else 403), (method, path)
    problem(viewer.post("/api/providers/", OPENAI), 403)
    problem(viewer.post("/api/providers/discover/"), 403)
    assert viewer.get("/api/models/downloads/").status_code == 200
    problem(viewer.post("/api/models/downloads/", {"provider": str(model.provider.public_id), "name": "qwen/qwen3-4b"}), 403)


def test_the_schema_describes_every_path(client):
    paths = client.get("/api/schema/?format=json").json()["paths"]
    for path in (
        "/api/providers/", "/api/providers/{id}/toggle/", "/api/providers/{id}/check/", "/api/providers/{id}/models/sync/",
        "/api/providers/status/", "/api/providers/discover/", "/api/models/", "/api/models/with-status/",
        "/api/models/{id}/status/", "/api/models/{id}/load/", "/api/models/{id}/unload/", "/api/models/{id}/stats/",
        "/api/models/{id}/wait/", "/api/models/downloads/",
    ):  # fmt: skip
        assert path in paths
