"""The adapter for Ollama: questions against aimock, which nobody here wrote; memory and downloads against a stand-in written from
Ollama's documentation, since neither aimock nor this machine has those; and byte by byte what neither says."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import pytest

from apps.providers.adapters import make_adapter
from apps.providers.adapters.ollama import pulls
from apps.providers.contract import ChatRequest, Connection, LoadOptions, LocalAdapter, Message, TokenLogprob, ToolCall, Usage
from apps.providers.errors import (
    BadRequest,
    ContextTooLong,
    Interrupted,
    MalformedAnswer,
    NotAnApi,
    NotSupported,
    ProviderError,
)
from tests.providers.aimock_contract import AimockContract
from tests.providers.listing import HTML, listing
from tests.providers.native import REQUEST, Vendor
from tests.servers.aimock import aimock
from tests.servers.bytes_server import HOLD, JSON, RESET, BytesServer, chunked, reply, whole
from tests.servers.ollama import GIB, MODELS, ollama_server

__all__ = ["aimock"]
LINES = {"content-type": "application/x-ndjson"}
vendor = Vendor("ollama", "")


class TestWithAimock(AimockContract):
    model = "llama3.1:8b"
    embedding_model = "nomic-embed-text"
    thinking_model = None
    tells_of_limits = False
    nonsense = Interrupted  # a line that is none is where an answer of lines breaks off

    @pytest.fixture
    def connection(self, aimock):
        return Connection("ollama", aimock.url, "ollama-for-tests", allow_private=True, max_attempts=1)

    @pytest.fixture
    async def listing_adapter(self, connection):
        """aimock lists the models of its fixtures, which name none, so the list is the stand-in's."""
        with ollama_server() as server:
            adapter = make_adapter(replace(connection, base_url=server.url))
            yield adapter
            await adapter.aclose()

    async def test_it_lists_models(self, listing_adapter):
        await super().test_it_lists_models(listing_adapter)

    async def test_it_says_that_the_server_is_fine(self, listing_adapter):
        await super().test_it_says_that_the_server_is_fine(listing_adapter)

    async def test_it_counts_the_tokens_as_the_vendor_does(self, listing_adapter):
        """aimock counts nothing in this protocol."""
        await super().test_it_counts_the_tokens_as_the_vendor_does(listing_adapter)

    async def test_it_makes_vectors_of_texts(self, listing_adapter):
        """aimock answers /api/embed with one vector, in the older form."""
        vectors = await listing_adapter.embed(self.embedding_model, ["red", "red"])
        assert vectors[0] == vectors[1] and len(vectors[0]) > 1

    async def test_it_asks_in_ollamas_own_protocol(self, adapter, aimock):
        await adapter.complete(self.ask("Say hello"))
        assert aimock.journal()[-1]["path"] == "/api/chat"


# ── lines ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def line(text: str = "", **more) -> bytes:
    words = {"model": "m", "message": {"role": "assistant", "content": text}, "done": False}
    return json.dumps({**words, **more}, ensure_ascii=False).encode() + b"\n"


LAST = line(done=True, done_reason="stop", prompt_eval_count=7, eval_count=3)


async def stream(*pieces, request: ChatRequest = REQUEST):
    return await vendor.stream(NO_PS, reply(LINES, *pieces), request=request)


NO_PS = whole(JSON, {"models": []})


async def test_lines_are_cut_anywhere_also_inside_a_character():
    data = line("Olá, ") + line("voc\u2028ê 🎉") + LAST
    pieces = [data[at : at + 1] for at in range(len(data))]
    deltas, last = await stream(*pieces)
    assert last.text == "Olá, voc\u2028ê 🎉" and "".join(delta.text for delta in deltas) == last.text
    assert last.usage == Usage(7, 3) and last.finish_reason == "stop"


async def test_a_whole_answer_is_one_line():
    body = {"model": "m", "message": {"role": "assistant", "content": "Hi", "thinking": "Hm."}, "done": True,
            "done_reason": "length", "prompt_eval_count": 7, "eval_count": 3}  # fmt: skip
    completion = await vendor.complete(NO_PS, whole(JSON, body))
    assert (completion.text, completion.reasoning, completion.finish_reason) == ("Hi", "Hm.", "length")


