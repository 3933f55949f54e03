"""Loading in the background, memory, suggestions, recommendations, found models: with LM Studio and the engine behind them."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta
from decimal import Decimal

import pytest
from asgiref.sync import async_to_sync
from django.db import OperationalError
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.models import Role
from apps.common.errors import BadInput, Conflict, NotAllowed
from apps.providers import discovery, jobs, memory, selectors, services
from apps.providers.contract import LoadOptions
from apps.providers.engine.factory import engine_host
from apps.providers.errors import DoesNotFit, LoadUnderWay, ModelInUse, NotSupported
from apps.providers.memory import Space
from apps.providers.models import AIModel, Breaker, CallSlot, ModelDiscovery, ModelLoad, QualityMetric
from apps.providers.services import bell, fitting, loading
from tests.factories import make_actor
from tests.providers.rows import make_model, make_provider
from tests.servers.lmstudio import lmstudio

pytestmark = pytest.mark.django_db
GB = 10**9
load = async_to_sync(services.model_load)
load_start = async_to_sync(services.load_start)
load_run = async_to_sync(services.load_run)
unload = async_to_sync(services.model_unload)
refresh = async_to_sync(services.listings_refresh)


@pytest.fixture
def client(actor):
    client = APIClient()
    client.force_login(actor.user)
    return client


@pytest.fixture(autouse=True)
def room(monkeypatch):
    """The machine's memory, which a test may change."""
    space = {"ram": Space("ram", "", 64 * GB, 60 * GB), "gpus": []}
    monkeypatch.setattr(memory, "machine_memory", lambda: space["ram"])
    monkeypatch.setattr(memory, "gpus", lambda: space["gpus"])
    return space


@pytest.fixture
def server():
    with lmstudio() as server:
        server.add("qwen/qwen3-8b", size_bytes=5 * GB)
        server.add("google/gemma-3-4b", size_bytes=3 * GB)
        yield server


@pytest.fixture
def provider(actor, server):
    provider = make_provider(actor, kind="lmstudio", base_url=server.url)
    async_to_sync(services.models_sync)(actor, provider)
    return provider


@pytest.fixture
def model(provider):
    return provider.models.get(key="qwen/qwen3-8b")


@pytest.fixture
def other(provider):
    return provider.models.get(key="google/gemma-3-4b")


def shown(model):
    return selectors.model_row(AIModel.objects.with_breakers().get(pk=model.pk))


def until(condition, *, patience_s=10.0):
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


# ── Loading ───────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_load_is_a_row_that_a_worker_takes_up(actor, model, server):
    row = load_start(actor, model, context_length=8192, options=LoadOptions(flash_attention=True))
    assert (row.state, row.is_open, shown(model)["status"]) == ("queued", True, "loading")
    assert load_run(row.pk) is None
    row.refresh_from_db()
    assert (row.state, row.is_open, row.options) == ("loaded", None, {"context_length": 8192, "flash_attention": True})
    state = shown(model)
    assert (state["status"], state["loaded_context"], state["load"]) == ("loaded", 8192, None)
    body = next(body for _method, path, body in server.asked if path == "/api/v1/models/load")
    assert body == {"model": "qwen/qwen3-8b", "context_length": 8192, "flash_attention": True}


def test_a_load_that_is_under_way_is_not_begun_twice(actor, model):
    first = load_start(actor, model)
    assert load_start(actor, model) == first
    assert ModelLoad.objects.count() == 1
    load_run(first.pk)
    assert load_run(first.pk) is None  # the doorbell rang twice
    assert load_start(actor, model) != first


def test_an_option_that_its_server_has_no_word_for_is_refused(actor, model, client):
    with pytest.raises(NotSupported, match="gpu_layers"):
        load_start(actor, model, options=LoadOptions(gpu_layers=4))
    assert client.post(f"/api/models/{model.public_id}/load/", {"gpu_layers": 4}).status_code == 409
    assert not ModelLoad.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_models_of_one_host_are_loaded_one_after_the_other(actor, model, other, server):
    server.load_s = 0.4
    rows = [load_start(actor, model), load_start(actor, other)]
    threads = [threading.Thread(target=load_run, args=[row.pk]) for row in rows]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=20)
    assert set(ModelLoad.objects.values_list("state", flat=True)) == {"loaded"}
    assert server.most_loading == 1


