"""Several servers of one model: who is asked, how many calls at once, what happens when one dies and when it comes back."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from contextlib import AsyncExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from django.db import connections
from django.utils import timezone

from apps.common.errors import BadInput
from apps.providers import selectors, services
from apps.providers.calls import places, servers
from apps.providers.contract import Delta
from apps.providers.errors import BadRequest, NoFreePlace, Overloaded
from apps.providers.models import AIModel, Breaker, CallSlot, Provider
from apps.providers.services import slots
from tests.factories import make_actor
from tests.providers.calls.upstream import (
    QUESTION,
    BytesServer,
    breaks_off_after,
    goes_on_after,
    heard,
    nobody,
    refuses,
    run,
    says,
    server_at,
    state_of,
    switches,
    text_of,
    waits,
)

pytestmark = pytest.mark.django_db


def lab(actor, *urls, **more):
    """The same model at these addresses, in one group."""
    return [server_at(actor, url, balance_group="lab", **more) for url in urls]


async def at(stack, model, script):
    """A server of bytes for this model's provider."""
    server = await stack.enter_async_context(BytesServer(script))
    model.provider.base_url = server.url
    await model.provider.asave()
    return server


def taken(model):
    return CallSlot.objects.filter(provider=model.provider, is_waiting=False).count()


# ── who is asked ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_servers_of_a_model_are_those_of_its_group_team_and_key_that_are_in_use(actor):
    one, two = lab(actor, nobody(), nobody())
    server_at(actor, nobody(), "another-model", balance_group="lab")
    server_at(actor, nobody(), balance_group="elsewhere")
    server_at(actor, nobody())
    server_at(make_actor(), nobody(), balance_group="lab")
    off = server_at(actor, nobody(), balance_group="lab")
    services.provider_toggle(actor, off.provider, on=False)
    assert set(servers.servers_of(one)) == {one, two}


def test_an_empty_group_is_no_group(actor):
    one = server_at(actor, nobody())
    server_at(actor, nobody())
    assert servers.servers_of(one) == [one]


def test_servers_come_with_their_breakers_in_one_query(actor, django_assert_num_queries):
    one, two = lab(actor, nobody(), nobody())
    Breaker.objects.create(model=two, state="open", until=timezone.now() + timedelta(minutes=1))
    with django_assert_num_queries(1):
        for _ in range(3):
            found = servers.servers_of(one)
            assert [bool(servers.held_back_by(server)) for server in found] == [False, True]


def test_the_least_busy_is_asked_by_weight(actor):
    light, heavy = lab(actor, nobody(), nobody())
    Provider.objects.filter(pk=heavy.provider_id).update(weight=3)
    chosen = [slots.slot_take([light, heavy]).server for _ in range(8)]
    assert (chosen.count(light), chosen.count(heavy)) == (2, 6)
    assert chosen[:2] == [heavy, heavy]


def test_among_equals_the_one_with_the_model_in_memory_is_asked(actor):
    cold, warm = lab(actor, nobody(), nobody(), is_local=True)
    AIModel.objects.filter(pk=warm.pk).update(state="loaded")
    warm.refresh_from_db()
    assert slots.slot_take([cold, warm]).server == warm


def test_calls_at_once_spread_over_the_servers(actor):
    async def story(calls):
        async with AsyncExitStack() as stack:
            started = [await at(stack, model, goes_on_after("on and on")) for model in (one, two)]
            streams = [calls.stream(one, QUESTION) for _ in range(4)]
            for stream in streams:
                while not isinstance(await anext(stream), Delta):
                    pass
            counts = [len(server.requests) for server in started]
            for stream in streams:
                await stream.aclose()
            return counts

    one, two = lab(actor, nobody(), nobody())
    assert run(story) == [2, 2]
    assert not CallSlot.objects.exists()


