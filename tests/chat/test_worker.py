"""Answers are written on the server: whole, stopped, queued, interrupted, joined in the middle."""

from __future__ import annotations

import asyncio
import time
from datetime import timedelta
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.utils import timezone

from apps.chat import answering, services, wire
from apps.chat.models import Message
from apps.common import live
from apps.common.db import in_db
from apps.common.hub import hub
from apps.providers.models import CreditUsage
from tests.chat.at_work import PATIENCE_S, Ear, at_work, ended, until
from tests.providers.calls.upstream import says
from tests.servers.bytes_server import DONE, HOLD, chunked, event, words
from tests.tasks.routing.upstream import SURE, model_at, serving, verdict

pytestmark = pytest.mark.django_db(transaction=True)
SSE = {"content-type": "text/event-stream"}


def pieces(*steps: Any, ending: bool = True) -> tuple:
    said = [step if isinstance(step, int | float | asyncio.Event) else event(words(step)) for step in steps]
    return chunked(SSE, *said, *([event(words(finish="stop")), DONE] if ending else [HOLD]))


@pytest.fixture(autouse=True)
def one_hub() -> Any:
    yield
    live.wire().close()
    live._wire.cache_clear()
    hub.cache_clear()


def send(actor, conversation, content="What is 2 + 2?", **more):
    return services.message_send(actor, conversation, content=content, **more)


def test_an_answer_is_written_though_nobody_looks_on(actor):
    model = model_at(actor, "small")
    conversation = services.conversation_create(actor)

    async def story():
        async with serving({model: says(SURE)}), at_work():
            _question, answer = await in_db(send, actor, conversation)
            return await ended(answer.pk)

    answer = async_to_sync(story)()
    assert (answer.status, answer.content, answer.model, answer.model_name) == ("complete", SURE, model, "small")
    assert answer.cost_usd == sum(usage.cost_usd for usage in CreditUsage.objects.all()) > 0
    assert answer.confidence is not None and answer.execution.public_id == answer.public_id
    assert answer.lease_until is None and answer.latency_ms is not None
    conversation.refresh_from_db()
    assert (conversation.title, conversation.current_id) == ("What is 2 + 2?", answer.pk)


def test_stop_reaches_the_provider_at_once_and_says_what_was_paid(actor):
    model = model_at(actor, "small")
    conversation = services.conversation_create(actor)

    async def story():
        async with serving({model: pieces("One ", "two ", ending=False)}) as servers, at_work():
            ear = Ear(conversation)
            _question, answer = await in_db(send, actor, conversation)
            while "two" not in ear.text:
                await ear.next()
            asked_at = time.monotonic()
            await in_db(services.message_stop, actor, answer)
            gone_at = await servers["small"].wait_until_client_is_gone(timeout_s=PATIENCE_S)
            done = await ear.until("chat:done")
            hub().leave(ear.listener)
            return gone_at - asked_at, done, await ended(answer.pk)

    took_s, done, answer = async_to_sync(story)()
    print(f"stop reached the provider after {took_s * 1000:.0f} ms")
    assert took_s < 3.0  # 0.3 where the machine has nothing else to do
    assert (answer.status, answer.content) == ("stopped", "One two ")
    assert answer.cost_usd == CreditUsage.objects.get().cost_usd > 0 and answer.is_estimated
    assert (done["status"], done["content"]) == ("stopped", "One two ")


def test_who_joins_in_the_middle_has_no_gap_and_no_repeat(actor):
    model = model_at(actor, "small")
    conversation = services.conversation_create(actor)
    said = [f"wörd{number}😀 " for number in range(60)]
    steps = [part for word in said for part in (word, 0.01)]

    async def story():
        async with serving({model: pieces(*steps)}), at_work():
            first = Ear(conversation)
            _question, answer = await in_db(send, actor, conversation)
            for _ in range(10):
                await first.next()
            late = Ear(conversation)
            joined = await in_db(lambda: Message.objects.get(pk=answer.pk))
            await in_db(wire.catch_up, joined, 0)
            while (await late.next())["data"].get("at") != 0:  # pieces on their way when it came
                pass
            late.gaps = 0
            heard = ""
            for ear in (first, late):
                await ear.until("chat:done")
                heard += "|" + ear.text
                hub().leave(ear.listener)
            return late.gaps, heard, await ended(answer.pk)

    gaps, heard, answer = async_to_sync(story)()
    assert answer.content == "".join(said)
    assert gaps == 0
    assert heard == f"|{answer.content}|{answer.content}"


@pytest.mark.parametrize(("strategy", "asked"), [("cheapest", "small"), ("best", "other")])
def test_auto_chooses_by_the_strategy_of_the_conversation(actor, strategy, asked):
    small, strong = model_at(actor, "small"), model_at(actor, "other", "top")
    conversation = services.conversation_create(actor, strategy=strategy)
    chosen = services.conversation_create(actor, model=small, strategy=strategy)

    async def story():
        async with serving({small: says(SURE), strong: says(SURE)}), at_work():
            return [await ended((await in_db(send, actor, one))[1].pk) for one in (conversation, chosen)]

    by_strategy, by_choice = async_to_sync(story)()
    assert (by_strategy.model_name, by_strategy.execution.strategy) == (asked, strategy)
    assert (by_choice.model_name, by_choice.execution.strategy) == ("small", "auto")