async def test_thoughts_have_a_field_of_their_own_or_stand_in_the_text():
    thinking = line(message={"role": "assistant", "content": "", "thinking": "Hm."})
    _, last = await stream(thinking, line("Yes"), LAST)
    assert (last.reasoning, last.text) == ("Hm.", "Yes")
    _, last = await stream(line("<thi"), line("nk>Hm."), line("</think>\n\nYes"), LAST)
    assert (last.reasoning, last.text) == ("Hm.", "Yes")


async def test_how_likely_each_word_was_comes_with_its_line():
    likely = [{"token": "Hi", "logprob": -0.25, "bytes": [72], "top_logprobs": [{"token": "Yo", "logprob": -2.0}]}]
    request = replace(REQUEST, logprobs=True, top_logprobs=1)
    async with (
        BytesServer(NO_PS, reply(LINES, line("Hi", logprobs=likely), LAST)) as server,
        vendor.adapter_at(server) as adapter,
    ):
        *_deltas, last = [piece async for piece in adapter.stream(request)]
    assert last.logprobs == (TokenLogprob("Hi", -0.25, (("Yo", -2.0),)),)
    assert (server.requests[1].json["logprobs"], server.requests[1].json["top_logprobs"]) == (True, 1)


async def test_an_uncounted_prompt_is_estimated_and_marked():
    _, last = await stream(line("Hi"), line(done=True, done_reason="stop", eval_count=3))
    assert last.usage.is_estimated and last.usage.output_tokens == 3 and last.usage.input_tokens > 0


@pytest.mark.parametrize("ending", [(), (RESET,), (b'{"model": "m", "mess',)])
async def test_without_its_last_line_an_answer_is_interrupted(ending):
    with pytest.raises(Interrupted) as caught:
        await stream(line("Hi "), line("there"), *ending)
    assert caught.value.extra["partial"].text == "Hi there"


async def test_an_error_is_a_line_of_a_stream_whose_status_is_fine():
    with pytest.raises(ProviderError) as caught:
        await stream(line("Hi"), b'{"error": "an error was encountered while running the model: CUDA error"}\n')
    assert "CUDA error" in caught.value.vendor_message and caught.value.extra["partial"].text == "Hi"


@pytest.mark.parametrize("body", [{"ok": True}, {"models": []}])
async def test_json_that_is_no_answer_is_malformed(body):
    with pytest.raises(MalformedAnswer):
        await vendor.complete(NO_PS, whole(JSON, body))


async def test_a_prompt_that_does_not_fit_is_refused_and_never_cut_in_silence():
    said = ('{"error":{"code":400,"message":"request (351 tokens) exceeds the available context size (256 tokens)",'
            '"type":"exceed_context_size_error","n_prompt_tokens":351,"n_ctx":256}}')  # fmt: skip
    scripts = (NO_PS, whole(JSON, {"error": said}, status="400 Bad Request"))
    async with BytesServer(*scripts) as server, vendor.adapter_at(server) as adapter:
        with pytest.raises(ContextTooLong):
            await adapter.complete(REQUEST)
    assert server.requests[1].json["truncate"] is False


async def test_a_conversation_is_said_in_its_words():
    messages = (
        Message("system", "Be brief."),
        Message("user", "Look", images=("data:image/png;base64,iVBORw0KGgo=",)),
        Message("assistant", "", tool_calls=(ToolCall("c1", "look", '{"x": 1}'), ToolCall("c2", "peek", "no json"))),
        Message("tool", "a cat", tool_call_id="c1"),
        Message("tool", "a dog", tool_call_id="c2"),
    )
    request = ChatRequest(
        "m", messages, max_output_tokens=9, temperature=0.5, seed=3, stop=("END",), json_schema={"type": "object"}
    )
    answer = {"message": {"content": "{}"}, "done": True}
    async with BytesServer(NO_PS, whole(JSON, answer)) as server, vendor.adapter_at(server) as adapter:
        assert (await adapter.complete(request)).data == {}
    assert server.requests[1].json == {
        "model": "m", "stream": False, "truncate": False, "format": {"type": "object"},
        "options": {"num_predict": 9, "temperature": 0.5, "seed": 3, "stop": ["END"]},
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Look", "images": ["iVBORw0KGgo="]},
            {"role": "assistant", "content": "", "tool_calls": [
                {"function": {"name": "look", "arguments": {"x": 1}}},
                {"function": {"name": "peek", "arguments": {"arguments": "no json"}}},
            ]},
            {"role": "tool", "content": "a cat", "tool_name": "look"},
            {"role": "tool", "content": "a dog", "tool_name": "peek"},
        ],
    }  # fmt: skip