def test_a_call_that_is_answered_elsewhere_says_where(actor):
    async def story(calls):
        async with AsyncExitStack() as stack:
            await at(stack, two, says("From two."))
            return await heard(calls.stream(one, QUESTION))

    one, two = lab(actor, nobody(), nobody())
    slots.slot_take([one])
    [switched] = switches(run(story))
    assert (switched.from_model, switched.to_model, switched.error_code, switched.was_asked) == (one, two, "", False)


# ── one dies, and comes back ──────────────────────────────────────────────────────────────────────────────────────


def test_a_server_that_died_is_left_at_once_and_the_call_goes_on_with_another(actor):
    async def story(calls):
        async with AsyncExitStack() as stack:
            await at(stack, two, says("From ", "two."))
            began = time.monotonic()
            items = await heard(calls.stream(one, QUESTION))
            return items, time.monotonic() - began

    one, two = lab(actor, nobody(), nobody())
    items, took_s = run(story)
    assert text_of(items) == "From two."
    [switched] = switches(items)
    assert (switched.error_code, switched.was_asked, switched.after_first_token) == ("unreachable", True, False)
    assert took_s < 2.0
    assert (state_of(one.provider), state_of(two.provider)) == ("open", "")
    assert not CallSlot.objects.exists()


def test_with_another_server_at_hand_none_is_asked_twice_by_one_call(actor):
    async def story(calls):
        async with AsyncExitStack() as stack:
            busy = await at(stack, one, refuses("503 Service Unavailable", "overloaded"))
            await at(stack, two, says("From two."))
            assert text_of(await heard(calls.stream(one, QUESTION))) == "From two."
            return len(busy.requests)

    one, two = lab(actor, nobody(), nobody())
    assert run(story) == 1


def test_one_that_rests_gets_no_calls_and_one_that_is_well_again_gets_them_back(actor):
    async def story(calls):
        async with AsyncExitStack() as stack:
            first, second = await at(stack, one, says("From one.")), await at(stack, two, says("From two."))
            for _ in range(3):
                assert text_of(await heard(calls.stream(one, QUESTION))) == "From two."
            assert (len(first.requests), len(second.requests)) == (0, 3)
            await Breaker.objects.aupdate(until=timezone.now() - timedelta(seconds=1))
            servers.forget_all()
            assert text_of(await heard(calls.stream(one, QUESTION))) == "From one."
            assert text_of(await heard(calls.stream(one, QUESTION))) == "From one."

    one, two = lab(actor, nobody(), nobody())
    services.model_failed(one, "it died", for_s=60)
    run(story)
    assert not Breaker.objects.exists()


def test_one_that_breaks_off_after_words_begins_again_visibly_at_the_other(actor):
    async def story(calls):
        async with AsyncExitStack() as stack:
            await at(stack, one, breaks_off_after("Half"))
            await at(stack, two, says("Whole."))
            return await heard(calls.stream(one, QUESTION))

    one, two = lab(actor, nobody(), nobody())
    items = run(story)
    [switched] = switches(items)
    assert (switched.after_first_token, switched.partial.text, text_of(items)) == (True, "Half", "Whole.")
    assert Delta(restarted=True) in items


def test_a_question_that_the_server_refuses_is_not_put_to_its_likes(actor):
    async def story(calls):
        async with AsyncExitStack() as stack:
            await at(stack, one, refuses("400 Bad Request", "the prompt is odd"))
            other = await at(stack, two, says("Never."))
            with pytest.raises(BadRequest):
                await heard(calls.stream(one, QUESTION))
            return len(other.requests)

    one, two = lab(actor, nobody(), nobody())
    assert run(story) == 0


def test_when_all_servers_fail_the_next_model_is_asked(actor):
    async def story(calls):
        async with AsyncExitStack() as stack:
            await at(stack, other, says("Another model."))
            return await heard(calls.stream(one, QUESTION, fallbacks=[other]))

    one, two = lab(actor, nobody(), nobody())
    other = server_at(actor, nobody(), "other-model")
    items = run(story)
    assert text_of(items) == "Another model."
    assert [(item.from_model, item.to_model) for item in switches(items)] == [(one, two), (two, other)]


