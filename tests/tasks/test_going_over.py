"""When an AI, or one of its servers, fails at its work: who takes over, what is kept, and where people see it. Over real HTTP."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from decimal import Decimal

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.actor import Actor
from apps.providers.calls import servers
from apps.providers.models import AIModel, Breaker, CreditUsage, Provider
from apps.providers.services import model_failed, slots
from apps.tasks import services
from apps.tasks.messages import describe
from apps.tasks.models import Call, ExecutionLog, Task, TaskStatus
from apps.tasks.runner import announce
from apps.tasks.runner.ais import candidate_of, servers_grouped
from apps.tasks.runner.worker import Worker
from tests.servers.bytes_server import DONE, JSON, RESET, SSE, BytesServer, event, reply, whole, words
from tests.servers.services import free_port
from tests.tasks.orchestra import IS_WORK, line, playing, seat

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture(autouse=True)
def nothing_is_believed_from_an_earlier_test() -> Iterator[None]:
    servers.forget_all()
    yield
    servers.forget_all()


@contextmanager
def upstream(*scripts: tuple) -> Iterator[BytesServer]:
    """A server of bytes whose event loop has a thread of its own."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    server = BytesServer(*scripts)
    try:
        asyncio.run_coroutine_threadsafe(server.__aenter__(), loop).result(10)
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(server.__aexit__(None, None, None), loop).result(10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def says(text: str) -> tuple:
    return reply(SSE, event(words(text)), event(words(finish="stop")), DONE)


def breaks_off_after(text: str) -> tuple:
    """Slowly enough for the words to be shown."""
    first, rest = text.split(maxsplit=1)
    return reply(SSE, event(words(f"{first} ")), 0.2, event(words(rest)), 0.1, RESET)


def writer_at(actor: Actor, url: str, **provider: object) -> AIModel:
    """The cheapest model of all, so that it writes."""
    row = Provider.objects.create(
        team=actor.team,
        owner=actor.user,
        name=f"server-{Provider.objects.count()}",
        display_name=f"Server {Provider.objects.count()}",
        kind="openai_compatible",
        base_url=url,
        allows_private_address=True,
        **provider,
    )
    about = {"key": "writer", "display_name": "Writer", "family": "writer", "tier": "fast", "capabilities": ["chat", "json"]}
    return AIModel.objects.create(provider=row, price_input=Decimal("0.5"), price_output=Decimal("0.5"), **about)


def run(task: Task) -> Task:
    worker = Worker()
    try:
        worker.work()
    finally:
        worker.stop()
    task.refresh_from_db()
    return task


def logged(task: Task) -> dict[str, str]:
    """What the log says of each event, in words."""
    return {entry.event: describe(entry.event, entry.data) for entry in ExecutionLog.objects.filter(task=task)}


def page_of(actor: Actor, client: Client, task: Task) -> str:
    client.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    return client.get(reverse("tasks:detail", args=[task.public_id])).content.decode()


def test_an_author_that_fails_before_its_first_word_is_replaced_and_it_is_recorded(actor: Actor, client: Client) -> None:
    overloaded = whole(JSON, {"error": {"message": "overloaded"}}, status="503 Service Unavailable")
    with upstream(overloaded) as busy, playing(line(IS_WORK, "By another.")) as orchestra:
        writer = writer_at(actor, busy.url)
        seat(actor, orchestra.url, "second", "third", "fourth")
        task = run(services.task_create(actor, description="Write."))
    assert (task.status, task.result) == (TaskStatus.COMPLETED, "By another.")
    failed = Call.objects.get(task=task, model=writer)
    assert (failed.status, failed.error_code, failed.usage.error_code) == (Call.Status.FAILED, "overloaded", "overloaded")
    log = logged(task)
    assert log["author_failed"].startswith("Writer could not write it: ")
    assert log["author_took_over"] == "second writes it from the beginning, instead of Writer"
    page = page_of(actor, client, task)
    assert "Writer could not write it" in page and "second writes it from the beginning, instead of Writer" in page


def test_an_author_that_breaks_off_is_asked_once_more_then_replaced_and_its_words_are_kept(actor: Actor, client: Client) -> None:
    with upstream(breaks_off_after("Half a sentence")) as broken, playing(line(IS_WORK, "Whole.")) as orchestra:
        writer = writer_at(actor, broken.url)
        seat(actor, orchestra.url, "second", "third", "fourth")
        task = run(services.task_create(actor, description="Write."))
    assert (task.status, task.result) == (TaskStatus.COMPLETED, "Whole.")
    kept = Call.objects.filter(task=task, model=writer)
    assert [(call.status, call.error_code, call.text) for call in kept] == [("failed", "interrupted", "Half a sentence")] * 2
    assert all(call.usage.is_estimated and call.usage.error_code == "interrupted" for call in kept)
    log = logged(task)
    assert "interrupted" in log
    assert log["author_failed"].startswith("Writer broke off in the middle of its answer: ")
    page = page_of(actor, client, task)
    assert "broke off in the middle of its answer" in page and "second writes it from the beginning" in page


@contextmanager
def two_servers(actor: Actor, first: tuple, second: tuple) -> Iterator[tuple[AIModel, AIModel]]:
    """The same writer at two servers of one group, and others for the other roles."""
    with ExitStack() as stack:
        at = [stack.enter_context(upstream(script)) for script in (first, second)]
        orchestra = stack.enter_context(playing())
        seat(actor, orchestra.url, "checker", "judge")
        one, two = (writer_at(actor, server.url, balance_group="lab", priority=number) for number, server in enumerate(at, 1))
        yield one, two


def test_another_server_of_the_author_takes_over_before_the_first_word(actor: Actor, client: Client) -> None:
    dead = whole(JSON, {"error": {"message": "overloaded"}}, status="503 Service Unavailable")
    with two_servers(actor, dead, says("From the second server.")) as (one, two):
        task = run(services.task_create(actor, description="Write."))
    assert (task.status, task.result) == (TaskStatus.COMPLETED, "From the second server.")
    calls = Call.objects.filter(task=task, purpose="execute").order_by("pk")
    assert [(call.model, call.status) for call in calls] == [(two, "done"), (one, "failed")]
    assert [call.usage.model for call in calls] == [two, one]
    assert "author_failed" not in logged(task)
    [said] = [words for event, words in logged(task).items() if event == "server_failed"]
    assert said.startswith(f"Writer did not answer at {one.provider.name} and is asked at {two.provider.name}: ")
    assert said.split(":")[0] in page_of(actor, client, task)


def test_another_server_begins_again_visibly_after_words_were_shown(actor: Actor, client: Client, monkeypatch) -> None:
    shown: list[tuple[str, bool]] = []
    real = announce.LiveAudience.text
    monkeypatch.setattr(
        announce.LiveAudience,
        "text",
        lambda self, **what: shown.append((what["delta"], what["restarted"])) or real(self, **what),
    )
    with two_servers(actor, breaks_off_after("Half a sentence"), says("A whole one.")) as (one, two):
        task = run(services.task_create(actor, description="Write."))
    assert (task.status, task.result) == (TaskStatus.COMPLETED, "A whole one.")
    broken = Call.objects.get(task=task, model=one)
    assert (broken.status, broken.error_code, broken.text) == ("failed", "interrupted", "Half a sentence")
    assert CreditUsage.objects.get(model=one).is_estimated
    assert Call.objects.get(task=task, model=two).text == "A whole one."
    begun_again = next(number for number, (_, restarted) in enumerate(shown) if restarted)
    assert "Half a sentence" in "".join(delta for delta, _ in shown[:begun_again])
    assert "".join(delta for delta, _ in shown[begun_again:]).startswith("A whole one.")
    said = logged(task)["server_failed"]
    assert said.startswith(f"Writer broke off at {one.provider.name} and begins again at {two.provider.name}: ")
    page = page_of(actor, client, task)
    assert (
        said.split(":")[0] in page
        and "Half a sentence" in client.get(reverse("tasks:trace", args=[task.public_id])).content.decode()
    )


def test_the_servers_of_a_model_are_one_ai_that_never_checks_itself(actor: Actor) -> None:
    with upstream(says("Mine.")) as one, upstream(says("Mine.")) as two:
        rows = [writer_at(actor, server.url, balance_group="lab") for server in (one, two)]
        task = run(services.task_create(actor, description="Who checks?"))
    assert (task.status, task.error_code) == (TaskStatus.PAUSED, "too_few_models")
    assert len(servers_grouped(rows)) == 1


def test_of_the_servers_of_a_model_the_one_that_was_asked_for_speaks_for_all(actor: Actor) -> None:
    dead = f"http://127.0.0.1:{free_port()}/v1"
    rows = [writer_at(actor, dead, balance_group="lab") for _ in range(2)] + [writer_at(actor, dead)]
    assert [[row.pk for row in group] for group in servers_grouped(rows)] == [[rows[0].pk, rows[1].pk], [rows[2].pk]]
    asked = servers_grouped(rows, first={str(rows[1].public_id)})
    assert [group[0] for group in asked] == [rows[1], rows[2]]


def test_a_model_rests_for_the_engine_only_when_all_its_servers_do(actor: Actor) -> None:
    dead = f"http://127.0.0.1:{free_port()}/v1"
    rows = [writer_at(actor, dead, balance_group="lab") for _ in range(2)]
    seen = []
    for row in rows:
        model_failed(row, "it died")
        found = list(AIModel.objects.with_breakers().prefetch_related("quality", "ratings").order_by("pk"))
        seen.append(candidate_of(*found).unavailable)
    assert seen == ["", "failed_recently"]
    assert Breaker.objects.count() == 2


def test_a_call_that_waits_for_a_free_place_says_so(actor: Actor) -> None:
    with upstream(says("At last.")) as server, playing() as orchestra:
        writer = writer_at(actor, server.url, max_concurrent=1)
        seat(actor, orchestra.url, "checker", "judge")
        place = slots.slot_take([writer])
        assert place is not None
        task = services.task_create(actor, description="Write.")
        worker = Worker()
        thread = threading.Thread(target=worker.work)
        thread.start()
        try:
            pause = threading.Event()
            for _ in range(400):
                if ExecutionLog.objects.filter(task=task, event="queued").exists():
                    break
                pause.wait(0.05)
            slots.slot_free([place.slot_id])
        finally:
            thread.join(30)
            worker.stop()
    task.refresh_from_db()
    assert (task.status, task.result) == (TaskStatus.COMPLETED, "At last.")
    assert logged(task)["queued"].startswith("Writer is as busy as it may be; waiting for a free place")
