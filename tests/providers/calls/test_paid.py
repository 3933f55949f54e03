"""Paid answers: set aside before, counted after, and nothing of what was paid forgotten when somebody leaves."""

from __future__ import annotations

import asyncio
import contextlib
from contextlib import aclosing
from decimal import Decimal

import pytest

from apps.providers import services
from apps.providers.contract import ChatRequest, Completion, Delta, Message
from apps.providers.errors import AuthenticationFailed, Interrupted, OverBudget, PriceUnknown, Resting
from apps.providers.models import AIModel, Budget, CreditUsage, Reservation
from apps.providers.services.breakers import model_failed
from apps.providers.services.paid import Caller, paid_stream
from tests.providers.calls.upstream import (
    BytesServer,
    breaks_off_after,
    goes_on_after,
    heard,
    nobody,
    refuses,
    run,
    says,
    server_at,
    text_of,
)

pytestmark = pytest.mark.django_db

QUESTION = ChatRequest("set by the door", (Message("user", "x" * 4_000),), max_output_tokens=1_000)


@pytest.fixture
def caller(actor) -> Caller:
    return Caller(actor.team.pk, actor.user.pk, "chat")


@pytest.fixture
def budget(actor) -> Budget:
    return services.budget_create(actor, scope="team", period="month", limit_usd=Decimal(1))


def priced(actor, key="paid", *, price=1) -> AIModel:
    model = server_at(actor, nobody(), key)
    model.price_input = model.price_output = Decimal(price)
    model.save()
    return model


async def at(model, server) -> None:
    model.provider.base_url = server.url
    await model.provider.asave()


def asked(model, caller, script, read=heard, **options):
    """What `read` makes of a paid stream of this model, which answers by the script."""

    async def story(calls):
        async with BytesServer(script) as server:
            await at(model, server)
            async with aclosing(paid_stream(calls, model, QUESTION, caller, **options)) as items:
                return await read(items)

    return run(story)


def must_be_settled(budget) -> Decimal:
    """Every cent of the rows is counted, and nothing is still set aside; gives the sum."""
    budget.refresh_from_db()
    cost = sum((row.cost_usd for row in CreditUsage.objects.all()), Decimal(0))
    assert budget.spent_usd == cost
    assert not Reservation.objects.filter(settled_at=None).exists()
    assert sum(row.cost_usd for row in Reservation.objects.all()) == cost
    return cost


def test_an_answer_is_counted_before_its_reader_has_the_end_of_it(actor, caller, budget):
    model = priced(actor)

    async def reads_to_the_end(items):
        async for item in items:
            if isinstance(item, Completion):
                return await CreditUsage.objects.acount(), await Reservation.objects.filter(settled_at=None).acount()

    assert asked(model, caller, says("Good ", "day."), reads_to_the_end) == (1, 0)
    assert must_be_settled(budget) > 0
    row = CreditUsage.objects.get()
    assert (row.model, row.owner_id, row.purpose, row.error_code) == (model, actor.user.pk, "chat", "")


def test_while_it_answers_the_most_it_can_cost_is_set_aside(actor, caller, budget):
    model = priced(actor)

    async def looks_after_a_word(items):
        await anext(items)
        return await Reservation.objects.aget()

    assert asked(model, caller, goes_on_after("Once "), looks_after_a_word).left_usd == services.call_usd(model, QUESTION)


def test_who_leaves_in_the_middle_pays_for_the_words_that_had_come(actor, caller, budget):
    async def leaves_after_a_word(items):
        assert await anext(items) == Delta("Once upon a time ")

    asked(priced(actor), caller, goes_on_after("Once upon a time "), leaves_after_a_word)
    row = CreditUsage.objects.get()
    assert (row.error_code, row.is_estimated, row.input_tokens) == ("cancelled", True, 1_000)
    assert row.output_tokens > 0
    assert must_be_settled(budget) > Decimal("0.001")


def test_who_is_cancelled_in_the_middle_pays_as_well(actor, caller, budget):
    async def is_cancelled(items):
        words = []

        async def read():
            async for item in items:
                words.append(item)

        reading = asyncio.create_task(read())
        async with asyncio.timeout(5):
            while not words:
                await asyncio.sleep(0.01)
        reading.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await reading

    asked(priced(actor), caller, goes_on_after("Once upon a time "), is_cancelled)
    assert CreditUsage.objects.get().error_code == "cancelled"
    assert must_be_settled(budget) > 0