# ── how many at once ──────────────────────────────────────────────────────────────────────────────────────────────


def test_a_call_waits_for_a_free_place_and_is_seen_waiting(actor):
    async def story(calls):
        async with AsyncExitStack() as stack:
            server = await at(stack, model, goes_on_after("first"))
            first = calls.stream(model, QUESTION)
            assert await anext(first) == Delta("first")
            second = calls.stream(model, QUESTION)
            waiting = await anext(second)
            seen = await CallSlot.objects.filter(is_waiting=True).acount()
            await first.aclose()
            began = time.monotonic()
            assert await anext(second) == Delta("first")
            await second.aclose()
            return waiting, seen, time.monotonic() - began, len(server.requests)

    model = server_at(actor, nobody(), max_concurrent=1)
    waiting, seen, took_s, asked = run(story)
    assert waits([waiting]) and (seen, asked) == (1, 2)
    assert took_s < 0.5  # it is told, and need not look
    assert not CallSlot.objects.exists()


def test_the_wait_ends_with_an_error_that_says_so_and_nobody_is_blamed(actor):
    model = server_at(actor, nobody(), max_concurrent=1)
    slots.slot_take([model])
    began = time.monotonic()
    with pytest.raises(NoFreePlace, match="as busy as it may be"):
        run(lambda calls: heard(calls.stream(model, QUESTION)), wait_for_place_s=0.4)
    assert 0.3 < time.monotonic() - began < 2
    assert not Breaker.objects.exists()
    assert (taken(model), CallSlot.objects.count()) == (1, 1)


def test_while_a_call_waits_it_looks_seldom_and_holds_no_transaction(actor, monkeypatch):
    looks = []
    real = slots.slot_take
    monkeypatch.setattr("apps.providers.calls.entry.slot_take", lambda *args, **more: looks.append(1) or real(*args, **more))
    model = server_at(actor, nobody(), max_concurrent=1)
    slots.slot_take([model])
    with pytest.raises(NoFreePlace):
        run(lambda calls: heard(calls.stream(model, QUESTION)), wait_for_place_s=2)
    assert 4 <= len(looks) <= 8


def test_a_place_of_a_killed_process_is_free_when_it_expires(actor):
    model = server_at(actor, nobody(), max_concurrent=1)
    assert slots.slot_take([model]) is not None
    assert slots.slot_take([model]) is None
    CallSlot.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    assert slots.slot_take([model]) is not None
    assert CallSlot.objects.count() == 1  # the void one is gone


def test_a_place_is_renewed_while_its_call_goes_on(actor, monkeypatch):
    monkeypatch.setattr(places, "RENEW_EVERY_S", 0.05)

    async def story(calls):
        async with AsyncExitStack() as stack:
            await at(stack, model, goes_on_after("on and on"))
            stream = calls.stream(model, QUESTION)
            await anext(stream)
            await CallSlot.objects.aupdate(expires_at=timezone.now())
            async with asyncio.timeout(5):
                while not await CallSlot.objects.filter(expires_at__gt=timezone.now() + timedelta(seconds=30)).aexists():
                    await asyncio.sleep(0.02)
            await stream.aclose()

    model = server_at(actor, nobody(), max_concurrent=1)
    run(story)
    assert not CallSlot.objects.exists()


def test_closing_gives_back_what_is_held(actor):
    async def story(calls):
        async with AsyncExitStack() as stack:
            await at(stack, model, goes_on_after("on and on"))
            calls.left_open = calls.stream(model, QUESTION)  # nobody closes it
            await anext(calls.left_open)
            await calls.aclose()
            held = await CallSlot.objects.acount()
            await calls.left_open.aclose()
            return held

    model = server_at(actor, nobody(), max_concurrent=1)
    assert run(story) == 0