async def test_the_upstream_is_let_go_within_a_third_of_a_second():
    async with BytesServer(NO_PS, chunked(LINES, line("Hi"), ending=HOLD)) as server, vendor.adapter_at(server) as adapter:
        reading = asyncio.create_task(anext(aiter(stream := adapter.stream(REQUEST))))
        await reading
        left = time.monotonic()
        await stream.aclose()
        assert await server.wait_until_client_is_gone() - left < 0.3


@pytest.mark.parametrize("typed", ["", "/", "/v1", "/v1/", "/api", "/api/chat", "/v1/chat/completions", "/api/tags"])
async def test_its_address_may_be_typed_in_many_ways(typed):
    adapter = make_adapter(Connection("ollama", f"http://127.0.0.1:11434{typed}"))
    assert adapter.base_url == "http://127.0.0.1:11434"
    await adapter.aclose()


# ── memory ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def server():
    with ollama_server() as server:
        yield server


@pytest.fixture
async def adapter(server):
    adapter = make_adapter(Connection("ollama", server.url, allow_private=True, max_attempts=1))
    yield adapter
    await adapter.aclose()


async def test_it_can_do_what_a_local_server_can(adapter):
    assert isinstance(adapter, LocalAdapter)


async def test_the_list_says_what_each_model_can_and_what_is_in_memory(adapter, server):
    server.memory["llama3.1:8b"] = 8192
    llama, llava, nomic = await adapter.list_models()
    assert (llama.state, llama.context_window, llama.details["max_context_length"]) == ("loaded", 8192, 131_072)
    assert (llava.state, llava.context_window) == ("available", 4096)
    assert llama.capabilities == ("chat", "tools", "json") and llava.capabilities == ("chat", "vision", "json")
    assert nomic.capabilities == ("embeddings",)
    assert (llama.quantization, llama.size_bytes) == ("Q4_K_M", MODELS["llama3.1:8b"]["size"])


async def test_what_is_in_memory_says_how_much_of_it_is_on_the_gpu(adapter, server):
    server.memory["llava:latest"] = 4096
    [one] = await adapter.loaded()
    assert one.details["memory_bytes"] == 5 * GIB and one.details["vram_bytes"] == 2 * GIB
    assert one.details["expires_at"] == "2026-11-21T12:00:00Z"


async def test_a_model_is_loaded_once_and_with_the_length_that_was_asked_for(adapter, server):
    await adapter.load("llama3.1:8b", context_length=16_384)
    await adapter.load("llama3.1:8b")
    await adapter.load("LLAMA3.1:8B", context_length=16_384)
    assert server.memory == {"llama3.1:8b": 16_384} and server.loads() == 1
    await adapter.load("llama3.1:8b", context_length=32_768)
    assert server.memory == {"llama3.1:8b": 32_768} and server.loads() == 2
    await adapter.load("llama3.1:8b", options=LoadOptions(gpu_layers=10))
    assert server.asked[-2][1]["options"] == {"num_gpu": 10}


async def test_a_question_keeps_the_length_that_the_model_was_loaded_with(adapter, server):
    await adapter.load("llama3.1:8b", context_length=16_384)
    await adapter.complete(ChatRequest("llama3.1:8b", (Message("user", "Hi"),)))
    assert server.asked[-1][1]["options"] == {"num_ctx": 16_384}
    assert server.memory == {"llama3.1:8b": 16_384}


async def test_an_option_that_it_has_no_word_for_is_refused(adapter):
    with pytest.raises(NotSupported):
        await adapter.load("llama3.1:8b", options=LoadOptions(flash_attention=True))


async def test_unloading_takes_it_out_and_does_nothing_when_it_is_out(adapter, server):
    await adapter.load("llava")
    await adapter.unload("llava")
    assert server.memory == {}
    before = len(server.asked)
    await adapter.unload("llava")
    assert [path for path, _body in server.asked[before:]] == ["/api/ps"]


async def test_a_model_that_only_embeds_is_loaded_by_its_own_question(adapter, server):
    await adapter.load("nomic-embed-text")
    assert list(server.memory) == ["nomic-embed-text:latest"]
    await adapter.unload("nomic-embed-text")
    assert server.memory == {}
    assert await adapter.embed("nomic-embed-text", ["a", "b", "c"]) == [[0.25, 0.5]] * 3


async def test_a_load_that_fails_says_why(adapter, server):
    server.loads_fail = True
    with pytest.raises(ProviderError) as caught:
        await adapter.load("llama3.1:8b")
    assert "requires more system memory" in caught.value.vendor_message


