"""The adapter for LM Studio against a stand-in for its native endpoints; its answers come from the real llama.cpp server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import threading
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from apps.providers.adapters import make_adapter
from apps.providers.adapters.base import Call
from apps.providers.adapters.builtin.adapter import BuiltinAdapter
from apps.providers.adapters.lmstudio import memory
from apps.providers.adapters.lmstudio.adapter import LMStudioAdapter, server_root
from apps.providers.adapters.lmstudio.locks import held, lock_file
from apps.providers.contract import ChatRequest, Connection, LocalAdapter, Message
from apps.providers.errors import (
    AuthenticationFailed,
    BadRequest,
    MalformedAnswer,
    NotAnApi,
    NotSupported,
    Overloaded,
    ProviderError,
    ProviderTimeout,
    WrongModel,
)
from tests.providers.contract import AdapterContract
from tests.providers.listing import HTML, listing, models
from tests.servers.llama import llama
from tests.servers.lmstudio import lmstudio

__all__ = ["llama"]
KEY = "sk-lm-0123456789:abcdefghij"
HELLO = (Message("user", "1: add 7 and 8"),)
ROOT = Path(__file__).parents[2]


class TestWithLMStudio(AdapterContract):
    model = "practice-good"
    prompt = "1: add 7 and 8\n2: subtract 2 from 9"
    long_prompt = "What is 2 + 3?"
    json_prompt = "Is 5 larger than 3? Answer yes or no."
    embedding_model = "text-embedding-practice"
    gives_logprobs = True  # llama.cpp answers behind the stand-in; LM Studio itself gives none
    context_prompt = "one two three four " * 3000
    version = "v1"

    @pytest.fixture
    def server(self, llama):
        with lmstudio(version=self.version, token=KEY, upstream=llama.url, upstream_key=llama.api_key) as server:
            server.add("practice-good")
            server.add("text-embedding-practice", type="embedding")
            yield server

    @pytest.fixture
    def connection(self, server):
        return Connection("lmstudio", server.url, KEY, allow_private=True)

    @pytest.fixture
    def slow_connection(self, connection):
        return replace(connection, quirks={"extra_body": {"ignore_eos": True}})  # it goes on until max_output_tokens

    def test_it_is_a_local_adapter(self, adapter):
        assert isinstance(adapter, LocalAdapter)

    async def test_questions_at_once_load_the_model_once(self, adapter, server):
        server.load_s = 0.1
        await asyncio.gather(*(adapter.complete(self.ask(self.prompt, max_output_tokens=5)) for _ in range(6)))
        assert list(server.models[self.model].instances) == [self.model]


class TestWithAnOlderLMStudio(TestWithLMStudio):
    version = "v0"


class TestWithTheOldestLMStudio(TestWithLMStudio):
    version = "old"

    def test_questions_at_once_load_the_model_once(self):
        pytest.skip("this version does not say what is in memory")


@asynccontextmanager
async def adapter_at(server, **options):
    settings = {"kind": "lmstudio", "base_url": server.url, "api_key": KEY, "allow_private": True, "max_attempts": 1}
    adapter = make_adapter(Connection(**{**settings, **options}))
    try:
        yield adapter
    finally:
        await adapter.aclose()


@pytest.fixture
def server():
    with lmstudio() as server:
        server.add("qwen/qwen3-8b")
        yield server


@pytest.fixture
async def adapter(server):
    async with adapter_at(server) as adapter:
        yield adapter


# ---- what it speaks ----


@pytest.mark.parametrize(("version", "dialect"), [("v1", "v1"), ("v0", "v0"), ("old", "openai")])
async def test_it_finds_out_what_the_server_speaks_and_remembers_it(version, dialect):
    with lmstudio(version=version) as server:
        server.add("qwen/qwen3-8b")
        async with adapter_at(server) as adapter:
            assert [model.key for model in await adapter.list_models()] == ["qwen/qwen3-8b"]
            assert adapter.dialect == dialect
            probes = len(server.asked)
            await adapter.list_models()
    assert len(server.asked) == probes + 1


async def test_a_server_that_was_updated_is_understood_anew(server, adapter):
    server.version = "v0"
    await adapter.list_models()
    server.version = "v1"
    assert (await adapter.list_models())[0].size_bytes is None and adapter.dialect == "v0"
    server.version = "old"
    await adapter.list_models()
    assert adapter.dialect == "openai"


async def test_it_never_asks_for_paths_that_no_server_has(server, adapter):
    await adapter.check()
    assert [path for _method, path, _body in server.asked] == ["/api/v1/models"]


async def test_a_web_page_is_not_taken_for_lm_studio():
    with listing({"*": (200, {"content-type": HTML}, "<html>Welcome</html>")}) as server:
        async with adapter_at(server) as adapter:
            with pytest.raises(NotAnApi):
                await adapter.list_models()
            assert (await adapter.check()).error_code == "not_an_api"


@pytest.mark.parametrize("error", ["Unexpected endpoint or method. (GET /api/v1/models)", "What is that?", "Server error: 503"])
@pytest.mark.parametrize("status", [200, 404])
async def test_a_text_for_an_error_is_no_list_whatever_the_status_and_the_words(error, status):
    refusal = (status, {}, json.dumps({"error": error}))
    with listing({"*": refusal, "/v1/models": models("a")}) as server:
        async with adapter_at(server) as adapter:
            assert [model.key for model in await adapter.list_models()] == ["a"]
            assert adapter.dialect == "openai"
            server.answers["/v1/models"] = refusal
            assert not (await adapter.check()).ok


async def test_a_native_endpoint_that_is_missing_is_said_to_be_missing(server, adapter):
    await adapter.models()
    server.version = "v0"
    with pytest.raises(NotAnApi, match="older version"):
        await adapter.native.post("/api/v1/models/download", {"model": "a"}, Call(adapter.connection))


async def test_a_server_that_is_busy_is_not_taken_for_an_older_one():
    busy = (503, {}, json.dumps({"error": "Server is busy"}))
    with listing({"/api/v1/models": busy, "/api/v0/models": {"data": []}}) as server:
        async with adapter_at(server) as adapter:
            with pytest.raises(Overloaded):
                await adapter.list_models()
            assert adapter.dialect is None


async def test_an_openai_list_without_states_is_not_the_older_api():
    with listing({"/api/v0/models": models("a"), "/v1/models": models("a")}) as server:
        async with adapter_at(server) as adapter:
            await adapter.list_models()
            assert adapter.dialect == "openai"


@pytest.mark.parametrize(
    "typed",
    ["", "/", "/v1", "/v1/", "/api/v1", "/api/v0", "/v1/chat/completions", "/api/v1/models", "/api/v0/models/", "/api/v1/chat"],
)
def test_the_address_is_taken_as_people_paste_it(typed):
    assert server_root(f"http://localhost:1234{typed}") == "http://localhost:1234"
    assert server_root(f"https://box.example/lm{typed}") == "https://box.example/lm"


# ---- keys ----


async def test_a_server_that_wants_a_key_gets_it_and_one_that_refuses_it_does_not_echo_it(server):
    server.token = KEY
    async with adapter_at(server) as adapter:
        await adapter.list_models()
    for key in ("", "sk-lm-wrongwrongwrong"):
        async with adapter_at(server, api_key=key) as adapter:
            with pytest.raises(AuthenticationFailed) as caught:
                await adapter.load("qwen/qwen3-8b")
            assert "sk-lm-wrong" not in f"{caught.value.message} {caught.value.vendor_message}"
            assert not (await adapter.check()).ok


# ---- lists ----


async def test_it_lists_what_lm_studio_says_of_a_model(server, adapter):
    model = server.add(
        "google/gemma-3-12b", vision=True, tools=False, quantization="Q8_0", size_bytes=12, max_context_length=131_072
    )
    model.add_instance(8192)
    server.add("nomic-embed", type="embedding")
    qwen, gemma, nomic = await adapter.list_models()
    assert (gemma.capabilities, gemma.quantization, gemma.size_bytes) == (("chat", "vision", "json"), "Q8_0", 12)
    assert (gemma.state, gemma.context_window, gemma.details["max_context_length"]) == ("loaded", 8192, 131_072)
    assert gemma.details["instances"] == [{"id": "google/gemma-3-12b", "context_length": 8192}]
    assert (qwen.state, qwen.capabilities, qwen.context_window) == ("available", ("chat", "tools", "json"), 32_768)
    assert qwen.details["reasoning"] == ["off", "on"]
    assert nomic.capabilities == ("embeddings",)


async def test_the_older_list_tells_states_too(server, adapter):
    server.version = "v0"
    server.add("gemma", vision=True, tools=False).add_instance(2048)
    server.add("nomic-embed", type="embedding")
    qwen, gemma, nomic = await adapter.list_models()
    assert (gemma.state, gemma.context_window, gemma.capabilities) == ("loaded", 2048, ("chat", "vision", "json"))
    assert (qwen.state, qwen.capabilities) == ("available", ("chat", "tools", "json"))
    assert nomic.capabilities == ("embeddings",)
    assert [model.key for model in await adapter.loaded()] == ["gemma"]


async def test_what_a_list_leaves_out_or_gives_oddly_is_unknown():
    odd = [{"key": "a", "quantization": None, "loaded_instances": None, "size_bytes": "big", "capabilities": []}, "b", {"key": 3}]
    with listing({"/api/v1/models": {"models": odd}}) as server:
        async with adapter_at(server) as adapter:
            (model,) = await adapter.list_models()
    assert (model.key, model.quantization, model.size_bytes, model.context_window) == ("a", "", None, None)
    assert (model.state, model.capabilities) == ("available", ("chat", "json"))


async def test_a_server_without_models_says_so():
    with lmstudio() as server:
        async with adapter_at(server) as adapter:
            result = await adapter.check()
    assert result.ok and result.models == 0 and "Download" in result.message


# ---- loading ----


async def test_loading_returns_when_it_is_loaded_with_the_length_asked_for(server, adapter):
    server.load_s = 0.2
    await adapter.load("qwen/qwen3-8b", context_length=16_384)
    (model,) = await adapter.loaded()
    assert model.context_window == 16_384


async def test_what_is_loaded_already_is_not_loaded_again(server, adapter):
    await adapter.load("qwen/qwen3-8b")
    await adapter.load("qwen/qwen3-8b")
    await adapter.load("qwen/qwen3-8b", context_length=4096)
    assert server.count("/api/v1/models/load") == 1


async def test_another_context_length_replaces_the_copy(server, adapter):
    await adapter.load("qwen/qwen3-8b")
    await adapter.load("qwen/qwen3-8b", context_length=8192)
    assert server.models["qwen/qwen3-8b"].instances == {"qwen/qwen3-8b": 8192}


async def test_no_more_context_is_asked_for_than_the_model_has(server, adapter):
    await adapter.load("qwen/qwen3-8b", context_length=1_000_000)
    await adapter.load("qwen/qwen3-8b", context_length=1_000_000)
    assert server.models["qwen/qwen3-8b"].instances == {"qwen/qwen3-8b": 32_768}
    assert server.count("/api/v1/models/load") == 1


async def test_twenty_loads_at_once_make_one_copy(server):
    server.load_s = 0.3

    def load_in_a_loop_of_its_own() -> None:
        async def load() -> None:
            async with adapter_at(server) as adapter:
                await adapter.load("qwen/qwen3-8b")

        asyncio.run(load())

    threads = [threading.Thread(target=load_in_a_loop_of_its_own) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        await asyncio.to_thread(thread.join)
    assert list(server.models["qwen/qwen3-8b"].instances) == ["qwen/qwen3-8b"]
    assert server.count("/api/v1/models/load") == 1


LOAD_TEN_TIMES = """
import asyncio, sys
from pathlib import Path
from apps.providers.adapters.lmstudio.adapter import LMStudioAdapter
from apps.providers.contract import Connection