@pytest.mark.django_db(transaction=True)
def test_of_many_at_once_exactly_as_many_as_allowed_get_a_place():
    model, start, got = server_at(make_actor(), nobody(), max_concurrent=3), threading.Barrier(8), []

    def attempt():
        try:
            start.wait(10)
            got.append(slots.slot_take([model]))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sum(place is not None for place in got) == taken(model) == 3


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import django
from django.conf import settings
django.setup()
settings.DATABASES["default"]["NAME"] = sys.argv[2]
from django.db import connections
connections["default"].settings_dict["NAME"] = sys.argv[2]
from apps.providers.models import AIModel
from apps.providers.services import slots
slots.SLOT_TTL_S = 1.0
assert slots.slot_take([AIModel.objects.select_related("provider").get(pk=int(sys.argv[3]))]) is not None
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.django_db(transaction=True)
def test_a_process_that_is_killed_with_a_place_in_its_hands_locks_nobody_out():
    import os

    model = server_at(make_actor(), nobody(), max_concurrent=1)
    root = Path(__file__).parents[3]
    name = str(connections["default"].settings_dict["NAME"])
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings"}
    done = subprocess.run(
        [sys.executable, "-c", KILLED, str(root), name, str(model.pk)], cwd=root, env=environment, timeout=60, check=False
    )
    assert done.returncode == -9
    assert taken(model) == 1
    deadline = time.monotonic() + 10
    while slots.slot_take([model]) is None:
        assert time.monotonic() < deadline
        time.sleep(0.05)


# ── what people set and see ───────────────────────────────────────────────────────────────────────────────────────


def test_group_weight_and_limit_are_set_and_judged_by_field(actor):
    provider = server_at(actor, nobody()).provider
    services.provider_update(actor, provider, balance_group="Lab ", weight="3", max_concurrent="2")
    provider.refresh_from_db()
    assert (provider.balance_group, provider.weight, provider.max_concurrent) == ("lab", 3, 2)
    services.provider_update(actor, provider, balance_group="", weight=None, max_concurrent=None)
    provider.refresh_from_db()
    assert (provider.balance_group, provider.weight, provider.max_concurrent) == ("", 1, None)
    with pytest.raises(BadInput) as caught:
        services.provider_update(actor, provider, balance_group="two words", weight=0, max_concurrent=-1)
    assert {error["field"] for error in caught.value.errors} == {"balance_group", "weight", "max_concurrent"}


def test_traffic_is_shown_in_numbers_and_words_in_one_query(actor, django_assert_num_queries):
    limited, alone = server_at(actor, nobody(), max_concurrent=2), server_at(actor, nobody())
    slots.slot_take([limited])
    slots.slot_wait(limited)
    with django_assert_num_queries(1):
        traffic = selectors.traffic_of([limited.provider, alone.provider])
    assert traffic[limited.provider_id] == {"in_flight": 1, "waiting": 1, "most": 2}
    assert selectors.traffic_words(traffic[limited.provider_id]) == "1 of 2 places taken · 1 waits"
    assert selectors.traffic_words(traffic[alone.provider_id]) == ""


def test_a_series_of_failures_at_one_server_says_nothing_of_the_other(actor):
    one, two = lab(actor, nobody(), nobody())
    for _ in range(3):
        services.breakers.breaker_failed(one, Overloaded("busy"))
    assert (state_of(one), state_of(two)) == ("open", "")


@pytest.mark.parametrize(("is_local", "state"), [(True, "loaded"), (False, "available")])
def test_a_model_of_our_own_machines_that_answered_is_in_memory(actor, is_local, state):
    async def story(calls):
        async with AsyncExitStack() as stack:
            await at(stack, row, says("Hello."))
            return await heard(calls.stream(row, QUESTION))

    row = server_at(actor, nobody(), is_local=is_local)
    row.state = "available"
    row.save()
    run(story)
    assert AIModel.objects.get(pk=row.pk).state == state
