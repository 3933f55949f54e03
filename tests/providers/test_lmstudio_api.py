"""Loading, waiting, unloading and downloading over REST, with LM Studio behind it."""

from __future__ import annotations

from datetime import timedelta

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone
from rest_framework.test import APIClient

from apps.providers import memory, services
from apps.providers.models import AIModel, ModelDownload
from tests.factories import make_actor
from tests.providers.rows import make_model, make_provider
from tests.servers.lmstudio import lmstudio

pytestmark = pytest.mark.django_db
DOWNLOADS = "/api/models/downloads/"


@pytest.fixture
def client(actor):
    client = APIClient()
    client.force_login(actor.user)
    return client


@pytest.fixture(autouse=True)
def much_memory(monkeypatch):
    monkeypatch.setattr(memory, "machine_memory", lambda: memory.Space("ram", "", 64 * 2**30, 60 * 2**30))
    monkeypatch.setattr(memory, "gpus", list)


@pytest.fixture
def server():
    with lmstudio() as server:
        server.add("qwen/qwen3-8b")
        yield server


@pytest.fixture
def provider(actor, server):
    provider = make_provider(actor, kind="lmstudio", base_url=server.url)
    async_to_sync(services.models_sync)(actor, provider)
    return provider


@pytest.fixture
def url(provider):
    return f"/api/models/{provider.models.get().public_id}/"


def start(client, provider, name, **more):
    return client.post(DOWNLOADS, {"provider": str(provider.public_id), "name": name, **more})


def progress(client):
    """As a page sees it that asks again a second later."""
    ModelDownload.objects.update(checked_at=timezone.now() - timedelta(seconds=2))
    return client.get(DOWNLOADS).json()["results"]


def test_a_model_is_loaded_waited_for_and_unloaded(client, url, server):
    assert client.post(f"{url}load/", {"context_length": 8192}, format="json").json()["state"] == "loaded"
    assert server.models["qwen/qwen3-8b"].instances == {"qwen/qwen3-8b": 8192}
    assert client.post(f"{url}wait/").json()["state"] == "loaded"
    assert client.post(f"{url}unload/").json()["state"] == "available"
    assert not server.models["qwen/qwen3-8b"].instances


def test_waiting_sees_what_others_loaded_and_that_it_is_gone_again(client, url, server):
    assert client.post(f"{url}wait/", {"timeout_s": 0}, format="json").json()["state"] == "available"
    server.models["qwen/qwen3-8b"].add_instance()
    assert client.post(f"{url}wait/", {"timeout_s": 5}, format="json").json()["state"] == "loaded"
    server.models["qwen/qwen3-8b"].instances.clear()
    assert client.post(f"{url}wait/", {"timeout_s": 0}, format="json").json()["state"] == "available"
    assert AIModel.objects.get().state == "available"


def test_waiting_ends_at_once_when_the_load_failed(client, url, server):
    server.models["qwen/qwen3-8b"].refuses_to_load = (500, {"error": "insufficient VRAM"})
    assert "insufficient VRAM" in client.post(f"{url}load/").json()["detail"]
    state = client.post(f"{url}wait/", {"timeout_s": 30}, format="json").json()
    assert state["state"] == "failed" and "insufficient VRAM" in state["last_error"]


def test_a_version_that_cannot_be_told_to_load_says_so_and_no_model_counts_as_failed(client, url, server):
    server.version = "old"
    for way in ("load", "unload", "wait"):
        answer = client.post(f"{url}{way}/")
        assert answer.status_code == 409 and "0.4.0" in answer.json()["detail"], way
    assert AIModel.objects.get().state == "available"


@pytest.mark.parametrize("timeout_s", [-1, 601, "long", float("nan")])
def test_a_time_to_wait_that_makes_no_sense_is_refused(client, url, timeout_s):
    assert client.post(f"{url}wait/", {"timeout_s": str(timeout_s)}, format="json").status_code == 400


def test_a_download_is_started_followed_and_its_model_listed(client, provider, server):
    made = start(client, provider, "qwen/qwen3-4b")
    assert made.status_code == 201, made.content
    body = made.json()
    assert (body["state"], body["total_bytes"], body["percent"], body["provider"]) == (
        "downloading",
        4_000,
        None,
        str(provider.public_id),
    )
    (first,) = progress(client)
    assert (first["id"], first["percent"], first["bytes_per_second"]) == (body["id"], 25.0, 1_000.5)
    for _ in range(3):
        (last,) = progress(client)
    assert (last["state"], last["percent"]) == ("completed", 100.0)
    assert set(provider.models.values_list("key", flat=True)) == {"qwen/qwen3-8b", "qwen/qwen3-4b"}
    assert client.get(f"{DOWNLOADS}{body['id']}/").json() == last
    asked = len(server.asked)
    progress(client)
    assert len(server.asked) == asked  # what is finished is not asked about


def test_many_who_watch_ask_the_server_once_a_second(client, provider, server):
    start(client, provider, "qwen/qwen3-4b")
    for _ in range(3):
        client.get(DOWNLOADS)
    assert server.count("/api/v1/models/download/status/job/1") == 1


def test_what_is_there_already_says_so(client, provider):
    body = start(client, provider, "qwen/qwen3-8b").json()
    assert (body["state"], body["percent"]) == ("already_downloaded", None)


def test_a_download_that_the_server_forgot_has_failed_with_the_reason(client, provider, server):
    start(client, provider, "qwen/qwen3-4b")
    server.jobs.clear()
    (row,) = progress(client)
    assert row["state"] == "failed" and "Job not found" in row["last_error"]


def test_a_download_whose_server_is_away_keeps_its_state_and_says_why(client, actor, provider, server):
    start(client, provider, "qwen/qwen3-4b")
    services.provider_update(actor, provider, api_key="sk-lm-anything")
    server.token = "another"
    (row,) = progress(client)
    assert row["state"] == "downloading" and "key" in row["last_error"]


def test_a_download_of_a_kind_that_was_uninstalled_does_not_hide_the_others(client, actor, provider):
    start(client, provider, "qwen/qwen3-4b")
    lost = make_provider(actor)
    ModelDownload.objects.create(provider=lost, name="x", job_id="1", state="downloading")
    lost.kind = "telepathy"
    lost.save()
    rows = {row["name"]: row for row in progress(client)}
    assert rows["x"]["last_error"] and rows["qwen/qwen3-4b"]["percent"] == 25.0


def test_a_provider_that_fetches_nothing_says_so(client, actor):
    answer = start(client, make_model(actor).provider, "qwen/qwen3-4b")
    assert answer.status_code == 409 and "fetch" in answer.json()["detail"]
    builtin = start(client, services.builtin_ensure(actor.team.pk), "qwen/qwen3-4b")
    assert builtin.status_code == 409 and "GGUF" in builtin.json()["detail"]


def test_other_teams_see_no_downloads_and_cannot_start_them(client, provider):
    start(client, provider, "qwen/qwen3-4b")
    outsider = APIClient()
    outsider.force_login(make_actor().user)
    assert outsider.get(DOWNLOADS).json()["results"] == []
    assert start(outsider, provider, "qwen/qwen3-4b").status_code == 400
    assert APIClient().get(DOWNLOADS).status_code == 401
