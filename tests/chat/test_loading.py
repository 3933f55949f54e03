"""A local model is loaded before it answers: with its progress told, a way round it, and a way out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from asgiref.sync import async_to_sync

from apps.chat import loading, services
from apps.chat.models import Message
from apps.common import live
from apps.common.db import in_db
from apps.common.hub import hub
from apps.providers import memory
from apps.providers.memory import Space
from apps.providers.models import AIModel, ModelLoad
from apps.providers.services import models_sync
from apps.tasks.models import CachedAnswer
from tests.chat.at_work import Ear, at_work, ended, until
from tests.providers.calls.upstream import says
from tests.providers.rows import make_provider
from tests.servers.bytes_server import BytesServer
from tests.servers.lmstudio import lmstudio
from tests.tasks.routing.upstream import SURE, model_at, serving
from tests.tasks.test_cache import CAPITAL, IN_OTHER_WORDS, use_embeddings, vectors

pytestmark = pytest.mark.django_db(transaction=True)
GB = 10**9


@pytest.fixture(autouse=True)
def one_hub() -> Any:
    yield
    live.wire().close()
    live._wire.cache_clear()
    hub.cache_clear()


@pytest.fixture(autouse=True)
def room(monkeypatch):
    space = {"ram": Space("ram", "", 64 * GB, 60 * GB)}
    monkeypatch.setattr(memory, "machine_memory", lambda: space["ram"])
    monkeypatch.setattr(memory, "gpus", list)
    loading._seen.clear()
    return space


@pytest.fixture
def server():
    with lmstudio() as server:
        server.add("qwen/qwen3-8b", size_bytes=5 * GB)
        yield server


@pytest.fixture
def local(actor, server) -> AIModel:
    provider = make_provider(actor, kind="lmstudio", base_url=server.url, is_local=True)
    async_to_sync(models_sync)(actor, provider)
    return provider.models.get(key="qwen/qwen3-8b")


@asynccontextmanager
async def answering(server) -> AsyncIterator[None]:
    """Behind LM Studio is a model that is always sure."""
    async with BytesServer(says(SURE)) as upstream, at_work():
        server.upstream = upstream.url.removesuffix("/v1")
        yield


def sent(actor, conversation, content="What is 2 + 2?"):
    return services.message_send(actor, conversation, content=content)[1]


def message(pk) -> Message:
    return Message.objects.select_related("conversation").get(pk=pk)


def staged(pk):
    return Message.objects.filter(pk=pk).exclude(stage__model=None).first()


def test_it_is_loaded_with_its_progress_told_and_then_answers(actor, local, server):
    server.load_s = 3.0
    conversation = services.conversation_create(actor, model=local)

    async def story():
        async with answering(server):
            ear = Ear(conversation)
            answer = await in_db(sent, actor, conversation)
            waiting = await until(lambda: staged(answer.pk))
            await in_db(lambda: ModelLoad.objects.update(progress=0.42))
            stages = []
            while not stages or stages[-1] is not None:
                said = await ear.next()
                if said["type"] == "chat:update" and said["data"]["event"] == "stage":
                    stages.append(said["data"]["stage"])
            row = await ended(answer.pk)
            hub().leave(ear.listener)
            return waiting, stages, row

    waiting, stages, row = async_to_sync(story)()
    assert (waiting.stage["name"], waiting.stage["model"], waiting.stage["percent"]) == ("loading_model", str(local), None)
    assert waiting.stage["alternative"] is None and waiting.stage["since"]
    assert 42 in [stage["percent"] for stage in stages if stage]
    assert (row.status, row.model, row.stage, row.notes) == ("complete", local, {}, [])
    assert ModelLoad.objects.get().state == "loaded"
    local.refresh_from_db()
    assert local.state == "loaded"


def test_a_model_in_memory_is_asked_at_once(actor, local, server):
    conversation = services.conversation_create(actor, model=local)

    async def story():
        async with answering(server):
            for _ in range(2):
                answer = await in_db(sent, actor, conversation)
                await ended(answer.pk)

    async_to_sync(story)()
    assert ModelLoad.objects.count() == 1
    assert server.count("/api/v1/models/load") == 1


def test_a_model_that_its_server_has_dropped_is_loaded_again(actor, local, server):
    AIModel.objects.filter(pk=local.pk).update(state="loaded")
    conversation = services.conversation_create(actor, model=local)

    async def story():
        async with answering(server):
            return await ended((await in_db(sent, actor, conversation)).pk)

    assert async_to_sync(story)().status == "complete"
    assert server.count("/api/v1/models/load") == 1


def test_what_was_answered_before_wakes_no_model(actor, local, server):
    async def story():
        async with answering(server):
            first = await ended((await in_db(sent, actor, await in_db(services.conversation_create, actor, model=local))).pk)
            for model in server.models.values():
                model.instances.clear()
            loading._seen.clear()
            again = await in_db(services.conversation_create, actor, model=local)
            return first, await ended((await in_db(sent, actor, again)).pk)

    first, second = async_to_sync(story)()
    assert (second.status, second.content, second.cost_usd) == ("complete", first.content, 0)
    assert server.count("/api/v1/models/load") == 1


@pytest.mark.parametrize("likeness", ["the same", "another"])
def test_what_was_answered_before_in_other_words_wakes_no_model(actor, local, server, likeness):
    async def story():
        own = [1.0, 2.0] if likeness == "the same" else [2.0, -1.0]
        async with answering(server), BytesServer(vectors(own, [1.0, 2.0]), vectors(own)) as embedder:
            await in_db(use_embeddings, actor, embedder.url, 95)
            first = await in_db(services.conversation_create, actor, model=local)
            await ended((await in_db(sent, actor, first, CAPITAL)).pk)
            for model in server.models.values():
                model.instances.clear()
            loading._seen.clear()
            again = await in_db(services.conversation_create, actor, model=local)
            return await ended((await in_db(sent, actor, again, IN_OTHER_WORDS)).pk)

    row = async_to_sync(story)()
    assert (row.status, row.stage) == ("complete", {})
    assert server.count("/api/v1/models/load") == (1 if likeness == "the same" else 2)
    assert [entry.hits for entry in CachedAnswer.objects.filter(prompt=CAPITAL)] == [1 if likeness == "the same" else 0]


@pytest.mark.parametrize("is_chosen", [True, False])
def test_the_alternative_answers_instead_and_the_load_goes_on(actor, local, server, is_chosen):
    server.load_s = 3.0
    other = model_at(actor, "small", "fast")
    AIModel.objects.filter(pk=local.pk).update(tier="fast", price_input=0, price_output=0)
    conversation = services.conversation_create(actor, model=local if is_chosen else None)

    async def story():
        async with serving({other: says(SURE)}), answering(server):
            answer = await in_db(sent, actor, conversation)
            waiting = await until(lambda: staged(answer.pk))
            await in_db(lambda: services.message_use_alternative(actor, message(answer.pk)))
            row = await ended(answer.pk)
            state = await in_db(lambda: ModelLoad.objects.get().state)
            await until(lambda: ModelLoad.objects.filter(state="loaded").first())
            return waiting, row, state

    waiting, row, state = async_to_sync(story)()
    assert waiting.stage["alternative"] == {"id": str(other.public_id), "name": str(other)}
    assert (row.status, row.content, row.model) == ("complete", SURE, other)
    assert state == "loading"
    assert [note["code"] for note in row.notes] == ["alternative"] and str(local) in row.notes[0]["message"]


def test_stop_while_it_loads_gives_the_load_up(actor, local, server, monkeypatch):
    monkeypatch.setattr("apps.providers.adapters.lmstudio.memory.GRACE_S", 1.0)
    server.load_s = 30.0
    conversation = services.conversation_create(actor, model=local)

    async def story():
        async with answering(server):
            answer = await in_db(sent, actor, conversation)
            await until(lambda: staged(answer.pk))
            await in_db(lambda: services.message_stop(actor, message(answer.pk)))
            row = await ended(answer.pk)
            await until(lambda: ModelLoad.objects.filter(state="cancelled").first())
            return row

    row = async_to_sync(story)()
    assert (row.status, row.content, row.cost_usd, row.stage) == ("stopped", "", 0, {})


def test_nothing_of_the_database_is_held_while_it_loads(actor, local, server, monkeypatch):
    server.load_s = 1.2
    conversation = services.conversation_create(actor, model=local)
    open_at_rest = []
    real = asyncio.wait_for

    async def rest(wanted):
        from django.db import connections

        open_at_rest.append([one for one in connections.all(initialized_only=True) if one.in_atomic_block])
        await real(asyncio.sleep(0.1), 1)

    monkeypatch.setattr(loading, "_rest", rest)

    async def story():
        async with answering(server):
            return await ended((await in_db(sent, actor, conversation)).pk)

    assert async_to_sync(story)().status == "complete"
    assert open_at_rest and not any(open_at_rest)


def test_what_does_not_fit_is_said_and_where_auto_chose_it_another_answers(actor, local, server, room):
    room["ram"] = Space("ram", "", 64 * GB, 1 * GB)
    other = model_at(actor, "small", "fast")
    AIModel.objects.filter(pk=local.pk).update(tier="fast", price_input=0, price_output=0)
    chosen = services.conversation_create(actor, model=local)
    auto = services.conversation_create(actor)

    async def story():
        async with serving({other: says(SURE)}), answering(server):
            return [await ended((await in_db(sent, actor, one)).pk) for one in (chosen, auto)]

    refused, answered = async_to_sync(story)()
    assert (refused.status, refused.error_code, refused.cost_usd) == ("failed", "does_not_fit", 0)
    assert (answered.status, answered.model) == ("complete", other)
    assert [note["code"] for note in answered.notes] == ["not_loaded"]


def test_a_load_that_fails_ends_the_answer_with_its_reason(actor, local, server):
    server.models[local.key].refuses_to_load = (500, {"error": "insufficient VRAM"})
    conversation = services.conversation_create(actor, model=local)

    async def story():
        async with answering(server):
            return await ended((await in_db(sent, actor, conversation)).pk)

    row = async_to_sync(story)()
    assert row.status == "failed" and "VRAM" in row.error
