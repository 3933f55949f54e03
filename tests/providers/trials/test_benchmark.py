"""Benchmarks: measured answers only, taken up again where they stopped, given up when everything fails."""

from __future__ import annotations

import pytest

from apps.common.errors import BadInput, Conflict
from apps.providers import selectors, services
from apps.providers.models import AIModel, CreditUsage
from apps.providers.trials.questions import BY_KEY, QUESTIONS
from apps.providers.trials.worker import TrialWorker
from tests.providers.rows import make_model
from tests.providers.trials.scenes import in_db, model_at, question_of, spoken, start, until
from tests.providers.trials.test_questions import RIGHT
from tests.servers.bytes_server import HOLD, JSON, SSE, BytesServer, event, reply, whole, words

COUNTED = spoken("1, 2, ", 0.2, RIGHT["count"].removeprefix("1, 2, "), tokens=120)
ALL_RIGHT = tuple(COUNTED if one.key == "count" else spoken(RIGHT[one.key], tokens=3) for one in QUESTIONS)
DOWN = whole(JSON, {"error": {"message": "no memory left"}}, status="500 Internal Server Error")


def state_of(actor, row, **more):
    return selectors.benchmark_state(selectors.access_benchmark(actor, row.public_id), **more)


@pytest.mark.django_db
def test_rounds_are_one_to_ten_and_one_benchmark_at_a_time(actor):
    model = make_model(actor)
    for rounds in (0, 11, True):
        with pytest.raises(BadInput):
            services.benchmark_start(actor, model, rounds=rounds)
    services.benchmark_start(actor, model, rounds=1)
    with pytest.raises(Conflict):
        services.benchmark_start(actor, model, rounds=1)


@pytest.mark.django_db
@pytest.mark.parametrize("change", [{"is_active": False}, {"capabilities": ["embeddings"]}, {"state": "inactive"}])
def test_what_cannot_be_asked_is_not_measured(actor, change):
    model = make_model(actor)
    AIModel.objects.filter(pk=model.pk).update(**change)
    model.refresh_from_db()
    with pytest.raises(Conflict):
        services.benchmark_start(actor, model)


@pytest.mark.django_db
def test_before_an_answer_there_are_no_figures(actor):
    shown = state_of(actor, services.benchmark_start(actor, make_model(actor), rounds=2))
    assert shown["total"] == 2 * len(QUESTIONS) and shown["answered"] == 0
    for figure in ("correct_share", "first_token_ms", "latency_ms", "tokens_per_second"):
        assert shown[figure] is None


@pytest.mark.django_db
def test_two_at_one_server_are_not_measured_at_the_same_time(actor):
    model = make_model(actor)
    other = make_model(actor, model.provider)
    elsewhere = make_model(actor)
    rows = [services.benchmark_start(actor, one, rounds=1) for one in (model, other, elsewhere)]
    taken = [TrialWorker().claim() for _ in range(3)]
    assert [row and row.pk for row in taken] == [rows[0].pk, rows[2].pk, None]


@pytest.mark.django_db(transaction=True)
async def test_a_model_that_answers_well_is_measured(actor):
    async with BytesServer(*ALL_RIGHT) as server:
        model = await in_db(model_at, actor, server)
        row = await in_db(services.benchmark_start, actor, model, rounds=1)
        await start(TrialWorker())
        shown = await in_db(state_of, actor, row, with_answers=True)
    assert (shown["status"], shown["correct"], shown["correct_share"]) == ("completed", len(QUESTIONS), 100.0)
    assert shown["first_token_ms"] is not None and shown["tokens_per_second"] > 0
    assert shown["output_tokens"] == 3 * (len(QUESTIONS) - 1) + 120
    speeds = {one["question"]: one["tokens_per_second"] for one in shown["answers"]}
    assert speeds["count"] is not None and speeds["sum"] is None, "an answer of three tokens says nothing about speed"
    assert [question_of(request) for request in server.requests] == [question.prompt for question in QUESTIONS]
    assert await in_db(CreditUsage.objects.filter(purpose="benchmark", linked_execution=row.public_id).count) == len(QUESTIONS)


@pytest.mark.django_db(transaction=True)
async def test_wrong_answers_are_counted_as_wrong(actor):
    async with BytesServer(spoken("I do not know.")) as server:
        model = await in_db(model_at, actor, server)
        row = await in_db(services.benchmark_start, actor, model, rounds=1)
        await start(TrialWorker())
        shown = await in_db(state_of, actor, row)
    assert (shown["correct"], shown["correct_share"], shown["failed"]) == (0, 0.0, 0)


@pytest.mark.django_db(transaction=True)
async def test_it_is_given_up_when_three_in_a_row_fail_and_says_why(actor):
    async with BytesServer(ALL_RIGHT[0], DOWN) as server:
        model = await in_db(model_at, actor, server)
        row = await in_db(services.benchmark_start, actor, model, rounds=1)
        await start(TrialWorker())
        shown = await in_db(state_of, actor, row, with_answers=True)
    assert shown["status"] == "failed" and "no memory left" in shown["error"]
    assert (shown["answered"], shown["failed"], len(server.requests)) == (1, 3, 4), "no second try: it would blur the times"
    assert shown["correct_share"] == 25.0, "what failed is not right"
    assert {one["status"] for one in shown["answers"]} == {"done", "failed", "cancelled"}


@pytest.mark.django_db(transaction=True)
async def test_stop_closes_the_call_upstream(actor):
    async with BytesServer(ALL_RIGHT[0], reply(SSE, event(words("Well")), HOLD)) as server:
        model = await in_db(model_at, actor, server)
        row = await in_db(services.benchmark_start, actor, model, rounds=3)
        work = start(TrialWorker())
        await until(lambda: len(server.requests) == 2)
        await in_db(services.trial_stop, actor, row)
        await server.wait_until_client_is_gone(timeout_s=3)
        await work
        shown = await in_db(state_of, actor, row)
    assert (shown["status"], shown["answered"], len(server.requests)) == ("cancelled", 1, 2)


@pytest.mark.django_db(transaction=True)
async def test_the_next_worker_asks_only_what_is_missing(actor):
    scripts = (ALL_RIGHT[0], reply(SSE, HOLD), *ALL_RIGHT[1:])
    async with BytesServer(*scripts) as server:
        model = await in_db(model_at, actor, server)
        row = await in_db(services.benchmark_start, actor, model, rounds=1)
        first = TrialWorker()
        work = start(first)
        await until(lambda: len(server.requests) == 2)
        first.stop()
        await work
        await start(TrialWorker())
        shown = await in_db(state_of, actor, row)
    assert (shown["status"], shown["correct"]) == ("completed", len(BY_KEY))
    assert [question_of(request) for request in server.requests].count(QUESTIONS[0].prompt) == 1


@pytest.mark.django_db(transaction=True)
async def test_a_model_that_is_deleted_ends_its_benchmark_and_its_call_stays_on_record(actor, caplog):
    async with BytesServer(reply(SSE, HOLD)) as server:
        model = await in_db(model_at, actor, server)
        await in_db(services.benchmark_start, actor, model, rounds=1)
        work = start(TrialWorker())
        await until(lambda: bool(server.requests))
        await in_db(model.delete)
        await server.wait_until_client_is_gone(timeout_s=3)
        await work
    assert await in_db(CreditUsage.objects.filter(purpose="benchmark", error_code="cancelled").count) == 1
    assert "unexpectedly" not in caplog.text