def test_an_answer_that_breaks_off_is_paid_as_far_as_it_came(actor, caller, budget):
    with pytest.raises(Interrupted):
        asked(priced(actor), caller, breaks_off_after("Half a ", "sentence"))
    assert CreditUsage.objects.get().error_code == "interrupted"
    assert must_be_settled(budget) > 0


def test_each_of_two_models_has_its_row_and_one_reservation_pays_both(actor, caller, budget):
    first, second = priced(actor, "first"), priced(actor, "second", price=2)

    async def story(calls):
        async with BytesServer(breaks_off_after("Half a ")) as one, BytesServer(says("Whole.")) as two:
            await at(first, one)
            await at(second, two)
            return await heard(paid_stream(calls, first, QUESTION, caller, fallbacks=[second]))

    assert text_of(run(story)) == "Whole."
    assert [(row.model, row.error_code) for row in CreditUsage.objects.order_by("pk")] == [(first, "interrupted"), (second, "")]
    assert all(row.cost_usd > 0 for row in CreditUsage.objects.all())
    both = services.call_usd(first, QUESTION) + services.call_usd(second, QUESTION)
    assert Reservation.objects.get().amount_usd == both
    must_be_settled(budget)


def test_nothing_is_asked_that_the_budget_does_not_cover(actor, caller, budget):
    services.budget_update(actor, budget, limit_usd=Decimal("0.001"))

    async def story(calls):
        async with BytesServer(says("Never.")) as server:
            await at(model, server)
            with pytest.raises(OverBudget):
                await heard(paid_stream(calls, model, QUESTION, caller))
            return server.requests

    model = priced(actor)
    assert run(story) == []
    assert not CreditUsage.objects.exists()


def test_an_unknown_price_is_refused_by_the_name_of_the_fallback_that_has_none(actor, caller, budget):
    riddle = server_at(actor, nobody(), "riddle")
    with pytest.raises(PriceUnknown) as caught:
        asked(priced(actor), caller, says("Never."), fallbacks=[riddle])
    assert caught.value.extra["model"] == str(riddle)


def test_what_could_not_be_asked_leaves_no_row_and_gives_all_back(actor, caller, budget):
    model = priced(actor)
    model_failed(model, "It could not be loaded.")
    with pytest.raises(Resting):
        asked(model, caller, says("Never."))
    assert not CreditUsage.objects.exists()
    assert must_be_settled(budget) == 0


def test_a_call_that_is_refused_by_its_vendor_costs_nothing_and_is_kept(actor, caller, budget):
    with pytest.raises(AuthenticationFailed):
        asked(priced(actor), caller, refuses("401 Unauthorized"))
    assert CreditUsage.objects.get().error_code == "authentication"
    assert must_be_settled(budget) == 0


def test_a_ladder_stays_open_for_whoever_comes_next(actor, caller, budget):
    model = priced(actor)
    given = {"team_id": caller.team_id, "owner_id": caller.owner_id, "model_name": "m", "purpose": "chat"}
    ladder = services.budget_reserve(**given, amount_usd=services.ladder_usd([model, model], QUESTION))

    async def author_and_checker(calls):
        async with BytesServer(says("Yes."), says("So it is.")) as server:
            await at(model, server)
            for _voice in range(2):
                await heard(paid_stream(calls, model, QUESTION, caller, reservation=ladder))

    run(author_and_checker)
    ladder.refresh_from_db()
    assert (ladder.settled_at, ladder.cost_usd) == (None, sum(row.cost_usd for row in CreditUsage.objects.all()))
    assert Reservation.objects.count() == 1
    services.reservation_release(ladder)
    assert must_be_settled(budget) > 0


def test_without_a_budget_it_is_counted_and_nothing_set_aside(actor, caller):
    assert text_of(asked(priced(actor), caller, says("Good day."))) == "Good day."
    assert CreditUsage.objects.get().cost_usd > 0
    assert not Reservation.objects.exists()