@pytest.mark.django_db(transaction=True)
def test_a_load_that_is_given_up_leaves_nothing_in_memory(actor, model, server, monkeypatch):
    monkeypatch.setattr("apps.providers.adapters.lmstudio.memory.GRACE_S", 1.0)
    server.load_s = 30.0
    row = load_start(actor, model)
    thread = threading.Thread(target=load_run, args=[row.pk])
    thread.start()
    until(lambda: server.loading == 1)
    services.load_cancel(actor, model)
    assert shown(model)["load"]["is_unwanted"]
    thread.join(timeout=20)
    row.refresh_from_db()
    assert (row.state, row.is_open, shown(model)["status"]) == ("cancelled", None, "not_loaded")
    assert not server.models[model.key].instances
    with pytest.raises(Conflict):
        services.load_cancel(actor, model)


def test_a_load_goes_on_while_the_database_is_away_for_a_moment(actor, model, server, monkeypatch):
    server.load_s = 1.2
    looks, looked = [], loading.load_is_unwanted

    def away_at_first(load, progress):
        looks.append(progress)
        if len(looks) == 1:
            raise OperationalError("gone away")
        return looked(load, progress)

    monkeypatch.setattr(loading, "load_is_unwanted", away_at_first)
    row = load_start(actor, model)
    assert load_run(row.pk) is None
    row.refresh_from_db()
    assert row.state == "loaded" and len(looks) > 1


def test_a_load_that_nobody_has_begun_is_given_up_at_once(actor, model, server):
    row = load_start(actor, model)
    services.load_cancel(actor, model)
    row.refresh_from_db()
    assert row.state == "cancelled" and load_run(row.pk) is None
    assert server.count("/api/v1/models/load") == 0


def test_a_load_whose_worker_died_ends_and_one_that_was_not_heard_of_is_found(actor, model, other):
    lost, waiting = load_start(actor, model), load_start(actor, other)
    ModelLoad.objects.filter(pk=lost.pk).update(state="loading", alive_at=timezone.now() - timedelta(minutes=1))
    assert services.loads_tidy() == [waiting.pk]
    lost.refresh_from_db()
    assert (lost.state, shown(model)["status"]) == ("failed", "not_loaded") and "died" in lost.message


def test_a_load_that_fails_says_why_and_is_not_tried_again_for_a_while(actor, model, server, client):
    server.models[model.key].refuses_to_load = (500, {"error": "insufficient VRAM"})
    answer = client.post(f"/api/models/{model.public_id}/load/")
    assert answer.status_code == 502 and "insufficient VRAM" in answer.json()["detail"]
    state = client.get(f"/api/models/{model.public_id}/status/").json()
    assert (state["status"], state["mark"], state["is_usable"]) == ("failed", "❌", False)
    assert "insufficient VRAM" in state["last_error"] and state["failed_until"]
    assert client.get("/api/models/with-status/?status=failed").json()["results"][0]["id"] == str(model.public_id)
    assert client.post(f"/api/models/{model.public_id}/reset/").json()["status"] == "not_loaded"


def test_rest_loads_in_the_background_and_waits(actor, model, client, server):
    url = f"/api/models/{model.public_id}/"
    begun = client.post(f"{url}load/", {"wait": False}, format="json")
    assert begun.status_code == 202 and begun.json()["load"]["state"] == "queued"
    assert begun.json()["load"]["progress"] is None  # LM Studio does not say how far it is
    assert client.post(f"{url}unload/").json()["code"] == "load_under_way"
    load_run(ModelLoad.objects.get().pk)
    assert client.post(f"{url}wait/", {"timeout_s": 5}, format="json").json()["status"] == "loaded"
    assert client.post(f"{url}unload/").json()["status"] == "not_loaded"


# ── Memory ────────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_a_model_larger_than_the_free_memory_is_refused_with_how_much_is_missing_and_what_could_go(
    actor, model, other, client, room, server
):
    load(actor, other)
    room["ram"] = Space("ram", "", 16 * GB, 4 * GB)
    answer = client.post(f"/api/models/{model.public_id}/load/")
    told = answer.json()
    assert (answer.status_code, told["code"], told["missing_bytes"], told["memory"]) == (409, "does_not_fit", 1 * GB, "ram")
    assert [one["model"] for one in told["could_go"]] == ["google/gemma-3-4b"]
    assert "1.0 GB too little" in told["detail"] and "Gemma" in told["detail"]
    assert server.count("/api/v1/models/load") == 1
    assert client.post(f"/api/models/{model.public_id}/load/", {"force": True}).json()["status"] == "loaded"