async def test_a_model_that_is_not_there_cannot_be_loaded(adapter):
    with pytest.raises(BadRequest) as caught:
        await adapter.load("nobody:1b")
    assert "not found" in caught.value.vendor_message


async def test_a_load_given_up_leaves_nothing_in_memory(adapter, server):
    await adapter.load("llava")
    await adapter.load_cancel("llava")
    await adapter.load_cancel("nobody")
    assert server.memory == {}


@pytest.mark.parametrize("answers", [{"*": (200, {"content-type": HTML}, "<html>Hi</html>")}, {"*": {"ok": True}}, {}])
async def test_another_service_at_the_address_is_told(answers):
    with listing(answers) as other:
        adapter = make_adapter(Connection("ollama", other.url, allow_private=True, max_attempts=1))
        with pytest.raises(NotAnApi):
            await adapter.list_models()
        assert (await adapter.check()).error_code == "not_an_api"
        await adapter.aclose()


# ── downloads ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def until_done(adapter, job_id):
    async with asyncio.timeout(10):
        while (progress := await adapter.download_progress(job_id)).state == "downloading":
            await asyncio.sleep(0.01)
    return progress


async def test_a_download_shows_the_bytes_of_all_layers_and_outlives_its_asker(server):
    connection = Connection("ollama", server.url, allow_private=True, max_attempts=1)
    server.may_go_on.clear()
    adapter = make_adapter(connection)
    started = await adapter.download("qwen3:4b")
    await adapter.aclose()
    assert (started.state, started.job_id, started.total_bytes) == ("downloading", "qwen3:4b", 900)
    adapter = make_adapter(connection)
    halfway = await adapter.download_progress(started.job_id)
    assert 0 < halfway.downloaded_bytes < 900 and 0 < halfway.percent < 100
    assert server.pulls_open == 1
    server.may_go_on.set()
    done = await until_done(adapter, started.job_id)
    assert (done.state, done.total_bytes, done.percent) == ("completed", 1000, 100.0)
    assert "qwen3:4b" in [model.key for model in await adapter.list_models()]
    await adapter.aclose()


async def test_a_pull_that_nobody_holds_any_more_is_gone_on_with(adapter, server):
    server.fetched["sha256:aa"] = 450
    server.may_go_on.clear()
    progress = await adapter.download_progress("qwen3:4b")
    assert progress.state == "downloading"
    assert (await adapter.download_progress("qwen3:4b")).downloaded_bytes >= 450
    server.may_go_on.set()
    assert (await until_done(adapter, "qwen3:4b")).state == "completed"


async def test_what_is_there_already_is_no_job(adapter, server):
    server.fetched.update({"sha256:aa": 900, "sha256:bb": 100})
    async with asyncio.timeout(10):
        while (download := await adapter.download("llama3.1:8b")).state == "downloading":
            await asyncio.sleep(0.01)
    assert (download.state, download.job_id) == ("already_downloaded", "")


async def test_a_name_that_the_library_does_not_have_is_a_refusal(adapter):
    with pytest.raises(BadRequest) as caught:
        for _look in range(50):
            await adapter.download("missing:1b")
            await asyncio.sleep(0.01)
    assert "file does not exist" in caught.value.message


async def test_a_pull_of_a_server_that_is_away_says_so():
    adapter = make_adapter(Connection("ollama", "http://127.0.0.1:9", allow_private=True, max_attempts=1))
    with pytest.raises(ProviderError):
        await adapter.download_progress("qwen3:4b")
    assert not [pull for pull in pulls._pulls if pull[0].endswith(":9")]
    await adapter.aclose()


@pytest.mark.parametrize(
    ("name", "quantization", "pulled"),
    [
        ("qwen3:4b", "", "qwen3:4b"),
        ("https://huggingface.co/bartowski/Llama-3.2-1B-GGUF/", "Q8_0", "hf.co/bartowski/Llama-3.2-1B-GGUF:Q8_0"),
        ("hf.co/bartowski/Llama-3.2-1B-GGUF", "", "hf.co/bartowski/Llama-3.2-1B-GGUF"),
    ],
)
def test_models_of_hugging_face_have_another_name_there(name, quantization, pulled):
    assert pulls.pulled_name(name, quantization) == pulled


def test_a_name_of_the_library_takes_no_quantization():
    with pytest.raises(BadRequest):
        pulls.pulled_name("qwen3:4b", "Q8_0")
