"""Pages of the management of models, and the socket that keeps them fresh."""

from __future__ import annotations

import asyncio
import json
import threading
from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from apps.accounts.models import Role
from apps.common import live
from apps.common.hub import hub
from apps.providers import memory, selectors, services
from apps.providers.memory import Space
from apps.providers.models import AIModel, CallSlot, ModelLoad
from apps.providers.services.states import state_mark
from tests.factories import make_actor, signed_in
from tests.providers.rows import make_model, make_provider
from tests.servers.lmstudio import lmstudio
from tests.tasks.test_consumers import ask, connect, heard, session_cookie  # noqa: F401 - a fixture and its words

pytestmark = pytest.mark.django_db
GB = 10**9
LIST = "/models/"


@pytest.fixture(autouse=True)
def room(monkeypatch):
    space = {"ram": Space("ram", "", 64 * GB, 60 * GB), "gpus": []}
    monkeypatch.setattr(memory, "machine_memory", lambda: space["ram"])
    monkeypatch.setattr(memory, "gpus", lambda: space["gpus"])
    return space


@pytest.fixture
def client(actor):
    return signed_in(actor)


@pytest.fixture
def server():
    with lmstudio() as server:
        server.add("qwen/qwen3-8b", size_bytes=5 * GB)
        server.add("google/gemma-3-4b", size_bytes=3 * GB)
        yield server


@pytest.fixture
def model(actor, server):
    provider = make_provider(actor, kind="lmstudio", base_url=server.url)
    async_to_sync(services.models_sync)(actor, provider)
    return provider.models.get(key="qwen/qwen3-8b")


def html(answer) -> str:
    return answer.content.decode().replace("\u00a0", " ")


# ── The list ──────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_each_state_is_said_in_words_beside_its_picture(client, actor):
    provider = make_provider(actor, is_local=True)
    make_model(actor, make_provider(actor, is_local=False), key="at-a-vendor")
    for state in ("loaded", "loading", "available"):
        make_model(actor, provider, key=f"m-{state}", state=state)
    services.model_failed(make_model(actor, provider, key="m-failed"), "It ran out of memory.")
    page = html(client.get(LIST))
    for words in ("External", "Loaded", "Loading", "Failed", "Not loaded", "It ran out of memory."):
        assert words in page
    row = page[page.index('id="managed-') :]
    assert row.count("<svg") >= 5


def test_filters_are_in_the_address_and_narrow_the_list(client, actor):
    local, away = make_provider(actor, is_local=True), make_provider(actor, is_local=False)
    make_model(actor, local, key="in-memory", state="loaded", capabilities=["chat", "vision"], tier="local")
    make_model(actor, away, key="at-a-vendor", tier="top")
    make_model(actor, local, key="resting", tier="local")
    services.model_failed(AIModel.objects.get(key="resting"), "No.")

    def found(query):
        page = html(client.get(f"{LIST}?{query}"))
        return {key for key in ("in-memory", "at-a-vendor", "resting") if f">{key}</a>" in page}

    assert found("status=loaded") == found("capability=vision") == found("search=in-mem") == {"in-memory"}
    assert found("status=external") == found("tier=top") == found(f"provider={away.public_id}") == {"at-a-vendor"}
    assert found("status=failed") == {"resting"}
    assert found("status=loaded&tier=top") == set()
    assert client.get(f"{LIST}?status=nonsense").status_code == 400
    page = html(client.get(f"{LIST}?status=loaded"))
    assert 'href="?status=failed"' in page and 'aria-current="true"' in page


def test_the_list_goes_on_page_by_page_and_takes_no_query_for_each_model(client, actor, django_assert_max_num_queries):
    provider = make_provider(actor, is_local=True)
    for number in range(3):
        make_model(actor, provider, key=f"model-{number:03}")
    with django_assert_max_num_queries(15) as few:
        client.get(LIST)
    for number in range(3, 60):
        make_model(actor, provider, key=f"model-{number:03}", state="loaded")
    with django_assert_max_num_queries(len(few)):
        page = html(client.get(LIST))
    assert page.count('id="managed-') == 50 and 'rel="next"' in page
    second = html(client.get(LIST + page.split('rel="next" href="')[1].split('"')[0].replace("&amp;", "&")))
    assert second.count('id="managed-') == 10


def test_memory_is_on_top_and_what_is_unknown_is_said(client, actor, room):
    make_provider(actor, kind="lmstudio", base_url="http://192.168.7.7:1234", display_name="The big box")
    page = html(client.get(LIST))
    assert "60.0 GB free of 64.0 GB" in page and "The big box" in page and "unknown here" in page
    room["gpus"] = [Space("gpu", "RTX 4090", 24 * GB, 6 * GB)]
    assert "RTX 4090" in html(client.get(LIST)) and "6.0 GB free of 24.0 GB" in html(client.get(LIST))