def test_a_model_larger_than_all_memory_is_told_so(actor, model, room):
    room["ram"] = Space("ram", "", 4 * GB, 3 * GB)
    with pytest.raises(DoesNotFit, match="larger than all there is"):
        load(actor, model)


def test_the_gpu_counts_where_there_is_one(actor, model, room):
    room["gpus"] = [Space("gpu", "RTX", 4 * GB, 2 * GB), Space("gpu", "RTX", 4 * GB, 2 * GB)]
    with pytest.raises(DoesNotFit) as refused:
        load(actor, model)
    assert (refused.value.extra["memory"], refused.value.extra["missing_bytes"]) == ("gpu", 1 * GB)


def test_of_a_server_on_another_machine_nothing_is_guessed(actor, room):
    away = make_model(actor, make_provider(actor, kind="lmstudio", base_url="http://192.168.7.7:1234"), size_bytes=500 * GB)
    fit = fitting.fit_of(away)
    assert (fit.space, fit.fits) == (None, None)
    assert str(away.provider) in selectors.memory_overview(actor)["unknown"]


def test_what_is_answering_is_not_unloaded_unless_told_to(actor, model, client, server):
    load(actor, model)
    CallSlot.objects.create(provider=model.provider, model=model, expires_at=timezone.now() + timedelta(seconds=30))
    with pytest.raises(ModelInUse):
        unload(actor, model)
    refused = client.post(f"/api/models/{model.public_id}/unload/")
    assert (refused.status_code, refused.json()["code"], refused.json()["calls"]) == (409, "model_in_use", 1)
    assert server.models[model.key].instances
    assert client.post(f"/api/models/{model.public_id}/unload/", {"force": True}).json()["status"] == "not_loaded"


def test_a_call_whose_process_was_killed_holds_up_no_unloading(actor, model):
    load(actor, model)
    CallSlot.objects.create(provider=model.provider, model=model, expires_at=timezone.now() - timedelta(seconds=1))
    assert unload(actor, model).state == "available"


def test_what_is_being_loaded_is_not_unloaded(actor, model):
    load_start(actor, model)
    with pytest.raises(LoadUnderWay):
        unload(actor, model)


def test_the_built_in_engine_loads_with_a_context_and_gives_up(actor, room):
    provider = services.builtin_ensure(actor.team.pk)
    model = provider.models.get(key="practice-good")
    try:
        load(actor, model, context_length=256, options=LoadOptions(gpu_layers=0))
        state = shown(model)
        assert (state["status"], state["loaded_context"]) == ("loaded", 256) and state["memory_bytes"] > 1_000_000
        unload(actor, model)
        room["ram"] = Space("ram", "", 64 * GB, 1_000)
        with pytest.raises(DoesNotFit, match="about"):
            load(actor, model)
    finally:
        async_to_sync(engine_host().unload)(engine_host().find("practice-good").path)


def test_a_start_of_the_engine_is_given_up_from_another_thread():
    host = engine_host()
    path = host.find("practice-bad").path

    async def start_and_cancel():
        starting = asyncio.create_task(host.ensure(path))
        deadline = time.monotonic() + 10
        while not list(host.run_dir.glob("*.json")) and time.monotonic() < deadline and not starting.done():
            await asyncio.sleep(0.001)
        await host.cancel(path)
        return (await asyncio.gather(starting, return_exceptions=True))[0]

    async_to_sync(start_and_cancel)()
    assert path not in [state.path for state in host.loaded()]


def test_the_file_of_a_practice_model_is_whole(actor, client):
    model = services.builtin_ensure(actor.team.pk).models.get(key="practice-bad")
    checks = client.post(f"/api/models/{model.public_id}/verify/").json()["checks"]
    assert [(one["what"], one["result"]) for one in checks] == [("header", "ok"), ("hash", "ok")]
    assert client.post(f"/api/models/{make_model(actor).public_id}/verify/").status_code == 409


