"""The web look-up and the vectors of a team, against a real server on this machine."""

from __future__ import annotations

import sys
from types import SimpleNamespace
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from apps.accounts.actor import Actor
from apps.tasks.models import CheckingSettings, TaskExecution
from apps.tasks.runner.evidence import evidence_for, results_in
from apps.tasks.services.verifying import checking_settings_update
from tests.providers.calls.upstream import says
from tests.servers.bytes_server import HTML, JSON, BytesServer, whole
from tests.tasks.routing.upstream import model_at, routed

pytestmark = pytest.mark.django_db
FOUND = {"results": [{"title": "Harbour of Setúbal", "content": "Widened in 1923.", "url": "x"}, {"url": "x"}, 5]}
QUESTION = "Who widened the harbour of Setúbal, and when was that done?"
ANSWER = "The harbour of Setúbal was widened in 1923 by the engineer Adolfo Loureiro, who had built the quays of Funchal before."


@pytest.fixture
def private(settings: Any) -> None:
    settings.ORQ_PRIVATE_HOSTS = ["127.0.0.1"]


def looked_up(actor: Actor, script: tuple, **fields: Any) -> tuple[Any, list[str]]:
    async def story() -> tuple[Any, list[str]]:
        from asgiref.sync import sync_to_async

        async with BytesServer(script) as server:
            address = server.url.removesuffix("/v1")
            given = {name: value.replace("HERE", address) if isinstance(value, str) else value for name, value in fields.items()}
            await sync_to_async(checking_settings_update)(actor, **given)
            evidence = await evidence_for(actor.team.pk, actor.user.pk, "x")
            assert evidence is not None
            return await evidence.look_up("Setúbal & Co #1"), [request.path for request in server.requests]

    return async_to_sync(story)()


def test_it_is_off_until_somebody_switches_it_on(actor: Actor) -> None:
    assert async_to_sync(evidence_for)(actor.team.pk, actor.user.pk, "x") is None


def test_a_searxng_is_asked_in_json(actor: Actor, private: None) -> None:
    found, paths = looked_up(actor, whole(JSON, FOUND), search="searxng", search_url="HERE/")
    assert found == ["Harbour of Setúbal Widened in 1923."]
    assert paths == ["/search?q=Set%C3%BAbal%20%26%20Co%20%231&format=json"]


def test_another_search_is_asked_by_its_address(actor: Actor, private: None) -> None:
    about = {"search": "template", "search_url": "HERE/find?words={query}", "search_results": "data.items"}
    found, paths = looked_up(actor, whole(JSON, {"data": {"items": ["One text.", {"snippet": "Another."}]}}), **about)
    assert found == ["One text.", "Another."] and paths == ["/find?words=Set%C3%BAbal%20%26%20Co%20%231"]


@pytest.mark.parametrize(
    "script",
    [
        whole(HTML, "<p>JSON is switched off</p>"),
        whole(JSON, {"error": "no"}),
        whole(JSON, {"results": "none"}),
        whole(JSON, FOUND, status="403 Forbidden"),
        whole(JSON, b"[" + b"1," * 600_000 + b"1]"),
    ],
)
def test_a_search_that_answers_with_something_else_says_nothing(actor: Actor, private: None, script: tuple) -> None:
    assert looked_up(actor, script, search="searxng", search_url="HERE")[0] is None


def test_a_private_address_is_not_asked_unless_it_is_allowed(actor: Actor) -> None:
    found, paths = looked_up(actor, whole(JSON, FOUND), search="searxng", search_url="HERE")
    assert found is None and paths == []


def test_nothing_found_is_told_from_no_answer() -> None:
    assert results_in(b'{"results": []}', "results") == []
    with pytest.raises(ValueError):
        results_in(b"{}", "results")


def test_a_folder_without_the_packages_or_without_a_model_gives_no_vectors(actor: Actor, tmp_path: Any) -> None:
    actor.user.is_staff = True
    checking_settings_update(actor, vectors="folder", vectors_folder=str(tmp_path))
    evidence = async_to_sync(evidence_for)(actor.team.pk, actor.user.pk, "x")
    assert evidence is not None and async_to_sync(evidence.vectors)(["a"]) is None


@pytest.mark.parametrize("error", [KeyError("path"), RuntimeError("size mismatch"), OSError("not a model")])
def test_a_broken_model_in_a_folder_gives_no_vectors(
    actor: Actor, tmp_path: Any, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def broken(*args: Any, **kwargs: Any) -> None:
        raise error

    monkeypatch.setitem(sys.modules, "sentence_transformers", SimpleNamespace(SentenceTransformer=broken))
    actor.user.is_staff = True
    checking_settings_update(actor, vectors="folder", vectors_folder=str(tmp_path))
    evidence = async_to_sync(evidence_for)(actor.team.pk, actor.user.pk, "x")
    assert evidence is not None and async_to_sync(evidence.vectors)(["a"]) is None


def test_vectors_of_a_provider_are_paid_for_and_recorded(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    from apps.providers.calls import Calls
    from apps.providers.models import CreditUsage

    async def embed(self: Calls, model: Any, texts: list[str]) -> list[list[float]]:
        return [[3.0, 4.0] for _ in texts]

    monkeypatch.setattr(Calls, "embed", embed)
    row = execution_row(actor)
    model = model_at(actor, "vectors", capabilities=["embeddings"])
    checking_settings_update(actor, vectors="model", vectors_model=model)
    evidence = async_to_sync(evidence_for)(actor.team.pk, actor.user.pk, str(row.public_id))
    assert evidence is not None
    vectors = async_to_sync(evidence.vectors)(["a", "b"])
    assert vectors is not None and [list(map(float, one)) for one in vectors] == [pytest.approx([0.6, 0.8])] * 2
    assert CreditUsage.objects.get().purpose == "embed"


def execution_row(actor: Actor) -> TaskExecution:
    from tests.factories import execution_of

    return execution_of(actor)


def test_the_route_asks_the_search_and_shows_what_came_of_it(actor: Actor, private: None) -> None:
    model = model_at(actor, "author")

    async def story(server: BytesServer) -> None:
        await CheckingSettings.objects.acreate(team=actor.team, search="searxng", search_url=server.url.removesuffix("/v1"))

    async def with_server() -> list[str]:
        from asgiref.sync import sync_to_async

        async with BytesServer(
            whole(JSON, {"results": [{"title": "Harbours", "content": "How harbours were widened."}]})
        ) as server:
            await story(server)
            await sync_to_async(routed)(actor, {model: says(ANSWER)}, QUESTION)
            return [request.path for request in server.requests]

    paths = async_to_sync(with_server)()
    assert paths and paths[0].startswith("/search?q=")
    kept = TaskExecution.objects.get().metadata["attempts"][0]["hallucination"]["assessment"]
    assert "lookup" in {one["name"] for one in kept["factors"]} and "lookup" not in kept["missing"]