def test_what_is_said_while_an_answer_is_written_waits_for_it(actor):
    model = model_at(actor, "small")
    conversation = services.conversation_create(actor)

    async def story():
        async with serving({model: [pieces("One", 0.3, " two"), says("Three")]}) as servers, at_work():
            _question, first = await in_db(send, actor, conversation, "Count")
            _question, second = await in_db(send, actor, conversation, "Go on")
            answers = await ended(first.pk), await ended(second.pk)
            return answers, servers["small"].requests[1].json

    (first, second), request = async_to_sync(story)()
    assert (first.content, second.content) == ("One two", "Three")
    assert second.started_at >= first.finished_at
    asked = request() if callable(request) else request
    assert [said["content"] for said in asked["messages"]][-3:] == ["Count", "One two", "Go on"]


def test_an_answer_whose_worker_died_keeps_what_had_come_and_its_cost(actor):
    model = model_at(actor, "small")
    conversation = services.conversation_create(actor)
    _question, answer = send(actor, conversation)
    assert answering.claim("dead", 10) == [answer.pk]
    past = timezone.now() - timedelta(seconds=1)
    Message.objects.filter(pk=answer.pk).update(content="Half of", model=model, model_name="small", lease_until=past)

    async def story():
        async with at_work():
            return await ended(answer.pk)

    row = async_to_sync(story)()
    assert (row.status, row.error_code, row.content) == ("failed", "interrupted", "Half of")
    usage = CreditUsage.objects.get()
    assert row.cost_usd == usage.cost_usd > 0 and usage.is_estimated and usage.error_code == "interrupted"
    again = services.message_regenerate(actor, row)
    assert (again.parent_id, again.status) == (row.parent_id, "queued")


def test_the_end_is_told_also_when_the_row_was_looked_at_in_between(actor, monkeypatch):
    model = model_at(actor, "small")
    conversation = services.conversation_create(actor)
    storing = answering.answered

    async def story():
        async with serving({model: says(SURE)}), at_work() as worker:

            def stored_and_stopped(*given: Any) -> bool:
                """As where the texts are stored right after the end of one: its row is no longer being written."""
                is_mine = storing(*given)
                worker._loop.call_soon_threadsafe(next(iter(worker.running.values())).stop)
                return is_mine

            monkeypatch.setattr(answering, "answered", stored_and_stopped)
            ear = Ear(conversation)
            await in_db(send, actor, conversation)
            done = await ear.until("chat:done")
            hub().leave(ear.listener)
            return done

    assert async_to_sync(story)()["status"] == "complete"


def test_no_model_is_said_in_words(actor):
    conversation = services.conversation_create(actor)

    async def story():
        async with at_work():
            _question, answer = await in_db(send, actor, conversation)
            return await ended(answer.pk)

    answer = async_to_sync(story)()
    assert (answer.status, answer.error_code, answer.cost_usd) == ("failed", "no_model", 0)
    assert answer.error


def test_a_different_ai_checks_an_answer(actor):
    author, checker = model_at(actor, "small"), model_at(actor, "other", "top")
    conversation = services.conversation_create(actor, model=author)

    async def story():
        async with serving({author: says(SURE), checker: verdict(95)}), at_work():
            _question, answer = await in_db(send, actor, conversation)
            await ended(answer.pk)
            await in_db(services.message_verify, actor, await in_db(lambda: Message.objects.get(pk=answer.pk)))
            over = Message.objects.filter(pk=answer.pk, check_state__in=("done", "could_not"))
            return await until(over.first)

    row = async_to_sync(story)()
    assert row.check_state == "done", row.check_result
    assert row.check_result["by"] == "other" and row.check_result["divergence"] is not None
    assert float(row.confidence) == row.check_result["confidence"] == pytest.approx(sum_of(row.check_result["confidence_parts"]))


def sum_of(parts: list[dict[str, Any]]) -> float:
    return sum(part["points"] for part in parts)


def test_a_dispute_that_nobody_settles_makes_an_answer_less_sure(actor):
    author, checker = model_at(actor, "small"), model_at(actor, "other", "top")
    conversation = services.conversation_create(actor, model=author)

    async def story():
        async with serving({author: says(SURE), checker: verdict(5)}), at_work():
            _question, answer = await in_db(send, actor, conversation)
            before = await ended(answer.pk)
            await in_db(services.message_verify, actor, await in_db(lambda: Message.objects.get(pk=answer.pk)))
            over = Message.objects.filter(pk=answer.pk, check_state__in=("done", "could_not"))
            return before, await until(over.first)

    before, after = async_to_sync(story)()
    assert after.check_state == "done" and after.check_result["divergence"] > 20
    assert after.confidence < before.confidence and after.confidence <= 40