def test_a_viewer_sees_states_and_no_buttons(actor, model):
    page = html(signed_in(make_actor(Role.VIEWER, team=actor.team)).get(LIST))
    assert str(model) in page and "/load/" not in page
    viewer = signed_in(make_actor(Role.VIEWER, team=actor.team))
    assert viewer.post(f"/models/{model.public_id}/load/").status_code == 403


# ── Loading ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_load_begins_from_a_form_with_what_its_server_takes_and_the_page_may_be_left(client, model):
    url = f"/models/{model.public_id}/load/"
    page = html(client.get(f"{url}?back=/models/%3Ftier%3Dlocal"))
    assert 'name="flash_attention"' in page and 'name="gpu_layers"' not in page
    answer = client.post(url, {"context_length": "8192", "flash_attention": "1", "back": "/models/?tier=local"})
    assert (answer.status_code, answer["Location"]) == (302, "/models/?tier=local")
    load = ModelLoad.objects.get()
    assert load.options == {"context_length": 8192, "flash_attention": True}
    page = html(client.get(LIST))
    assert "Waiting for a worker" in page and "/load/cancel/" in page
    async_to_sync(services.load_run)(load.pk)
    assert "/unload/" in html(client.get(LIST))
    assert "Last loads" in html(client.get(f"/models/{model.public_id}/"))


def test_a_form_leads_back_to_our_own_pages_alone(client):
    for elsewhere in ("https://evil.example/", "//evil.example/", "javascript:alert(1)"):
        answer = client.post("/models/reset-failed/", {"back": elsewhere})
        assert answer["Location"] == LIST


def test_what_does_not_fit_is_explained_and_can_be_loaded_all_the_same(client, model, room):
    room["ram"] = Space("ram", "", 16 * GB, 4 * GB)
    answer = client.post(f"/models/{model.public_id}/load/", {})
    assert answer.status_code == 409 and "1.0 GB too little" in html(answer) and "Load it all the same" in html(answer)
    assert not ModelLoad.objects.exists()
    assert client.post(f"/models/{model.public_id}/load/", {"force": "1"}).status_code == 302
    assert ModelLoad.objects.get().options == {"despite_memory": True}


def test_unloading_what_is_in_use_asks_first(client, actor, model):
    async_to_sync(services.model_load)(actor, model)
    CallSlot.objects.create(provider=model.provider, model=model, expires_at=timezone.now() + timedelta(seconds=30))
    url = f"/models/{model.public_id}/unload/"
    answer = client.post(url)
    assert answer.status_code == 409 and "answering 1 call" in html(answer)
    client.post(url, {"force": "1"})
    assert AIModel.objects.get(pk=model.pk).state == "available"


def test_a_model_of_a_vendor_has_nothing_to_load(client, actor):
    assert client.get(f"/models/{make_model(actor).public_id}/load/").status_code == 409


# ── The other pages ───────────────────────────────────────────────────────────────────────────────────────────────────
def test_what_failed_is_reset_from_the_page(client, actor):
    model = make_model(actor)
    services.model_failed(model, "No.")
    client.post("/models/reset-failed/")
    assert selectors.model_row(AIModel.objects.with_breakers().get(pk=model.pk))["status"] != "failed"


def test_another_model_is_suggested_with_reasons(client, actor):
    failed, good = make_model(actor), make_model(actor, key="the-good-one")
    make_model(actor, key="deaf", capabilities=["embeddings"])
    page = html(client.get(f"/models/{failed.public_id}/suggest/"))
    assert page.index(str(good)) < page.index("Why not the others") < page.index("It lacks what is needed")


def test_the_page_of_recommendations_says_why(client, actor):
    make_model(actor, key="the-good-one", is_active=True)
    assert "Nothing was measured of it yet." in html(client.get("/models/recommend/?category=code_generation"))
    assert client.get("/models/recommend/?category=nonsense").status_code == 200


def test_found_models_are_looked_for_taken_and_ignored(client, actor, model, server):
    server.add("new/one")
    server.add("new/two")
    async_to_sync(services.listings_refresh)(actor)
    assert "2 new models were found" in html(client.get(LIST))
    one, two = (selectors.discoveries_visible(actor).get(model_key=key) for key in ("new/one", "new/two"))
    client.post(f"/models/found/{one.public_id}/accept/")
    client.post(f"/models/found/{two.public_id}/ignore/")
    assert "Nothing new" in html(client.get("/models/found/"))
    assert "New/Two" in html(client.get("/models/found/?state=ignored"))
    assert model.provider.models.filter(key="new/one").exists()


def test_a_download_is_started_and_shown_with_its_bytes_and_what_was_checked(client, actor, model):
    given = {"provider": str(model.provider.public_id), "name": "qwen/qwen3-4b"}
    assert client.post("/models/downloads/", given).status_code == 302
    assert "size unknown" not in html(client.get("/models/downloads/"))
    for _ in range(4):
        model.provider.downloads.update(checked_at=None)
        async_to_sync(services.downloads_refresh)(actor)
    page = html(client.get("/models/downloads/"))
    assert "Whole" in page and "tells no hash" in page
    refused = client.post("/models/downloads/", {**given, "name": "nobody/nothing"})
    assert refused.status_code == 400 and "No such model" in html(refused)


