"""Breakers: closed, open, half-open; what everybody shares of them and what people see."""

from __future__ import annotations

import asyncio
import threading
from datetime import timedelta

import pytest
from django.db import connections
from django.utils import timezone

from apps.accounts.models import Role
from apps.common.errors import NotAllowed
from apps.providers import selectors, services
from apps.providers.calls import servers
from apps.providers.contract import CheckResult
from apps.providers.errors import AuthenticationFailed, BadRequest, OutOfCredit, Overloaded, ProviderError, RateLimited, Resting
from apps.providers.models import AIModel, Breaker
from apps.providers.services import breakers
from apps.providers.services.providers import check_store
from tests.factories import make_actor
from tests.providers.calls.upstream import (
    QUESTION,
    BytesServer,
    goes_on_after,
    heard,
    nobody,
    refuses,
    run,
    says,
    server_at,
    state_of,
    text_of,
)

pytestmark = pytest.mark.django_db


@pytest.fixture
def model(actor):
    return server_at(actor, nobody())


def fail(model, error=None, times=1):
    for _ in range(times):
        breakers.breaker_failed(model, error or Overloaded("busy"))


def rest_is_over(model):
    Breaker.objects.filter(model=model).update(until=timezone.now() - timedelta(seconds=1))
    Breaker.objects.filter(provider=model.provider).update(until=timezone.now() - timedelta(seconds=1))
    servers.forget_all()


def fresh(model):
    return AIModel.objects.with_breakers().get(pk=model.pk)


def test_what_never_failed_has_no_row(model):
    breakers.breaker_answered(model)
    fail(model, BadRequest("too long", http_status=400))
    assert not Breaker.objects.exists()
    assert not fresh(model).is_resting


def test_two_failures_that_may_pass_are_remembered_and_the_third_lets_it_rest(model):
    fail(model, times=2)
    assert (state_of(model), fresh(model).is_resting, Breaker.objects.get().failures) == ("closed", False, 2)
    fail(model)
    breaker = Breaker.objects.get()
    assert (breaker.state, fresh(model).is_resting, breaker.message) == ("open", True, "busy")
    assert timedelta(seconds=13) < breaker.until - timezone.now() <= timedelta(seconds=15)


def test_failures_with_an_answer_between_them_are_no_series(model):
    fail(model, times=2)
    breakers.breaker_answered(model)
    fail(model, times=2)
    assert state_of(model) == "closed"


def test_failures_far_apart_are_no_series(model):
    fail(model, times=2)
    Breaker.objects.update(failed_at=timezone.now() - timedelta(minutes=11))
    fail(model)
    assert (state_of(model), Breaker.objects.get().failures) == ("closed", 1)


def test_a_refused_key_rests_the_whole_provider_at_once(actor, model):
    other = AIModel.objects.create(provider=model.provider, key="other", family="other", capabilities=["chat"])
    fail(model, AuthenticationFailed("bad key", http_status=401))
    assert fresh(other).is_resting
    assert (state_of(model), state_of(model.provider)) == ("", "open")
    assert selectors.breaker_state(fresh(other))["scope"] == "provider"


def test_a_rate_limit_rests_as_long_as_the_vendor_asks(model):
    fail(model, RateLimited("slow down", retry_after_s=120))
    assert timedelta(seconds=118) < Breaker.objects.get().until - timezone.now() <= timedelta(seconds=120)


def test_news_of_a_call_that_began_before_the_rest_does_not_make_it_longer(model):
    fail(model, times=3)
    before = Breaker.objects.get()
    fail(model, times=2)
    after = Breaker.objects.get()
    assert (after.until, after.trips) == (before.until, 1)


def test_when_its_rest_is_over_a_call_tries_it_and_its_answer_closes_the_breaker(model):
    async def story(calls):
        async with BytesServer(says("I am back.")) as server:
            model.provider.base_url = server.url
            await model.provider.asave()
            return await heard(calls.stream(model, QUESTION))

    fail(model, times=3)
    rest_is_over(model)
    assert selectors.breaker_state(fresh(model))["state"] == "due"
    assert text_of(run(story)) == "I am back."
    assert not Breaker.objects.exists()


def test_a_trial_that_fails_makes_the_rest_longer(model):
    async def story(calls):
        async with BytesServer(refuses("503 Service Unavailable", "overloaded")) as server:
            model.provider.base_url = server.url
            await model.provider.asave()
            with pytest.raises(Overloaded):
                await heard(calls.stream(model, QUESTION))

    fail(model, times=3)
    rest_is_over(model)
    run(story)
    breaker = Breaker.objects.get()
    assert (breaker.state, breaker.trips) == ("open", 2)
    assert timedelta(seconds=28) < breaker.until - timezone.now() <= timedelta(seconds=30)


def test_a_trial_that_says_nothing_of_the_server_leaves_it_to_the_next_call(model):
    async def story(calls):
        async with BytesServer(refuses("400 Bad Request", "the prompt is odd")) as server:
            model.provider.base_url = server.url
            await model.provider.asave()
            with pytest.raises(BadRequest):
                await heard(calls.stream(model, QUESTION))

    fail(model, times=3)
    rest_is_over(model)
    run(story)
    assert Breaker.objects.get().state == "open" and Breaker.objects.get().is_due