# ── Who could take over ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.fixture
def crowd(actor, model, other, server):
    """A vendor's, one in memory, one that is not, a practice model, one that lacks something, one that failed."""
    services.builtin_ensure(actor.team.pk)
    load(actor, other)
    vendor = make_provider(actor, kind="openai", base_url="", api_key="sk-test-0123456789")
    server.add("mistral/small", size_bytes=1 * GB)
    async_to_sync(services.models_sync)(actor, model.provider)
    AIModel.objects.filter(provider=model.provider).update(capabilities=["chat", "json"])
    failed = make_model(actor, vendor, key="gpt-broken", capabilities=["chat", "json"])
    services.model_failed(failed, "It ran out of memory.")
    return {
        "external": make_model(actor, vendor, key="gpt-good", capabilities=["chat", "json"]),
        "loaded": other,
        "not_loaded": AIModel.objects.get(key="mistral/small"),
        "lacking": make_model(actor, vendor, key="gpt-deaf", capabilities=["embeddings"]),
        "failed": failed,
    }


def test_alternatives_come_in_the_teams_order_with_a_reason_for_each_that_cannot(actor, model, crowd, client):
    model.refresh_from_db()
    url = f"/api/models/{model.public_id}/suggest-alternative/"
    told = client.get(url).json()
    assert [one["model"]["model"] for one in told["alternatives"]] == ["gpt-good", "google/gemma-3-4b", "mistral/small"]
    assert [one["group"] for one in told["alternatives"]] == ["external", "loaded", "not_loaded"]
    assert told["suggestion"] == told["alternatives"][0] and not told["practice_only"]
    why = {one["model"]: one["reason"] for one in told["rejected"]}
    assert "ran out of memory" in why["gpt-broken"] and "json" in why["gpt-deaf"]
    assert all("practice" in why[key].lower() for key in ("practice-good", "practice-bad"))
    client.patch("/api/models/settings/", {"suggestion_order": ["loaded", "not_loaded", "external"]}, format="json")
    assert [one["group"] for one in client.get(url).json()["alternatives"]] == ["loaded", "not_loaded", "external"]


