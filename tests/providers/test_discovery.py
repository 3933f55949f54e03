"""Finding model servers by their own API. LM Studio and Ollama are imitated from their documentation; neither installs here."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack

import pytest
from asgiref.sync import async_to_sync

from apps.accounts.models import Role
from apps.common.errors import NotAllowed
from apps.providers import discovery, services
from apps.providers.discovery import PORTS, find_servers
from tests.factories import make_actor
from tests.providers.listing import HTML, listing, models
from tests.servers.llama import llama
from tests.servers.services import free_port

__all__ = ["llama"]  # a fixture

ALL = ("lmstudio", "ollama", "llamacpp", "vllm")
UNKNOWN_PATH = {"error": "Unexpected endpoint or method. (GET /x)"}  # LM Studio's answer to any other path, with status 200
LMSTUDIO = {"/api/v1/models": {"models": [{"type": "llm", "key": "qwen/qwen3-8b", "loaded_instances": []}]}, "*": UNKNOWN_PATH}
OLD_LMSTUDIO = {"/api/v0/models": {"object": "list", "data": [{"id": "qwen3-8b", "state": "not-loaded"}]}, "*": UNKNOWN_PATH}
OLLAMA = {
    "/api/version": {"version": "0.12.0"},
    "/api/tags": {"models": [{"name": "llama3.1:8b", "size": 1}]},
    "/v1/models": models("x"),
}
LLAMACPP = {
    "/v1/models": {"object": "list", "data": [{"id": "a.gguf", "owned_by": "llamacpp", "meta": None}]},
    "/props": {"default_generation_settings": {}, "total_slots": 4},
}
LLAMACPP_UNSIGNED = {"/v1/models": models("a.gguf"), "/props": LLAMACPP["/props"]}
LLAMACPP_LOADING = {"*": (503, {"server": "llama.cpp"}, '{"error": {"message": "Loading model", "code": 503}}')}
LMSTUDIO_WITH_KEY = {
    "/api/v1/models": (401, {}, '{"error": {"message": "An LM Studio API token is required", "code": "invalid_api_key"}}')
}
VLLM = {"/version": {"version": "0.16.0"}, "/v1/models": {"data": [{"id": "org/big", "owned_by": "vllm", "max_model_len": 4096}]}}
OURSELVES = {
    "/version": (404, {"content-type": "application/problem+json"}, '{"status": 404}'),
    "/v1/models": models("orq/auto"),
    "*": (302, {"location": "/sign-in/"}, ""),
}


@pytest.mark.parametrize(
    ("answers", "found"),
    [
        (LMSTUDIO, ("lmstudio", "LM Studio", "", ("qwen/qwen3-8b",))),
        (OLD_LMSTUDIO, ("lmstudio", "LM Studio", "", ("qwen3-8b",))),
        (OLLAMA, ("ollama", "Ollama", "", ("llama3.1:8b",))),
        (LLAMACPP, ("llamacpp", "llama.cpp", "/v1", ("a.gguf",))),
        (LLAMACPP_UNSIGNED, ("llamacpp", "llama.cpp", "/v1", ("a.gguf",))),
        (LLAMACPP_LOADING, ("llamacpp", "llama.cpp", "/v1", ())),
        (LMSTUDIO_WITH_KEY, ("lmstudio", "LM Studio", "", ())),
        (VLLM, ("openai_compatible", "vLLM", "/v1", ("org/big",))),
    ],
)
async def test_each_server_is_known_by_its_own_api(answers, found):
    with listing(answers) as server:
        (seen,) = await find_servers({server.port: ALL})
    assert (seen.kind, seen.display_name, seen.base_url, seen.models) == (
        found[0],
        found[1],
        f"http://127.0.0.1:{server.port}{found[2]}",
        found[3],
    )


async def test_the_real_llama_server_is_found_although_it_wants_a_key(llama):
    port = int(llama.url.rsplit(":", 1)[1])
    (seen,) = await find_servers({port: ALL})
    assert (seen.display_name, seen.models, seen.needs_key) == ("llama.cpp", (), True)


@pytest.mark.parametrize(
    "answers",
    [
        OURSELVES,
        {"*": UNKNOWN_PATH},
        {"*": (200, {"content-type": HTML}, "<html>A printer</html>")},
        {"*": (200, {}, "not JSON")},
        {"*": (500, {}, "{}")},
        {"/v1/models": models("gpt-x")},  # some other gateway
        {"/version": {"version": "1"}, "/v1/models": models("gpt-x")},
        {"/api/version": {"version": "1"}, "/api/tags": {"error": "no"}},
        {"/api/v1/models": {"models": "many"}},
        {"*": [1, 2, 3]},
    ],
)
async def test_what_only_looks_like_one_is_left_alone(answers):
    with listing(answers) as server:
        assert await find_servers({server.port: ALL}) == []


async def test_all_ports_are_asked_at_once_and_none_is_waited_for_long():
    with ExitStack() as stack:
        silent = stack.enter_context(socket.create_server(("127.0.0.1", free_port()), backlog=5))  # takes calls and says nothing
        servers = [stack.enter_context(listing(answers)) for answers in (OLLAMA, VLLM)]
        ports = {silent.getsockname()[1]: ALL, free_port(): ALL, **{server.port: ALL for server in servers}}
        began = time.monotonic()
        found = await find_servers(ports, wait_s=1.0)
        took_s = time.monotonic() - began
    assert [one.display_name for one in found] == ["Ollama", "vLLM"]
    assert took_s < 3


async def test_an_endless_answer_is_cut_off():
    with listing({"/api/v1/models": (200, {}, '{"models": ["' + "x" * (discovery.LARGEST_ANSWER + 10) + '"]}')}) as server:
        assert await find_servers({server.port: ("lmstudio",)}) == []


def test_the_usual_ports_are_looked_at():
    assert {1234, 11434, 8080, 9931, 8000} == set(PORTS)


@pytest.mark.django_db
def test_what_is_found_can_be_added_as_it_is_and_is_then_not_offered_again(monkeypatch):
    actor = make_actor()
    with listing({**OLLAMA, "/v1/models": models("llama3.1:8b")}) as server:
        monkeypatch.setattr(discovery, "PORTS", {server.port: ALL})
        (found,) = async_to_sync(services.discover)(actor)
        provider = services.provider_create(actor, kind=found.kind, display_name=found.display_name, base_url=found.base_url)
        assert async_to_sync(services.models_sync)(actor, provider).added == 1
        assert async_to_sync(services.discover)(actor) == []
    assert provider.is_local and provider.models.get().tier == "local"


@pytest.mark.django_db
def test_only_admins_look_around_on_the_machine():
    with pytest.raises(NotAllowed):
        async_to_sync(services.discover)(make_actor(Role.MEMBER))