def test_whoever_leaves_before_a_trials_first_word_leaves_it_to_the_next_call(model):
    async def story(calls):
        async with BytesServer(goes_on_after()) as server:
            model.provider.base_url = server.url
            await model.provider.asave()
            asking = asyncio.create_task(heard(calls.stream(model, QUESTION)))
            async with asyncio.timeout(5):
                while not server.requests:
                    await asyncio.sleep(0.01)
            state = await Breaker.objects.aget(model=model)
            asking.cancel()
            await asyncio.gather(asking, return_exceptions=True)
            return state.state

    fail(model, times=3)
    rest_is_over(model)
    assert run(story) == "half_open"
    assert Breaker.objects.get().is_due


def test_the_first_word_of_a_trial_lets_others_in_and_the_next_failure_shuts_them_out_again(model):
    async def story(calls):
        async with BytesServer(goes_on_after("I am ")) as server:
            model.provider.base_url = server.url
            await model.provider.asave()
            stream = calls.stream(model, QUESTION)
            await anext(stream)
            await stream.aclose()

    fail(model, times=3)
    rest_is_over(model)
    run(story)
    assert (state_of(model), fresh(model).is_resting) == ("closed", False)
    fail(model)
    breaker = Breaker.objects.get()
    assert (breaker.state, breaker.trips) == ("open", 2)


def test_while_one_call_tries_it_all_others_stay_away(model):
    fail(model, times=3)
    rest_is_over(model)
    assert breakers.breaker_try([Breaker.objects.get()], lease_s=60)
    servers.forget_all()
    with pytest.raises(Resting):
        run(lambda calls: heard(calls.stream(model, QUESTION)))
    assert selectors.breaker_state(fresh(model))["state"] == "half_open"


def test_a_trial_whose_process_was_killed_is_taken_over_by_another(model):
    fail(model, times=3)
    rest_is_over(model)
    assert breakers.breaker_try([Breaker.objects.get()], lease_s=-1)
    assert breakers.breaker_try([Breaker.objects.get()], lease_s=60)
    assert not breakers.breaker_try([Breaker.objects.get()], lease_s=60)


@pytest.mark.django_db(transaction=True)
def test_of_many_processes_exactly_one_tries_it():
    model = server_at(make_actor(), nobody())
    fail(model, times=3)
    rest_is_over(model)
    breaker, won, start = Breaker.objects.get(), [], threading.Barrier(8)

    def attempt():
        try:
            start.wait(10)
            won.append(breakers.breaker_try([breaker], lease_s=60))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=attempt) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(won) == [False] * 7 + [True]


@pytest.mark.django_db(transaction=True)
def test_failures_that_arrive_at_once_are_all_counted():
    model = server_at(make_actor(), nobody())
    start = threading.Barrier(3)

    def attempt():
        try:
            start.wait(10)
            breakers.breaker_failed(model, Overloaded("busy"))
        finally:
            connections.close_all()

    threads = [threading.Thread(target=attempt) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert (state_of(model), Breaker.objects.get().failures) == ("open", 3)


def test_a_person_asks_it_again_at_once(actor, model):
    fail(model, AuthenticationFailed("bad key"))
    fail(model, times=3)
    assert services.breaker_reset(actor, model=model) == 2
    assert not fresh(model).is_resting
    fail(model, times=3)
    assert services.breaker_reset(actor, provider=model.provider) == 1
    assert not Breaker.objects.exists()


def test_a_viewer_cannot_reset(actor, model):
    fail(model, times=3)
    with pytest.raises(NotAllowed):
        services.breaker_reset(make_actor(Role.VIEWER, team=actor.team), model=model)
    assert state_of(model) == "open"


def test_a_new_address_and_a_check_that_passed_close_it_but_a_check_says_nothing_about_credit(actor, model):
    fail(model, AuthenticationFailed("bad key"))
    services.provider_update(actor, model.provider, base_url="http://127.0.0.1:9/v1", api_key="sk-other-1234567890")
    assert state_of(model.provider) == ""
    fail(model, AuthenticationFailed("bad key"))
    check_store(model.provider, CheckResult(ok=False, message="still bad"))
    assert state_of(model.provider) == "open"
    check_store(model.provider, CheckResult(ok=True, message="Answers."))
    assert state_of(model.provider) == ""
    fail(model, OutOfCredit("pay"))
    check_store(model.provider, CheckResult(ok=True, message="Answers."))
    assert state_of(model.provider) == "open"


def test_a_failure_of_a_model_that_was_removed_meanwhile_is_nothing(model):
    AIModel.objects.filter(pk=model.pk).delete()
    fail(model, times=3)
    assert not Breaker.objects.exists()


def test_what_is_shown_takes_no_query_of_its_own(actor, model, django_assert_num_queries):
    fail(model, times=3)
    with django_assert_num_queries(1):
        [row] = selectors.models_visible(actor)
        shown = selectors.model_state(row)
    assert (shown["state"], shown["breaker"]["state"], shown["last_error"]) == ("failed", "open", "busy")
    assert shown["failed_until"] == shown["breaker"]["until"] == Breaker.objects.get().until
    with django_assert_num_queries(1):
        [provider] = selectors.providers_visible(actor)
        assert (selectors.provider_state(provider)["breaker"]["state"], provider.models_failed) == ("closed", 1)


def test_a_call_that_goes_well_takes_one_query_a_second_and_no_write(model, django_assert_num_queries):
    async def story(calls):
        async with BytesServer(says("Well.")) as server:
            model.provider.base_url = server.url
            await model.provider.asave()
            for _ in range(3):
                await heard(calls.stream(model, QUESTION))

    with django_assert_num_queries(2):  # one of them is the test's own
        run(story)


@pytest.mark.parametrize("error", [Overloaded("busy"), ProviderError("500")])
def test_many_failures_keep_the_table_small(model, error):
    fail(model, error, times=20)
    assert Breaker.objects.count() == 1