def test_one_that_would_not_fit_is_no_alternative(actor, model, crowd, room):
    room["ram"] = Space("ram", "", 64 * GB, GB // 2)
    model.refresh_from_db()
    found = selectors.suggest_alternative(actor, model)
    assert "mistral/small" not in [one.model.key for one in found.found]
    assert any("500 MB of memory is missing" in one.reason for one in found.rejected)


def test_practice_models_are_suggested_only_when_there_is_nothing_else(actor):
    practice = services.builtin_ensure(actor.team.pk).models.first()
    found = selectors.suggest_alternative(actor, practice)
    assert found.practice_only and all(one.model.is_practice for one in found.found)


def test_in_a_group_the_best_measured_comes_first(actor):
    vendor = make_provider(actor, kind="openai", base_url="", api_key="sk-test-0123456789")
    models = {
        key: make_model(actor, vendor, key=key, price_output=price) for key, price in (("cheap", 1), ("good", 9), ("bad", 0))
    }
    QualityMetric.objects.create(model=models["good"], category="code", executions=20, successes=20)
    QualityMetric.objects.create(model=models["bad"], category="code", executions=20, successes=2)
    asked = make_model(actor)
    assert [one.model.key for one in selectors.suggest_alternative(actor, asked).found] == ["good", "cheap", "bad"]


def test_a_recommendation_says_where_its_points_come_from(actor, model, other, client, server):
    load(actor, other)
    QualityMetric.objects.create(
        model=model, category="code_generation", executions=30, successes=29, validations=20, validation_score_sum=Decimal(1800)
    )
    QualityMetric.objects.create(model=other, category="code_generation", executions=30, successes=10)
    told = client.get("/api/models/recommend/?category=code_generation").json()
    first, second = told["recommended"]
    assert (first["model"]["model"], second["model"]["model"]) == ("qwen/qwen3-8b", "google/gemma-3-4b")
    assert first["points"] > second["points"]
    assert any("30 tasks of this kind: 97 %" in one and "90 of 100" in one for one in first["reasons"])
    assert any("fits" in one for one in first["reasons"]) and any("In memory" in one for one in second["reasons"])
    told = client.get("/api/models/recommend/?category=visual_analysis").json()
    assert told["recommended"] == [] and all("vision" in one["reason"] for one in told["rejected"])


# ── What failed ───────────────────────────────────────────────────────────────────────────────────────────────────────
def test_resetting_all_closes_the_breakers_of_models_and_of_their_providers(actor, client):
    one, two = make_model(actor), make_model(actor)
    services.model_failed(one, "No.")
    Breaker.objects.create(provider=two.provider, state="open", until=timezone.now() + timedelta(minutes=5), message="No.")
    broken = make_model(actor, state="failed", last_error="The file is cut short.")
    assert client.post("/api/models/reset-failed/").json() == {"reset": 3}
    assert not Breaker.objects.exclude(state="closed").exists()
    assert {shown(model)["is_usable"] for model in (one, two, broken)} == {True}
    assert client.post("/api/models/reset-failed/").json() == {"reset": 0}


# ── Found models ──────────────────────────────────────────────────────────────────────────────────────────────────────
def keys(provider):
    return set(provider.models.values_list("key", flat=True))


def test_a_model_that_turns_up_is_offered_and_taken_or_ignored(actor, provider, client, server):
    server.add("new/one", size_bytes=2 * GB)
    server.add("new/two")
    refresh(actor)
    assert "new/one" not in keys(provider)
    rows = {row["model_key"]: row for row in client.get("/api/models/discovered/?state=new").json()["results"]}
    assert set(rows) == {"new/one", "new/two"}
    taken = client.post(f"/api/models/discovered/{rows['new/one']['id']}/accept/").json()
    assert (taken["key"], taken["size_bytes"]) == ("new/one", 2 * GB)
    assert client.post(f"/api/models/discovered/{rows['new/two']['id']}/ignore/").json()["state"] == "ignored"
    refresh(actor)
    async_to_sync(services.models_sync)(actor, provider)  # also when somebody fetches the list
    assert keys(provider) == {"qwen/qwen3-8b", "google/gemma-3-4b", "new/one"}
    assert client.post(f"/api/models/discovered/{rows['new/two']['id']}/accept/").status_code == 200
    assert "new/two" in keys(provider)
    assert client.post(f"/api/models/discovered/{rows['new/one']['id']}/ignore/").status_code == 409


def test_what_somebody_fetches_is_added_at_once_and_counts_as_accepted(actor, provider, server):
    server.add("new/one")
    refresh(actor)
    async_to_sync(services.models_sync)(actor, provider)
    assert "new/one" in keys(provider)
    assert ModelDiscovery.objects.get().state == "accepted"


def test_a_look_brings_the_states_up_to_date(actor, model, server):
    server.models[model.key].add_instance(2048)
    refresh(actor)
    assert (shown(model)["status"], shown(model)["loaded_context"]) == ("loaded", 2048)
    server.models[model.key].instances.clear()
    refresh(actor)
    assert shown(model)["status"] == "not_loaded"


def test_a_look_does_not_end_a_load_that_is_under_way(actor, model):
    load_start(actor, model)
    AIModel.objects.filter(pk=model.pk).update(state="loading")
    refresh(actor)
    assert AIModel.objects.get(pk=model.pk).state == "loading"


def test_a_server_that_fell_silent_has_nothing_known_in_memory(actor, model, server):
    load(actor, model)
    server.token = "another"
    refresh(actor)
    state = shown(model)
    assert (state["status"], state["loaded_context"]) == ("unknown", None)
    model.provider.refresh_from_db()
    assert model.provider.last_check_ok is False


def test_lists_are_asked_for_again_when_they_are_old_and_by_one_process(actor, provider, server):
    due = async_to_sync(services.listings_refresh_due)
    assert due() == 0  # it was just fetched
    services.model_settings_update(actor, listing_fresh_s=10)
    provider.refresh_from_db()
    provider.listed_at = timezone.now() - timedelta(seconds=11)
    provider.save()
    server.add("new/one")
    assert (due(), due()) == (1, 0)
    assert ModelDiscovery.objects.get().model_key == "new/one"


def test_a_server_that_was_found_becomes_a_provider_when_its_model_is_taken(actor, server, client, monkeypatch):
    monkeypatch.setattr(discovery, "PORTS", {server.port: ("lmstudio",)})
    client.post("/api/providers/discover/")
    client.post("/api/providers/discover/")
    rows = {row.model_key: row for row in selectors.discoveries_visible(actor)}
    assert set(rows) == {"qwen/qwen3-8b", "google/gemma-3-4b"}
    assert {(row.provider, row.state) for row in rows.values()} == {(None, "new")}
    taken = client.post(f"/api/models/discovered/{rows['qwen/qwen3-8b'].public_id}/accept/")
    assert taken.status_code == 200, taken.content
    model = AIModel.objects.get(key="qwen/qwen3-8b")
    assert (model.provider.kind, model.size_bytes) == ("lmstudio", 5 * GB)
    assert keys(model.provider) == {"qwen/qwen3-8b"}
    rest = ModelDiscovery.objects.get(model_key="google/gemma-3-4b")
    assert (rest.provider, rest.state, rest.address) == (model.provider, "new", None)


def test_a_member_cannot_add_a_server_that_was_found(actor, server, monkeypatch):
    monkeypatch.setattr(discovery, "PORTS", {server.port: ("lmstudio",)})
    async_to_sync(services.discover)(actor)
    member = make_actor(Role.MEMBER, team=actor.team)
    with pytest.raises(BadInput, match="admin"):
        async_to_sync(services.discovery_accept)(member, selectors.discoveries_visible(actor).first())
    assert not AIModel.objects.filter(key="qwen/qwen3-8b").exists()


# ── What the team sets ────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"suggestion_order": ["loaded"]}, "suggestion_order"),
        ({"suggestion_order": ["loaded", "loaded", "external"]}, "suggestion_order"),
        ({"listing_fresh_s": 1}, "listing_fresh_s"),
        ({"listing_fresh_s": 0}, "listing_fresh_s"),
    ],
)
def test_settings_that_make_no_sense_are_refused(client, given, field):
    answer = client.patch("/api/models/settings/", given, format="json")
    assert answer.status_code == 400 and answer.json()["errors"][0]["field"] == field


