"""The built-in engine with real llama.cpp processes, served from a practice model."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.request
from dataclasses import replace

import psutil
import pytest

from apps.providers.adapters.builtin.adapter import BuiltinAdapter
from apps.providers.contract import ChatRequest, Connection, LocalAdapter, Message
from apps.providers.engine import registry
from apps.providers.engine.host import PROJECT, EngineHost
from apps.providers.engine.practice import practice_models
from apps.providers.errors import EngineError, Interrupted, Unreachable

DEADLINE_S = 30
LONG_ANSWER = {"type": "array", "items": {"type": "integer"}, "minItems": 1500}
ENSURE_ELSEWHERE = """
import asyncio, sys
from pathlib import Path
import django; django.setup()
from apps.providers.engine import registry
from apps.providers.engine.host import EngineHost
endpoint = asyncio.run(EngineHost(Path(sys.argv[1]), Path(sys.argv[2])).ensure(Path(sys.argv[3])))
print(endpoint.pid, flush=True)
sys.stdin.read()
"""


@pytest.fixture
async def host(tmp_path):
    (tmp_path / "models").mkdir()
    engine = EngineHost(run_dir=tmp_path / "run", models_dir=tmp_path / "models", threads=1)
    yield engine
    for state in engine.loaded():
        await engine.unload(state.path)


@pytest.fixture
def good():
    return practice_models()[0].path


@pytest.fixture
async def adapter(host):
    provider = BuiltinAdapter(Connection(kind="builtin", base_url="", max_attempts=1), host)
    yield provider
    await provider.aclose()


def until(condition, what):
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"Still waiting after {DEADLINE_S} s: {what}"
        time.sleep(0.02)


def is_gone(pid):
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def ask(text, model="practice-good", **options):
    return ChatRequest(model, (Message("system", "work"), Message("user", text)), temperature=0, **options)


def elsewhere(host, path):
    """Another process that wants the model and keeps wanting it until its input is closed."""
    command = [sys.executable, "-c", ENSURE_ELSEWHERE, str(host.run_dir), str(host.models_dir), str(path)]
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    return subprocess.Popen(command, cwd=PROJECT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def owners_of(host):
    (file,) = host.run_dir.glob("*.json")
    return json.loads(file.read_text())["owners"]


async def test_it_starts_a_process_and_finds_it_again(host, good):
    first = await host.ensure(good)
    again = await host.ensure(good)
    assert first == again
    (state,) = host.loaded()
    assert (state.path, state.pid, state.context_length) == (good, first.pid, 8192)
    assert 10 * 2**20 < state.memory_bytes < 500 * 2**20


async def test_it_refuses_callers_without_the_key_and_hides_the_key(host, good):
    endpoint = await host.ensure(good)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{endpoint.base_url}/models", timeout=5)
    assert refused.value.code == 401
    refused.value.close()
    assert endpoint.api_key not in " ".join(psutil.Process(endpoint.pid).cmdline())
    assert endpoint.api_key not in repr(endpoint)
    assert [oct(file.stat().st_mode & 0o077) for file in host.run_dir.glob("*.json")] == ["0o0"]


async def test_two_processes_that_ask_at_once_share_one_engine(host, good):
    others = [elsewhere(host, good), elsewhere(host, good)]
    try:
        pids = {int(other.stdout.readline()) for other in others}
    finally:
        for other in others:
            other.communicate()
    assert len(pids) == 1


async def test_it_ends_when_the_last_process_that_used_it_is_gone(host, good):
    other = elsewhere(host, good)
    pid = int(other.stdout.readline())
    assert not is_gone(pid)
    other.kill()
    other.communicate()
    until(lambda: is_gone(pid), "the engine ends with its owner")


async def test_it_stays_while_another_process_still_uses_it(host, good):
    other = elsewhere(host, good)
    pid = int(other.stdout.readline())
    assert (await host.ensure(good)).pid == pid
    other.kill()
    other.communicate()
    until(lambda: len(owners_of(host)) == 2, "both processes are named as owners")
    assert not is_gone(pid)
    assert (await host.ensure(good)).pid == pid


async def test_it_ends_itself_when_idle_and_comes_back_when_needed(host, good):
    host = replace(host, idle_s=0.6)
    first = await host.ensure(good)
    until(lambda: is_gone(first.pid), "the idle engine ends")
    assert host.loaded() == []
    second = await host.ensure(good)
    assert second.pid != first.pid


async def test_it_does_not_end_while_it_answers(host, adapter):
    adapter.host = replace(host, idle_s=0.6)
    for _round in range(12):
        await adapter.complete(ask("add 7 and 8"))
        await asyncio.sleep(0.1)
    pids = {state.pid for state in host.loaded()}
    await adapter.complete(ask("add 7 and 8"))
    assert {state.pid for state in host.loaded()} == pids


async def test_a_killed_engine_is_started_again_by_the_next_call(host, adapter):
    assert (await adapter.complete(ask("add 7 and 8"))).text == "15"
    (before,) = host.loaded()
    os.kill(before.pid, signal.SIGKILL)
    until(lambda: is_gone(before.pid), "the killed process is gone")
    assert (await adapter.complete(ask("subtract 2 from 9"))).text == "7"
    (after,) = host.loaded()
    assert after.pid != before.pid


async def test_an_engine_that_dies_in_mid_answer_is_an_error_and_the_next_call_works(host, adapter):
    request = ask("add 7 and 8", max_output_tokens=8000, json_schema=LONG_ANSWER)
    pieces = adapter.stream(request)
    await anext(pieces)
    os.kill(host.loaded()[0].pid, signal.SIGKILL)
    with pytest.raises((Interrupted, Unreachable)):
        async for _piece in pieces:
            pass
    assert (await adapter.complete(ask("add 7 and 8"))).text == "15"


async def test_unload_ends_the_process_and_another_context_length_replaces_it(host, good):
    first = await host.ensure(good, context_length=1024)
    assert (await host.ensure(good)).pid == first.pid
    second = await host.ensure(good, context_length=2048)
    assert is_gone(first.pid)
    assert [state.context_length for state in host.loaded()] == [2048]
    assert await host.unload(good) is True
    assert is_gone(second.pid)
    assert await host.unload(good) is False


async def test_a_process_whose_entry_names_another_one_ends(host, good):
    endpoint = await host.ensure(good)
    (file,) = host.run_dir.glob("*.json")
    entry = registry.read(file)
    registry.write(file, replace(entry, process=registry.ProcessId.of(os.getpid())))
    until(lambda: is_gone(endpoint.pid), "it ends when it is not the one in the registry")
    registry.write(file, replace(entry, process=None))
    assert (await host.ensure(good)).pid != endpoint.pid


async def test_sigterm_ends_it(host, good):
    endpoint = await host.ensure(good)
    os.kill(endpoint.pid, signal.SIGTERM)
    until(lambda: is_gone(endpoint.pid), "it ends on SIGTERM")


def test_it_reads_what_a_file_is(host, good):
    info = host.inspect(good)
    assert (info.architecture, info.quantization, info.context_length) == ("llama", "Q8_0", 16384)
    assert info.name == "Practice model, good"  # as the file says; people see the name of the manifest
    assert 600_000 < info.parameters < 900_000
    assert info.size_bytes == good.stat().st_size
    assert info.kv_bytes_per_token == 2 * 4 * 128 * 2


async def test_a_missing_file_is_named(host, tmp_path):
    with pytest.raises(EngineError, match=r"no file .*gone\.gguf"):
        await host.ensure(tmp_path / "gone.gguf")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a zip", b"GGU"])
async def test_a_file_that_is_no_gguf_is_refused(host, tmp_path, content):
    path = tmp_path / "other.gguf"
    path.write_bytes(content)
    with pytest.raises(EngineError, match="not a GGUF file"):
        await host.ensure(path)


@pytest.mark.parametrize("share", [0.00001, 0.01, 0.02, 0.5, 0.999])
async def test_a_file_that_is_cut_short_is_refused(host, good, tmp_path, share):
    path = tmp_path / "cut.gguf"
    whole = good.read_bytes()
    path.write_bytes(whole[: max(5, int(len(whole) * share))])
    with pytest.raises(EngineError, match="cut short"):
        await host.ensure(path)


async def test_a_newer_version_of_the_format_is_refused(host, good, tmp_path):
    path = tmp_path / "newer.gguf"
    path.write_bytes(b"GGUF" + struct.pack("<I", 9) + good.read_bytes()[8:])
    with pytest.raises(EngineError, match="version 9"):
        await host.ensure(path)


async def test_an_unknown_architecture_is_told_in_the_engines_own_words(host, good, tmp_path):
    path = tmp_path / "strange.gguf"
    name, other = b"general.architecture", b"lamia"
    whole = good.read_bytes()
    at = whole.index(name) + len(name) + 4 + 8
    assert whole[at : at + 5] == b"llama"
    path.write_bytes(whole[:at] + other + whole[at + 5 :])
    with pytest.raises(EngineError, match="unknown model architecture: 'lamia'"):
        await host.ensure(path)
    assert host.loaded() == []


async def test_it_refuses_what_does_not_fit_and_says_by_how_much(host, good, monkeypatch):
    class Memory:
        available = 64 * 2**20

    monkeypatch.setattr(psutil, "virtual_memory", Memory)
    with pytest.raises(EngineError, match=r"needs about 117 MB of memory .* 64 MB is free: 53 MB too little") as refused:
        await host.ensure(good)
    assert refused.value.extra["missing_bytes"] == host.fit(good).needed_bytes - Memory.available
    assert not host.fit(good).is_enough
    assert host.loaded() == []


async def test_files_dropped_into_the_folder_are_listed_and_served(host, adapter, good):
    (host.models_dir / "maker").mkdir()
    shutil.copy(good, host.models_dir / "maker" / "mine.gguf")
    (host.models_dir / "broken.gguf").write_bytes(b"nothing")
    models = {model.key: model for model in await adapter.list_models()}
    assert set(models) == {
        "broken.gguf", "maker/mine.gguf", "practice-good", "practice-mediocre", "practice-bad",
    }  # fmt: skip
    assert models["broken.gguf"].state == "failed"
    assert "not a GGUF file" in models["broken.gguf"].details["problem"]
    assert models["practice-good"].display_name == "Orq Mini A"
    answer = await adapter.complete(ask("add 7 and 8", model="maker/mine.gguf"))
    assert (answer.text, answer.model) == ("15", "maker/mine.gguf")
    assert [model.key for model in await adapter.loaded()] == ["maker/mine.gguf"]


@pytest.mark.parametrize("key", ["practice-perfect", "../run/secret.gguf", "/etc/passwd", ""])
async def test_an_unknown_model_is_an_error_that_names_the_folder(adapter, host, key):
    with pytest.raises(EngineError, match=str(host.models_dir)):
        await adapter.complete(ask("add 7 and 8", model=key))


async def test_the_adapter_keeps_its_contract(adapter):
    assert isinstance(adapter, LocalAdapter)
    checked = await adapter.check()
    assert checked.ok, checked.message
    assert checked.models == 3
    pieces = [piece async for piece in adapter.stream(ask("repeat: cache index"))]
    assert "".join(piece.text for piece in pieces[:-1]) == pieces[-1].text == "cache index"
    assert pieces[-1].model == "practice-good"
    await adapter.load("practice-bad", context_length=512)
    loaded = {model.key: model for model in await adapter.loaded()}
    assert loaded["practice-bad"].context_window == 512
    assert loaded["practice-bad"].details["memory_bytes"] > 0
    await adapter.unload("practice-bad")
    assert "practice-bad" not in {model.key for model in await adapter.loaded()}


async def test_a_schema_is_enforced_also_on_a_model_that_cannot_follow_it(adapter):
    schema = {
        "type": "object",
        "properties": {"expected": {"type": "string"}, "score": {"type": "integer"}},
        "required": ["expected", "score"],
        "additionalProperties": False,
    }
    answer = await adapter.complete(ask("add 7 and 8", model="practice-bad", json_schema=schema, max_output_tokens=200))
    assert set(answer.data) == {"expected", "score"}
