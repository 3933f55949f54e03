"""The adapter for llama-server: the real one with one model, and its router (see tests/servers/llama_router.py)."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest

from apps.providers.adapters import make_adapter
from apps.providers.adapters.llamacpp import adapter as llamacpp
from apps.providers.adapters.llamacpp.models import download_of, rows_in
from apps.providers.adapters.llamacpp.progress import share_loaded
from apps.providers.contract import ChatRequest, Connection, LoadOptions, LocalAdapter, Message
from apps.providers.errors import BadRequest, NotSupported
from tests.providers.contract import AdapterContract
from tests.servers.llama import llama
from tests.servers.llama_router import router, router_server

__all__ = ["llama", "router"]
QUESTION = (Message("user", "1: add 7 and 8"),)


class TestOfOneModel(AdapterContract):
    model = "practice-good"
    prompt = "1: add 7 and 8\n2: subtract 2 from 9"
    long_prompt = "What is 2 + 3?"
    json_prompt = "Is 5 larger than 3? Answer yes or no."
    embedding_model = "practice-good"
    context_prompt = "one two three four " * 3000
    gives_logprobs = True

    @pytest.fixture
    def connection(self, llama):
        return Connection("llamacpp", llama.url, llama.api_key, allow_private=True)

    @pytest.fixture
    def slow_connection(self, connection):
        return replace(connection, quirks={"extra_body": {"ignore_eos": True}})

    async def test_its_model_is_in_memory_from_the_start(self, adapter):
        assert isinstance(adapter, LocalAdapter)
        [model] = await adapter.loaded()
        assert (model.key, model.state, model.context_window, model.quantization) == (self.model, "loaded", 1024, "Q8_0")
        assert model.details["slots"] == 2 and model.details["slots_busy"] == 0
        assert model.details["max_context_length"] == 16_384
        await adapter.load(self.model)
        await adapter.load(self.model, context_length=1024)

    async def test_it_neither_unloads_nor_fetches(self, adapter):
        with pytest.raises(NotSupported):
            await adapter.unload(self.model)
        with pytest.raises(NotSupported):
            await adapter.download("user/repository")


# ── router ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
async def adapter(router):
    adapter = make_adapter(Connection("llamacpp", router, allow_private=True, max_attempts=1))
    yield adapter
    await adapter.aclose()


async def test_the_list_says_what_is_in_memory(adapter):
    models = {model.key: model for model in await adapter.list_models()}
    assert {"practice-good", "practice-bad", "practice-mediocre", "broken"} == set(models)
    assert {model.state for model in models.values()} == {"available"}
    assert await adapter.loaded() == []
    assert (await adapter.check()).models == 4


async def test_a_model_is_loaded_and_unloaded_and_both_are_waited_for(adapter):
    await adapter.load("practice-good")
    [model] = await adapter.loaded()
    assert (model.key, model.state, model.context_window) == ("practice-good", "loaded", 1024)
    assert model.size_bytes == 773_960 and model.quantization == "Q8_0" and model.details["slots"] == 2
    await adapter.load("practice-good")
    await adapter.unload("practice-good")
    assert await adapter.loaded() == []
    await adapter.unload("practice-good")


async def test_a_load_that_fails_says_with_what_code(adapter):
    with pytest.raises(BadRequest) as caught:
        await adapter.load("broken")
    assert "exit code 1" in caught.value.message


async def test_a_name_that_it_does_not_have_is_refused(adapter):
    for call in (adapter.load("nobody"), adapter.unload("nobody")):
        with pytest.raises(BadRequest) as caught:
            await call
        assert "nobody" in caught.value.message
    await adapter.load_cancel("nobody")


async def test_the_context_length_and_options_are_the_routers_own(adapter):
    with pytest.raises(NotSupported):
        await adapter.load("practice-good", context_length=4096)
    with pytest.raises(NotSupported):
        await adapter.load("practice-good", options=LoadOptions(gpu_layers=3))


async def test_a_load_given_up_leaves_nothing_in_memory(adapter):
    await adapter.load("practice-bad")
    await adapter.load_cancel("practice-bad")
    assert await adapter.loaded() == []


async def test_a_question_is_answered_by_the_model_that_was_asked(router, adapter, request):
    if "stand-in" in request.node.name:
        pytest.skip("the stand-in does not answer questions")
    answer = await adapter.complete(ChatRequest("practice-bad", QUESTION, max_output_tokens=8))
    assert answer.model == "practice-bad" and answer.text
    assert [model.key for model in await adapter.loaded()] == ["practice-bad"]
    with pytest.raises(BadRequest):
        await adapter.complete(ChatRequest("nobody", QUESTION))


# ── what only the stand-in can be made to do ──────────────────────────────────────────────────────────────────────


@pytest.fixture
def server():
    with router_server() as server:
        yield server


@pytest.fixture
async def adapter_of_stand_in(server):
    adapter = make_adapter(Connection("llamacpp", f"{server.url}/v1/chat/completions", allow_private=True, max_attempts=1))
    yield adapter
    await adapter.aclose()


async def test_somebody_elses_load_is_waited_for(adapter_of_stand_in, server):
    server.status["practice-good"] = {"value": "loading"}
    threading.Thread(target=server.finish_load, args=("practice-good",), daemon=True).start()
    await adapter_of_stand_in.load("practice-good")
    assert [model.key for model in await adapter_of_stand_in.loaded()] == ["practice-good"]


async def test_how_far_a_load_is_is_told_to_who_listens(adapter_of_stand_in):
    told = []
    await adapter_of_stand_in.load("practice-good", on_progress=told.append)
    assert told == [0.25, 0.5]


async def test_without_the_list_of_slots_the_rest_is_told(adapter_of_stand_in, server):
    server.has_slots = False
    server.status["practice-good"] = {"value": "loaded"}
    [model] = await adapter_of_stand_in.loaded()
    assert model.details["slots"] == 2 and "slots_busy" not in model.details
    assert "tools" in model.capabilities


async def test_a_model_that_sleeps_is_not_in_memory(adapter_of_stand_in, server):
    server.status["practice-good"] = {"value": "sleeping"}
    assert await adapter_of_stand_in.loaded() == []


async def test_a_download_counts_the_bytes_of_all_its_files(adapter_of_stand_in, server):
    started = await adapter_of_stand_in.download("https://huggingface.co/user/repo", quantization="Q4_K_M")
    assert (started.state, started.job_id, started.total_bytes) == ("downloading", "user/repo:Q4_K_M", None)
    files = {"https://a.gguf": {"done": 30, "total": 100}, "https://b.gguf": {"done": 20, "total": 100}}
    server.status["user/repo:Q4_K_M"] = {"value": "downloading", "progress": files}
    progress = await adapter_of_stand_in.download_progress(started.job_id)
    assert (progress.downloaded_bytes, progress.total_bytes, progress.percent) == (50, 200, 25.0)
    assert "user/repo:Q4_K_M" not in [model.key for model in await adapter_of_stand_in.list_models()]
    server.status["user/repo:Q4_K_M"] = {"value": "unloaded"}
    assert (await adapter_of_stand_in.download_progress(started.job_id)).state == "completed"
    assert (await adapter_of_stand_in.download("user/repo:Q4_K_M")).state == "already_downloaded"


async def test_a_download_that_vanishes_has_failed(adapter_of_stand_in, server, monkeypatch):
    monkeypatch.setattr(llamacpp, "LISTED_WITHIN_S", 0.2)
    with pytest.raises(BadRequest):
        await adapter_of_stand_in.download_progress("user/repo")


def test_lists_of_another_shape_are_none():
    for listing in (None, [], {"data": 3}, {"models": []}):
        assert rows_in(listing) is None
    assert rows_in({"data": [3, {}, {"id": " "}]}) == []


def test_a_download_that_does_not_say_its_size_has_no_percentage():
    [row] = rows_in({"data": [{"id": "a", "status": {"value": "downloading"}}]})
    assert download_of(row).percent is None


@pytest.mark.parametrize("text", ["", "[]", "3", '{"model": "other"}', '{"model": "m", "data": {"status": "loaded"}}', "no json"])
def test_other_events_say_nothing_of_a_load(text):
    assert share_loaded(text, "m") is None