def test_only_admins_change_the_settings(actor):
    with pytest.raises(NotAllowed):
        services.model_settings_update(make_actor(Role.MEMBER, team=actor.team), listing_fresh_s=60)


# ── Integrity ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def finished(client, actor, provider, server, name, **job):
    download = client.post("/api/models/downloads/", {"provider": str(provider.public_id), "name": name}).json()
    for about, value in job.items():
        setattr(server.jobs["job/1"], about, value)
    row = provider.downloads.get()
    for _ in range(4):
        provider.downloads.update(checked_at=timezone.now() - timedelta(seconds=2))
        async_to_sync(services.downloads_refresh)(actor)
    row.refresh_from_db()
    assert str(row.public_id) == download["id"]
    return row


def test_a_download_whose_bytes_are_all_there_is_whole_and_its_hash_is_said_to_be_unknown(client, actor, provider, server):
    row = finished(client, actor, provider, server, "qwen/qwen3-4b")
    checks = {one["what"]: one["result"] for one in row.integrity_checks}
    assert (row.state, row.integrity) == ("completed", "whole")
    assert checks == {"listed": "ok", "bytes": "ok", "size": "ok", "hash": "unknown"}


def test_a_download_that_is_called_complete_but_lacks_bytes_is_damaged(client, actor, provider, server):
    row = finished(client, actor, provider, server, "qwen/qwen3-4b", total_bytes=9_000)
    assert (row.state, row.integrity) == ("completed", "damaged")


def test_a_download_of_unknown_size_cannot_be_told_to_be_whole(client, actor, provider, server):
    server.size_is_known = False
    row = finished(client, actor, provider, server, "qwen/qwen3-4b")
    assert (row.state, row.integrity, row.percent) == ("completed", "unproven", None)


def test_the_watch_asks_about_downloads_that_nobody_looks_at(actor, provider, server, client):
    client.post("/api/models/downloads/", {"provider": str(provider.public_id), "name": "qwen/qwen3-4b"})
    async_to_sync(services.downloads_refresh)()
    assert provider.downloads.get().downloaded_bytes == 1_000


# ── The watch ─────────────────────────────────────────────────────────────────────────────────────────────────────────
def test_the_watch_rings_again_for_loads_that_nobody_heard_of(actor, model, monkeypatch):
    rung = []
    monkeypatch.setattr(jobs, "ring", rung.append)
    row = load_start(actor, model)
    jobs.watch.look()
    assert rung == [row.pk]
    jobs.load(row.pk)
    jobs.watch.look()
    row.refresh_from_db()
    assert (row.state, rung) == ("loaded", [row.pk])


def test_the_message_is_sent_when_the_load_is_committed(actor, model, monkeypatch, django_capture_on_commit_callbacks):
    sent = []
    monkeypatch.setattr(bell.current_app, "send_task", lambda name, **more: sent.append((name, more["args"])))
    with django_capture_on_commit_callbacks(execute=True):
        row = load_start(actor, model)
    assert sent == [("providers.load", [row.pk])] and jobs.load.name == "providers.load"