def test_the_order_of_suggestions_is_set_on_a_page_by_admins(client, actor):
    given = {"suggestion_order": "loaded,not_loaded,external", "listing_fresh_s": "60"}
    assert client.post("/models/settings/", given).status_code == 302
    assert selectors.model_settings(actor).suggestion_order == ["loaded", "not_loaded", "external"]
    assert client.post("/models/settings/", {**given, "listing_fresh_s": "1"}).status_code == 400
    member = signed_in(make_actor(Role.MEMBER, team=actor.team))
    assert client.get("/models/settings/").status_code == member.get("/models/settings/").status_code == 200
    assert member.post("/models/settings/", given).status_code == 403


# ── The socket ────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def one_hub():
    yield
    live.wire().close()
    live._wire.cache_clear()
    hub.cache_clear()


async def until_heard(socket, wanted):
    for _message in range(40):
        message = await heard(socket)
        if message["type"] == "model:update" and wanted(message["data"]):
            return message["data"]
    raise AssertionError("it was never said")


@pytest.mark.django_db(transaction=True)
async def test_the_socket_tells_every_change_of_state_of_the_team(connect, one_hub, actor, model):  # noqa: F811
    socket = await connect(await asyncio.to_thread(session_cookie, actor))
    snapshot = (await ask(socket, {"type": "models:subscribe"}))["data"]
    assert snapshot["event"] == "snapshot" and snapshot["is_whole"]
    assert {row["model"] for row in snapshot["models"]} == {"qwen/qwen3-8b", "google/gemma-3-4b"}
    row = await services.load_start(actor, model)
    said = await until_heard(socket, lambda data: data["event"] == "state" and data["model"]["load"])
    assert (said["model"]["status"], said["model"]["load"]["state"]) == ("loading", "queued")
    await services.load_run(row.pk)
    said = await until_heard(socket, lambda data: data["model"]["status"] == "loaded")
    assert said["model"]["id"] == str(model.public_id) and said["model"]["loaded_context"]
    await asyncio.to_thread(services.model_failed, model, "It ran out of memory.")
    said = await until_heard(socket, lambda data: data["model"]["status"] == "failed")
    assert said["model"]["last_error"] == "It ran out of memory."
    assert (await ask(socket, {"type": "models:unsubscribe"}))["type"] == "models:unsubscribed"


@pytest.mark.django_db(transaction=True)
async def test_progress_that_a_server_tells_is_told_on(connect, one_hub, actor, model):  # noqa: F811
    socket = await connect(await asyncio.to_thread(session_cookie, actor))
    await ask(socket, {"type": "models:subscribe"})
    load = await services.load_start(actor, model)

    def say() -> None:
        ModelLoad.objects.filter(pk=load.pk).update(state="loading", progress=0.25)
        state_mark(model, AIModel.State.LOADING)

    await asyncio.to_thread(say)
    said = await until_heard(socket, lambda data: data["event"] == "state" and data["model"]["load"]["progress"] is not None)
    assert said["model"]["load"]["progress"] == 0.25


@pytest.mark.django_db(transaction=True)
async def test_another_team_hears_nothing(connect, one_hub, actor, model):  # noqa: F811
    outsider = await asyncio.to_thread(make_actor)
    socket = await connect(await asyncio.to_thread(session_cookie, outsider))
    assert (await ask(socket, {"type": "models:subscribe"}))["data"]["models"] == []
    await asyncio.to_thread(services.model_failed, model, "It ran out of memory.")
    mine = await asyncio.to_thread(make_model, outsider)
    await asyncio.to_thread(services.model_failed, mine, "Mine.")
    said = json.loads(await socket.receive_from(timeout=5))
    assert said["data"]["model"]["last_error"] == "Mine."


def test_a_download_is_told_to_those_who_watch(actor, model, monkeypatch, django_capture_on_commit_callbacks):
    told = []
    monkeypatch.setattr(live, "publish", lambda topic, type, data: told.append((topic, type, data)))
    with django_capture_on_commit_callbacks(execute=True):
        async_to_sync(services.download_start)(actor, model.provider, name="qwen/qwen3-4b")
    (topic, kind, hint) = told[-1]
    assert (topic, kind) == (f"models:{actor.team.public_id}", "models:changed")
    assert hint["downloads"] == [str(model.provider.downloads.get().public_id)]


@pytest.mark.django_db(transaction=True)
def test_two_people_who_load_the_same_model_make_one_copy(actor, model, server):
    server.load_s = 0.3
    threads = [threading.Thread(target=async_to_sync(services.model_load), args=[actor, model]) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert server.count("/api/v1/models/load") == 1
    assert list(ModelLoad.objects.values_list("state", flat=True)) == ["loaded"]