async def main(address, folder):
    adapter = LMStudioAdapter(Connection("lmstudio", address, allow_private=True), locks_dir=Path(folder))
    await asyncio.gather(*(adapter.load("qwen/qwen3-8b") for _ in range(10)))
    await adapter.aclose()

asyncio.run(main(*sys.argv[1:]))
"""


def test_twenty_loads_by_two_processes_make_one_copy(server, tmp_path):
    server.load_s = 0.5
    spellings = (server.url, server.url.replace("127.0.0.1", "localhost") + "/v1")
    command = [sys.executable, "-c", LOAD_TEN_TIMES]
    environment = {"PYTHONPATH": str(ROOT), "DJANGO_SETTINGS_MODULE": "orquestrador.settings", "ORQ_HOME": str(tmp_path)}
    running = [
        subprocess.Popen([*command, address, str(tmp_path)], cwd=ROOT, env=environment, stderr=subprocess.PIPE)
        for address in spellings
    ]
    errors = [process.communicate(timeout=60)[1].decode() for process in running]
    assert [process.returncode for process in running] == [0, 0], errors
    assert list(server.models["qwen/qwen3-8b"].instances) == ["qwen/qwen3-8b"]
    assert server.count("/api/v1/models/load") == 1


async def test_different_models_do_not_wait_for_each_other(server, adapter):
    server.add("other")
    async with held(lock_file(adapter.locks_dir, adapter.root, "qwen/qwen3-8b"), timeout_s=1):
        await adapter.load("other")
    assert server.models["other"].instances


async def test_a_load_that_others_never_finish_is_given_up(server):
    async with adapter_at(server, total_timeout_s=0.3) as adapter:
        async with held(lock_file(adapter.locks_dir, adapter.root, "qwen/qwen3-8b"), timeout_s=1):
            with pytest.raises(ProviderTimeout):
                await adapter.load("qwen/qwen3-8b")
    assert server.count("/api/v1/models/load") == 0


@pytest.mark.parametrize(
    "refusal",
    [
        (500, {"error": {"type": "internal_error", "message": "Failed to load model: insufficient VRAM"}}),
        (500, {"error": "Failed to load model: insufficient VRAM"}),
        (400, {"error": "Failed to load model: insufficient VRAM"}),
        (200, {"error": "Failed to load model: insufficient VRAM"}),
        (200, {"error": {"type": "internal_error", "message": "Failed to load model: insufficient VRAM"}}),
    ],
)
async def test_a_load_that_fails_says_why_in_whatever_shape_and_is_not_repeated(server, refusal):
    server.models["qwen/qwen3-8b"].refuses_to_load = refusal
    async with adapter_at(server, max_attempts=3) as adapter:
        with pytest.raises(ProviderError) as caught:
            await adapter.load("qwen/qwen3-8b")
    assert "insufficient VRAM" in caught.value.message
    assert server.count("/api/v1/models/load") == 1


async def test_a_load_whose_answer_is_lost_is_waited_for(server, adapter):
    server.cuts_loads, server.load_s = True, 0.3
    await adapter.load("qwen/qwen3-8b")
    assert list(server.models["qwen/qwen3-8b"].instances) == ["qwen/qwen3-8b"]


async def test_a_load_whose_answer_is_lost_and_that_never_ends_fails(server, adapter, monkeypatch):
    monkeypatch.setattr(memory, "GRACE_S", 0.1)
    server.cuts_loads, server.load_s = True, 30
    with pytest.raises(ProviderError):
        await adapter.load("qwen/qwen3-8b")


async def test_waiting_ends_with_the_load_or_with_the_time(server, adapter):
    with pytest.raises(ProviderTimeout):
        await adapter.wait_until_loaded("qwen/qwen3-8b", timeout_s=0.1)
    server.load_s = 0.2
    await asyncio.gather(adapter.load("qwen/qwen3-8b"), adapter.wait_until_loaded("qwen/qwen3-8b", timeout_s=10))
    assert (await adapter.loaded())[0].key == "qwen/qwen3-8b"


async def test_a_model_that_is_not_there_cannot_be_loaded_or_unloaded(adapter):
    for attempt in (adapter.load("nothing"), adapter.unload("nothing")):
        with pytest.raises(BadRequest, match="nothing"):
            await attempt


async def test_an_older_server_loads_by_being_asked_once(llama):
    with lmstudio(version="v0", upstream=llama.url, upstream_key=llama.api_key, load_s=0.1) as server:
        server.add("practice-good")
        server.add("nomic-embed", type="embedding")
        async with adapter_at(server) as adapter:
            await asyncio.gather(*(adapter.load("practice-good") for _ in range(5)))
            await adapter.load("nomic-embed")
            assert {model.key for model in await adapter.loaded()} == {"practice-good", "nomic-embed"}
            assert server.count("/v1/chat/completions") == server.count("/v1/embeddings") == 1
            with pytest.raises(NotSupported):
                await adapter.unload("practice-good")


async def test_an_older_server_that_loads_nothing_by_itself_says_so(llama):
    with lmstudio(version="v0", upstream=llama.url, upstream_key=llama.api_key, loads_when_asked=False) as server:
        server.add("practice-good")
        server.add("loaded").add_instance()
        async with adapter_at(server) as adapter:
            with pytest.raises(BadRequest, match="just-in-time"):
                await adapter.load("practice-good")


# ---- unloading ----


async def test_unloading_takes_instance_ids_and_ends_every_copy(server, adapter):
    model = server.models["qwen/qwen3-8b"]
    for _ in range(3):
        model.add_instance()
    await adapter.unload("qwen/qwen3-8b")
    assert not model.instances
    sent = [body["instance_id"] for _method, path, body in server.asked if path == "/api/v1/models/unload"]
    assert sent == ["qwen/qwen3-8b", "qwen/qwen3-8b:2", "qwen/qwen3-8b:3"]


async def test_one_copy_can_be_unloaded_by_its_id(server, adapter):
    model = server.models["qwen/qwen3-8b"]
    model.add_instance(), model.add_instance()
    await adapter.unload("qwen/qwen3-8b:2")
    assert list(model.instances) == ["qwen/qwen3-8b"]


async def test_unloading_what_is_not_loaded_is_nothing_to_do(server, adapter):
    await adapter.unload("qwen/qwen3-8b")
    assert server.count("/api/v1/models/unload") == 0


# ---- questions ----


async def test_an_unknown_model_is_refused_before_another_can_answer_for_it(server, adapter):
    server.models["qwen/qwen3-8b"].add_instance()
    for attempt in (adapter.complete(ChatRequest("gpt-5", HELLO)), adapter.embed("gpt-5", ["red"])):
        with pytest.raises(BadRequest, match="gpt-5"):
            await attempt
    assert server.count("/v1/chat/completions") == server.count("/v1/embeddings") == 0


@pytest.mark.parametrize("way", ["complete", "stream"])
async def test_an_answer_of_another_model_is_refused_and_says_whose_it_was(llama, way):
    with lmstudio(upstream=llama.url, upstream_key=llama.api_key) as server:
        server.add("asked").add_instance()
        server.add("practice-good").add_instance()
        async with adapter_at(server) as adapter:
            await adapter.list_models()
            del server.models["asked"]  # between the list and the question
            with pytest.raises(WrongModel, match=r"practice-good.*answered in its place") as caught:
                if way == "complete":
                    await adapter.complete(ChatRequest("asked", HELLO, max_output_tokens=20))
                else:
                    [piece async for piece in adapter.stream(ChatRequest("asked", HELLO, max_output_tokens=20))]
    assert caught.value.extra["partial"].usage.output_tokens > 0
    assert not caught.value.retryable


async def test_the_id_of_a_copy_is_the_same_model(llama):
    with lmstudio(upstream=llama.url, upstream_key=llama.api_key) as server:
        server.add("practice-good").instances["practice-good:2"] = 4096
        async with adapter_at(server) as adapter:
            answer = await adapter.complete(ChatRequest("practice-good", HELLO, max_output_tokens=20))
    assert answer.model == "practice-good:2"


# ---- downloads ----


async def test_a_download_is_followed_by_its_bytes(server, adapter):
    started = await adapter.download("https://huggingface.co/lmstudio-community/tiny", quantization="Q4_K_M")
    assert (started.state, started.total_bytes) == ("downloading", 4_000) and "/" in started.job_id
    first = await adapter.download_progress(started.job_id)
    assert (first.state, first.downloaded_bytes, first.percent, first.bytes_per_second) == ("downloading", 1_000, 25.0, 1_000.5)
    for _ in range(3):
        last = await adapter.download_progress(started.job_id)
    assert (last.state, last.percent, last.bytes_per_second) == ("completed", 100.0, None)
    assert "lmstudio-community/tiny" in [model.key for model in await adapter.list_models()]


async def test_there_is_no_percentage_without_a_total(server, adapter):
    server.size_is_known = False
    started = await adapter.download("qwen/qwen3-4b")
    progress = await adapter.download_progress(started.job_id)
    assert (started.total_bytes, progress.downloaded_bytes, progress.percent) == (None, 1_000, None)


async def test_what_is_there_already_is_no_job(adapter):
    started = await adapter.download("qwen/qwen3-8b")
    assert (started.state, started.job_id, started.total_bytes) == ("already_downloaded", "", None)


async def test_a_download_that_cannot_be_says_why(server, adapter):
    for attempt, reason in (
        (adapter.download("nobody/nothing"), "No such model in the catalogue"),
        (adapter.download("qwen/qwen3-4b", quantization="Q8_0"), "Hugging Face"),
        (adapter.download_progress("job/99"), "Job not found"),
    ):
        with pytest.raises(BadRequest) as caught:
            await attempt
        assert reason in caught.value.message
    job = await adapter.download("somebody/broken")
    assert (await adapter.download_progress(job.job_id)).state == "failed"


@pytest.mark.parametrize("answer", [{}, {"status": "queued"}, [], {"status": "downloading"}])
async def test_an_answer_that_is_no_download_is_refused(answer):
    with listing({"/api/v1/models": {"models": []}, "/api/v1/models/download": answer}) as server:
        async with adapter_at(server) as adapter:
            with pytest.raises(MalformedAnswer):
                await adapter.download("qwen/qwen3-4b")


@pytest.mark.parametrize("version", ["v0", "old"])
async def test_an_older_server_says_that_it_cannot(server, adapter, version):
    server.version = version
    for attempt in (adapter.download("a"), adapter.download_progress("1")):
        with pytest.raises(NotSupported, match=r"0\.4\.0"):
            await attempt
    with pytest.raises(NotSupported):
        await adapter.load("qwen/qwen3-8b", context_length=8192)


async def test_the_oldest_server_does_not_pretend_to_know_what_is_loaded(server, adapter):
    server.version = "old"
    for attempt in (adapter.loaded(), adapter.load("qwen/qwen3-8b"), adapter.unload("qwen/qwen3-8b")):
        with pytest.raises(NotSupported):
            await attempt


async def test_the_built_in_engine_says_where_to_put_the_file():
    adapter = make_adapter(Connection("builtin", ""))
    assert isinstance(adapter, LocalAdapter) and isinstance(adapter, BuiltinAdapter)
    for attempt in (adapter.download("qwen3-8b"), adapter.download_progress("1")):
        with pytest.raises(NotSupported, match="models"):
            await attempt


def test_the_key_of_a_lock_is_one_place_however_it_is_spelt(tmp_path):
    same = {lock_file(tmp_path, f"http://{host}", "Qwen") for host in ("127.0.0.1:1234", "localhost:1234", "[::1]:1234")}
    assert len(same) == 1
    assert lock_file(tmp_path, "http://localhost:1235", "Qwen") not in same
    assert lock_file(tmp_path, "http://localhost:1234", "../../etc").parent == tmp_path


def test_nothing_shows_the_key():
    adapter = LMStudioAdapter(Connection("lmstudio", "http://127.0.0.1:1", KEY, allow_private=True))
    assert KEY not in json.dumps(repr(adapter.connection))
