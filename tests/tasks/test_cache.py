"""What the cache gives again, to whom, and what it must never."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from asgiref.sync import async_to_sync
from django.db import connections
from django.utils import timezone
from rest_framework.test import APIClient

from apps.accounts.actor import Actor
from apps.accounts.models import Role
from apps.common.db import in_db
from apps.common.errors import NotAllowed
from apps.providers.contract import ChatRequest, Completion, Message, ToolCall, Usage
from apps.providers.models import AIModel, CreditUsage
from apps.tasks.engine.complexity import estimate
from apps.tasks.engine.routing.types import Attempt, Cached, Needs, Routed, RoutedPrompt, Selection
from apps.tasks.engine.trust import Signal, Trust, assess
from apps.tasks.engine.types import ModelRef
from apps.tasks.models import CachedAnswer, RoutingSettings, TaskExecution
from apps.tasks.services import cache
from apps.tasks.services.cache import cache_clear, cache_keep, cache_look, cached_remove
from tests.servers.bytes_server import JSON, BytesServer, whole
from tests.tasks.scenes import make_actor, make_model

pytestmark = pytest.mark.django_db
CAPITAL = "What is the capital of France?"
IN_OTHER_WORDS = "Please tell me the capital of France."


@dataclass(frozen=True)
class Asker:
    team_id: int
    owner_id: int | None
    key_id: UUID | None = None
    models: frozenset[str] | None = None


def asker_of(actor: Actor, **more: Any) -> Asker:
    return Asker(actor.team.pk, actor.user.pk, **more)


def prompt_of(text: str = CAPITAL, *, system: str = "", request: dict[str, Any] | None = None, **more: Any) -> RoutedPrompt:
    messages = (*([Message("system", system)] if system else []), Message("user", text))
    return RoutedPrompt(str(uuid4()), ChatRequest("", messages, **(request or {})), text, **more)


def ref_of(model: AIModel) -> ModelRef:
    return ModelRef(str(model.public_id), "p", model.key, str(model), model.family)


def routed_by(model: AIModel, text: str = "Paris.", **more: Any) -> Routed:
    said = Completion(text, more.pop("finish_reason", "stop"), Usage(12, 3), "m", tool_calls=more.pop("tool_calls", ()))
    about = {"completion": said, "by": ref_of(model), "confidence": 91.0, "needs": None, "selection": None}
    attempt = Attempt(ref_of(model), said, Trust(91.0, (Signal("samples_agree", 1.0, 12.0),)))
    return Routed(**{**about, "attempts": (attempt,), **more})


def look(asker: Asker, prompt: RoutedPrompt, model: AIModel) -> Cached | None:
    needs = Needs(estimate(prompt.text), "general", (), 100, "fast")
    return async_to_sync(cache_look)(asker, prompt, needs, Selection((ref_of(model),), ()))


def keep(asker: Asker, prompt: RoutedPrompt, routed: Routed, *, cost: str | None = "0.002") -> None:
    execution = TaskExecution.objects.create(
        team_id=asker.team_id, owner_id=asker.owner_id, input=prompt.text, cost_usd=cost and Decimal(cost)
    )
    async_to_sync(cache_keep)(asker, prompt, routed, execution)


@pytest.fixture
def model(actor: Actor) -> AIModel:
    return make_model(actor, "small")


@pytest.fixture
def asker(actor: Actor) -> Asker:
    return asker_of(actor)


def test_it_gives_the_answer_to_the_same_request_again_and_counts_what_that_saved(asker: Asker, model: AIModel) -> None:
    keep(asker, prompt_of(), routed_by(model))
    found = look(asker, prompt_of(), model)
    assert found is not None
    assert (found.kind, found.completion.text, found.confidence, found.saved_usd) == ("exact", "Paris.", 91.0, Decimal("0.002"))
    assert found.by.id == str(model.public_id)
    look(asker, prompt_of(), model)
    entry = CachedAnswer.objects.get()
    assert (entry.hits, entry.saved_usd) == (2, Decimal("0.004"))
    assert entry.last_hit_at is not None


@pytest.mark.parametrize(
    "other",
    [
        {"text": "What is the capital of Spain?"},
        {"system": "Answer in French."},
        {"strategy": "best"},
        {"forced_model": "x"},
        {"verify": True},
        {"request": {"max_output_tokens": 5}},
        {"request": {"temperature": 0.2}},
        {"request": {"seed": 3}},
        {"request": {"stop": ("\n",)}},
        {"request": {"json_schema": {"type": "object"}}},
    ],
)
def test_it_gives_nothing_where_anything_is_different(asker: Asker, model: AIModel, other: dict[str, Any]) -> None:
    keep(asker, prompt_of(), routed_by(model))
    assert look(asker, prompt_of(**other), model) is None


@pytest.mark.parametrize(
    "unfit",
    [
        {"use_cache": False},
        {"request": {"temperature": 0.9}},
        {"request": {"tools": ({"type": "function"},)}},
        {"request": {"logprobs": True}},
    ],
)
def test_it_keeps_nothing_of_requests_that_want_a_fresh_answer(asker: Asker, model: AIModel, unfit: dict[str, Any]) -> None:
    keep(asker, prompt_of(**unfit), routed_by(model))
    assert not CachedAnswer.objects.exists()


def test_it_keeps_nothing_of_pictures(asker: Asker, model: AIModel) -> None:
    request = ChatRequest("", (Message("user", CAPITAL, images=("data:image/png;base64,AA==",)),))
    keep(asker, replace(prompt_of(), request=request), routed_by(model))
    assert not CachedAnswer.objects.exists()


@pytest.mark.parametrize(
    ("poor", "asked"),
    [
        ({"confidence": 69.9}, {}),
        ({"confidence": None}, {}),
        ({"finish_reason": "length"}, {}),
        ({"tool_calls": (ToolCall("1", "f", "{}"),)}, {}),
        ({"text": "  "}, {}),
        ({"verified": "could_not"}, {"verify": True}),
        ({"verified": "not_asked"}, {"verify": True}),
        ({"attempts": ()}, {}),
    ],
)
def test_it_keeps_no_answer_that_is_not_good(asker: Asker, model: AIModel, poor: dict[str, Any], asked: dict[str, Any]) -> None:
    keep(asker, prompt_of(**asked), routed_by(model, **poor))
    assert not CachedAnswer.objects.exists()


@pytest.mark.parametrize(
    ("text", "answer", "is_kept"),
    [
        (CAPITAL, "Paris.", False),  # trusted as most such answers are, and nothing of it was looked at
        ("Write a function that adds two numbers.", "```python\ndef add(a, b):\n    return a + b\n```", True),
        ("A box holds 6 eggs. How many eggs are in 7 boxes?", "Each holds 6 eggs, so 7 * 6 = 42. The answer is 42.", True),
    ],
)
def test_a_confidence_that_rests_on_nothing_keeps_no_answer(
    asker: Asker, model: AIModel, text: str, answer: str, is_kept: bool
) -> None:
    said = Completion(answer, "stop", Usage(12, 3), "m")
    attempt = Attempt(ref_of(model), said, assess(text, answer))
    keep(asker, prompt_of(text), routed_by(model, completion=said, attempts=(attempt,)))
    assert CachedAnswer.objects.exists() == is_kept


@pytest.mark.parametrize("is_asked_again", [True, False])
def test_a_verified_answer_stays_verified(asker: Asker, model: AIModel, is_asked_again: bool) -> None:
    keep(asker, prompt_of(verify=True), routed_by(model, verified="yes", attempts=()))
    found = look(asker, prompt_of(verify=is_asked_again), model)
    assert found is not None and found.verified == "yes"


def test_it_does_not_cross_people_keys_or_teams(actor: Actor, asker: Asker, model: AIModel) -> None:
    keep(asker, prompt_of(), routed_by(model))
    colleague = make_actor("carla@example.org", team=actor.team, role=Role.MEMBER, name="Carla")
    elsewhere = make_actor("ana@example.org", name="Ana elsewhere")
    assert elsewhere.user == actor.user and elsewhere.team != actor.team
    for other in (asker_of(colleague), asker_of(actor, key_id=uuid4()), asker_of(elsewhere)):
        assert look(other, prompt_of(), model) is None


def test_a_team_that_shares_its_answers_shares_them_among_people_and_keys(actor: Actor, asker: Asker, model: AIModel) -> None:
    RoutingSettings.objects.create(team=actor.team, cache_is_shared=True)
    keep(asker, prompt_of(), routed_by(model))
    colleague = make_actor("carla@example.org", team=actor.team, role=Role.MEMBER, name="Carla")
    assert look(asker_of(colleague), prompt_of(), model) is not None
    assert look(asker_of(actor, key_id=uuid4()), prompt_of(), model) is not None
    RoutingSettings.objects.update(cache_is_shared=False)
    assert look(asker_of(colleague), prompt_of(), model) is None


def test_who_may_not_ask_a_model_does_not_get_its_answers(actor: Actor, asker: Asker, model: AIModel) -> None:
    keep(asker, prompt_of(), routed_by(model))
    assert look(asker_of(actor, models=frozenset({str(uuid4())})), prompt_of(), model) is None
    assert look(asker_of(actor, models=frozenset({str(model.public_id)})), prompt_of(), model) is not None


def test_it_is_off_where_a_team_switched_it_off(actor: Actor, asker: Asker, model: AIModel) -> None:
    keep(asker, prompt_of(), routed_by(model))
    RoutingSettings.objects.create(team=actor.team, cache_is_on=False)
    assert look(asker, prompt_of(), model) is None
    keep(asker, prompt_of("Another one?"), routed_by(model))
    assert CachedAnswer.objects.count() == 1


def test_an_answer_expires_and_goes_when_the_next_is_kept(asker: Asker, model: AIModel) -> None:
    keep(asker, prompt_of(), routed_by(model))
    CachedAnswer.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert look(asker, prompt_of(), model) is None
    keep(asker, prompt_of("Who wrote Hamlet?"), routed_by(model, "Shakespeare."))
    assert [entry.prompt for entry in CachedAnswer.objects.all()] == ["Who wrote Hamlet?"]


def test_a_team_has_only_so_many_and_the_oldest_go(asker: Asker, model: AIModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cache, "MOST_ENTRIES", 2)
    for text in ("One?", "Two?", "Three?"):
        keep(asker, prompt_of(text), routed_by(model))
    assert [entry.prompt for entry in CachedAnswer.objects.order_by("pk")] == ["Two?", "Three?"]


def test_the_answer_of_a_model_that_was_removed_is_not_given(asker: Asker, model: AIModel, actor: Actor) -> None:
    keep(asker, prompt_of(), routed_by(model))
    other = make_model(actor, "other")
    model.delete()
    assert look(asker, prompt_of(), other) is None


def test_the_later_of_two_answers_to_one_request_stands(asker: Asker, model: AIModel) -> None:
    keep(asker, prompt_of(), routed_by(model, "Lyon."))
    keep(asker, prompt_of(), routed_by(model, "Paris."))
    found = look(asker, prompt_of(), model)
    assert found is not None and found.completion.text == "Paris."


def test_an_answer_of_unknown_price_saves_an_unknown_amount(asker: Asker, model: AIModel) -> None:
    keep(asker, prompt_of(), routed_by(model), cost=None)
    found = look(asker, prompt_of(), model)
    assert found is not None and found.saved_usd is None
    assert CachedAnswer.objects.get().saved_usd == 0


@pytest.mark.django_db(transaction=True)
def test_answers_that_end_together_are_one_entry_and_every_hit_is_counted(actor: Actor, asker: Asker, model: AIModel) -> None:
    needs = Needs(estimate(CAPITAL), "general", (), 100, "fast")

    def one(number: int) -> bool:
        try:
            asyncio.run(cache_keep(asker, prompt_of(), routed_by(model), None))
            return asyncio.run(cache_look(asker, prompt_of(), needs, Selection((ref_of(model),), ()))) is not None
        finally:
            connections.close_all()

    with ThreadPoolExecutor(6) as threads:
        assert all(threads.map(one, range(12)))
    assert CachedAnswer.objects.get().hits == 12


# ── by meaning ────────────────────────────────────────────────────────────────────────────────────────────────────


def vectors(*rows: list[float]) -> tuple:
    data = [{"index": place, "embedding": row} for place, row in enumerate(rows)]
    return whole(JSON, {"data": data, "model": "embedder", "usage": {"prompt_tokens": 9, "total_tokens": 9}})


def with_server(actor: Actor, *scripts: tuple, threshold: int = 95) -> Callable[[Callable[[BytesServer], Awaitable[Any]]], Any]:
    """Run a story while a server of embeddings is up that the team compares prompts with."""

    def story_with(story: Callable[[BytesServer], Awaitable[Any]]) -> Any:
        async def whole_story() -> Any:
            async with BytesServer(*scripts) as server:
                await in_db(use_embeddings, actor, server.url, threshold)
                return await story(server)

        return async_to_sync(whole_story)()

    return story_with


def use_embeddings(actor: Actor, url: str, threshold: int) -> None:
    model = make_model(actor, "embedder", provider="vectors", capabilities=["embeddings"], price_input=Decimal(1))
    model.provider.base_url, model.provider.allows_private_address = url, True
    model.provider.save()
    RoutingSettings.objects.create(team=actor.team, semantic_model=model, semantic_threshold=threshold)


def look_later(asker: Asker, prompt: RoutedPrompt, model: AIModel) -> Awaitable[Cached | None]:
    needs = Needs(estimate(prompt.text), "general", (), 100, "fast")
    return cache_look(asker, prompt, needs, Selection((ref_of(model),), ()))


def test_it_finds_the_same_question_in_other_words_and_embeds_each_text_once(actor: Actor, asker: Asker, model: AIModel) -> None:
    keep(asker, prompt_of(), routed_by(model))

    async def story(server: BytesServer) -> None:
        found = await look_later(asker, prompt_of(IN_OTHER_WORDS), model)
        assert found is not None
        assert (found.kind, found.completion.text) == ("semantic", "Paris.")
        assert found.likeness == pytest.approx(100, abs=0.01)
        assert server.requests[0].json["input"] == [IN_OTHER_WORDS, CAPITAL]
        assert await look_later(asker, prompt_of("Tell me the capital of France"), model) is not None
        assert server.requests[1].json["input"] == ["Tell me the capital of France"]

    with_server(actor, vectors([1.0, 2.0], [1.0, 2.0]), vectors([1.0, 2.0]))(story)
    assert CachedAnswer.objects.get().hits == 2
    spent = CreditUsage.objects.filter(purpose="embed")
    assert spent.count() == 2 and all(row.cost_usd and row.is_estimated for row in spent)


def test_likeness_below_the_threshold_is_a_miss(actor: Actor, asker: Asker, model: AIModel) -> None:
    keep(asker, prompt_of(), routed_by(model))

    async def story(server: BytesServer) -> None:
        assert await look_later(asker, prompt_of(IN_OTHER_WORDS), model) is None

    with_server(actor, vectors([3.0, 4.0], [4.0, 3.0]), threshold=97)(story)  # cosine 0.96


@pytest.mark.parametrize(
    ("kept", "asked"),
    [
        ("How do I enable the firewall?", "How do I disable the firewall?"),
        ("Quais frutas têm açúcar?", "Quais frutas não têm açúcar?"),
        ("Name 5 rivers", "Name 6 rivers"),
    ],
)
def test_what_turns_the_meaning_round_is_a_miss_however_alike_the_vectors_are(
    actor: Actor, asker: Asker, model: AIModel, kept: str, asked: str
) -> None:
    keep(asker, prompt_of(kept), routed_by(model))

    async def story(server: BytesServer) -> None:
        assert await look_later(asker, prompt_of(asked), model) is None
        assert server.requests == []  # nothing was worth an embedding

    with_server(actor, vectors([1.0], [1.0]))(story)


def test_meaning_is_compared_only_within_family_system_prompt_and_owner(actor: Actor, asker: Asker, model: AIModel) -> None:
    keep(asker, prompt_of(), routed_by(model))
    other = make_model(actor, "other-family")

    async def story(server: BytesServer) -> None:
        assert await look_later(asker, prompt_of(IN_OTHER_WORDS), other) is None
        assert await look_later(asker, prompt_of(IN_OTHER_WORDS, system="Be brief."), model) is None
        assert await look_later(asker_of(actor, key_id=uuid4()), prompt_of(IN_OTHER_WORDS), model) is None
        assert server.requests == []

    with_server(actor, vectors([1.0], [1.0]))(story)


def test_without_a_model_for_embeddings_only_the_same_request_is_found(asker: Asker, model: AIModel) -> None:
    keep(asker, prompt_of(), routed_by(model))
    assert look(asker, prompt_of(IN_OTHER_WORDS), model) is None


def test_the_route_goes_on_when_the_embeddings_fail(actor: Actor, asker: Asker, model: AIModel) -> None:
    keep(asker, prompt_of(), routed_by(model))

    async def story(server: BytesServer) -> None:
        assert await look_later(asker, prompt_of(IN_OTHER_WORDS), model) is None

    with_server(actor, whole(JSON, {"error": {"message": "No such model."}}, status="404 Not Found"))(story)
    assert CreditUsage.objects.get(purpose="embed").error_code


# ── by hand ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_an_owner_throws_out_their_own_and_an_admin_all(actor: Actor, asker: Asker, model: AIModel) -> None:
    member = make_actor("carla@example.org", team=actor.team, role=Role.MEMBER, name="Carla")
    keep(asker, prompt_of(), routed_by(model))
    keep(asker_of(member), prompt_of(), routed_by(model))
    keep(asker_of(member), prompt_of("Two?"), routed_by(model))
    with pytest.raises(NotAllowed):
        cached_remove(member, CachedAnswer.objects.get(owner=actor.user))
    cached_remove(member, CachedAnswer.objects.get(prompt="Two?"))
    assert cache_clear(member) == 1
    assert CachedAnswer.objects.get().owner == actor.user
    assert cache_clear(actor) == 1


# ── REST ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_cached_answers_are_listed_shown_and_thrown_out_over_rest(actor: Actor, asker: Asker, model: AIModel) -> None:
    member = make_actor("carla@example.org", team=actor.team, role=Role.MEMBER, name="Carla")
    keep(asker, prompt_of(), routed_by(model))
    keep(asker_of(member), prompt_of("Two?"), routed_by(model))
    keep(asker_of(member), prompt_of("Three?"), routed_by(model))
    client = APIClient()
    client.force_login(member.user)
    rows = client.get("/api/response-cache/").json()["results"]
    assert [row["prompt"] for row in rows] == ["Three?", "Two?"]
    assert client.get(f"/api/response-cache/{rows[0]['id']}/").json()["answer"] == "Paris."
    assert client.delete(f"/api/response-cache/{rows[0]['id']}/").status_code == 204
    assert client.post("/api/response-cache/clear/").json() == {"cleared": 1}
    assert CachedAnswer.objects.get().owner == actor.user
    assert client.delete(f"/api/response-cache/{CachedAnswer.objects.get().public_id}/").status_code == 404
