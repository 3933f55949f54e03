"""Which adapter serves which kind."""

from __future__ import annotations

import importlib.metadata

import pytest

from apps.common.errors import BadInput
from apps.providers.adapters import known_kinds, make_adapter
from apps.providers.adapters.openai_compatible.adapter import OpenAICompatibleAdapter
from apps.providers.contract import Connection


class FromElsewhere:
    def __init__(self, connection):
        self.connection = connection


@pytest.fixture
def another_package(monkeypatch):
    entry = importlib.metadata.EntryPoint("acme", "tests.providers.test_adapters:FromElsewhere", "orquestrador.providers")
    hijack = importlib.metadata.EntryPoint("openai", "tests.providers.test_adapters:FromElsewhere", "orquestrador.providers")

    def entry_points(*, group, **wanted):
        assert group == "orquestrador.providers"
        return [e for e in (entry, hijack) if wanted.get("name", e.name) == e.name]

    monkeypatch.setattr("apps.providers.adapters.entry_points", entry_points)


@pytest.mark.parametrize("kind", ["openai_compatible", "genspark", "openai", "mistral", "llamacpp"])
async def test_kinds_that_speak_openais_protocol_share_an_adapter(kind):
    adapter = make_adapter(Connection(kind, "http://127.0.0.1:9"))
    assert isinstance(adapter, OpenAICompatibleAdapter)
    assert adapter.base_url == "http://127.0.0.1:9/v1"
    await adapter.aclose()


async def test_a_kind_with_a_fixed_address_knows_it():
    adapter = make_adapter(Connection("genspark", ""))
    assert (adapter.base_url, adapter.name) == ("https://www.genspark.ai/api/llm_proxy/v1", "genspark")
    await adapter.aclose()


@pytest.mark.parametrize(
    ("kind", "base_url"),
    [("anthropic", "https://api.anthropic.com/v1"), ("google", "https://generativelanguage.googleapis.com/v1beta")],
)
async def test_a_vendor_with_a_protocol_of_its_own_has_an_adapter_of_its_own(kind, base_url):
    adapter = make_adapter(Connection(kind, ""))
    assert not isinstance(adapter, OpenAICompatibleAdapter)
    assert (adapter.base_url, adapter.name) == (base_url, kind)
    await adapter.aclose()


@pytest.mark.parametrize("kind", ["acme", "", "no such kind"])
def test_a_kind_without_an_adapter_is_refused_in_words(kind):
    with pytest.raises(BadInput) as caught:
        make_adapter(Connection(kind, "http://127.0.0.1:9"))
    assert caught.value.errors[0]["field"] == "kind"


def test_another_package_can_add_a_kind(another_package):
    adapter = make_adapter(Connection("acme", "http://127.0.0.1:9"))
    assert isinstance(adapter, FromElsewhere) and adapter.connection.kind == "acme"
    assert "acme" in known_kinds()


async def test_another_package_cannot_take_a_kind_of_ours(another_package):
    adapter = make_adapter(Connection("openai", "http://127.0.0.1:9"))
    assert isinstance(adapter, OpenAICompatibleAdapter)
    assert known_kinds().count("openai") == 1
    await adapter.aclose()


@pytest.mark.parametrize("base_url", ["", "localhost:1234", "http://u:p@h/", "ftp://h/"])
def test_an_address_that_cannot_be_used_is_refused_when_the_adapter_is_made(base_url):
    with pytest.raises(BadInput):
        make_adapter(Connection("openai_compatible", base_url))
