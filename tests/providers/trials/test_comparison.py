"""Comparisons: all models at the same time, each column with its own end, stopped upstream when a person presses Stop."""

from __future__ import annotations

import asyncio
import time
from decimal import Decimal

import pytest

from apps.common import live
from apps.common.errors import BadInput, Conflict, NotAllowed, NotFound
from apps.providers import selectors, services
from apps.providers.models import CreditUsage, ModelRating
from apps.providers.trials.worker import TrialWorker
from tests.factories import make_actor
from tests.providers.rows import make_model
from tests.providers.trials.scenes import in_db, model_at, spoken, start, until
from tests.servers.bytes_server import HOLD, JSON, SSE, BytesServer, event, reply, whole, words

REFUSAL = whole(JSON, {"error": {"message": "no such model"}}, status="404 Not Found")


def state_of(actor, row):
    return selectors.comparison_state(selectors.access_comparison(actor, row.public_id))


def started(actor, *models, **more):
    return services.comparison_start(actor, prompt="Say hello.", models=models, **more)


# ── what may be asked ─────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.django_db
def test_it_wants_two_to_six_models_that_can_be_asked(actor):
    one, off = make_model(actor), make_model(actor, is_active=False)
    theirs = make_model(make_actor())
    for chosen in ([one], [one, one], [one, off], [one, theirs], []):
        with pytest.raises(BadInput) as error:
            services.comparison_start(actor, prompt="x", models=chosen)
        assert {item["field"] for item in error.value.errors} == {"models"}


@pytest.mark.django_db
def test_a_prompt_must_say_something(actor):
    with pytest.raises(BadInput) as error:
        services.comparison_start(actor, prompt="  ", models=[make_model(actor), make_model(actor)], temperature=3)
    assert {item["field"] for item in error.value.errors} == {"prompt", "temperature"}


@pytest.mark.django_db
def test_a_viewer_starts_and_stops_nothing(actor):
    viewer = make_actor("viewer", team=actor.team)
    row = started(actor, make_model(actor), make_model(actor))
    with pytest.raises(NotAllowed):
        started(viewer, make_model(actor), make_model(actor))
    with pytest.raises(NotAllowed):
        services.trial_stop(viewer, row)


@pytest.mark.django_db
def test_one_that_nobody_has_taken_up_is_stopped_at_once(actor):
    row = started(actor, make_model(actor), make_model(actor))
    services.trial_stop(actor, row)
    shown = state_of(actor, row)
    assert shown["status"] == "cancelled" and {column["status"] for column in shown["columns"]} == {"cancelled"}
    with pytest.raises(Conflict):
        services.trial_stop(actor, row)


# ── carrying it out ───────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.django_db(transaction=True)
async def test_models_answer_at_the_same_time_and_their_figures_are_kept(actor):
    async with BytesServer(spoken("Hel", 1.5, "lo.")) as one, BytesServer(spoken("Good ", 1.5, "day.", tokens=40)) as two:
        models = [await in_db(model_at, actor, server) for server in (one, two)]
        row = await in_db(started, actor, *models)
        began = time.monotonic()
        await start(TrialWorker())
        took_s = time.monotonic() - began
        shown = await in_db(state_of, actor, row)
    assert shown["status"] == "completed"
    assert [column["text"] for column in shown["columns"]] == ["Hello.", "Good day."]
    assert took_s < 2.9, f"one after the other they take 3.0 s, and these took {took_s:.2f} s"
    for column in shown["columns"]:
        assert column["first_token_ms"] < 1_400 <= column["latency_ms"] and column["tokens_per_second"] > 1
    assert [column["cost_usd"] for column in shown["columns"]] == [Decimal("0.00004"), Decimal("0.00005")]
    assert shown["cost_usd"] == Decimal("0.00009")
    usage = await in_db(lambda: list(CreditUsage.objects.values_list("purpose", "linked_execution", "owner")))
    assert usage == [("compare", row.public_id, actor.user.pk)] * 2


@pytest.mark.django_db(transaction=True)
async def test_a_column_that_fails_says_why_and_the_others_go_on(actor):
    async with BytesServer(REFUSAL) as bad, BytesServer(spoken("Hello.")) as good:
        models = [await in_db(model_at, actor, server) for server in (bad, good)]
        row = await in_db(started, actor, *models)
        await start(TrialWorker())
        first, second = (await in_db(state_of, actor, row))["columns"]
    assert first["status"] == "failed" and first["error"] and first["error_code"]
    assert (second["status"], second["text"]) == ("done", "Hello.")


@pytest.mark.django_db(transaction=True)
async def test_stop_closes_the_calls_upstream_and_keeps_what_had_come(actor):
    async with BytesServer(reply(SSE, event(words("Once upon")), HOLD)) as slow, BytesServer(spoken("Done.")) as quick:
        models = [await in_db(model_at, actor, server) for server in (slow, quick)]
        row = await in_db(started, actor, *models)
        work = start(TrialWorker())
        await until(lambda: state_of(actor, row)["columns"][1]["status"] == "done")
        await until(lambda: state_of(actor, row)["columns"][0]["text"] or slow.requests)
        await in_db(services.trial_stop, actor, row)
        stopped_at = time.monotonic()
        gone_after_s = await slow.wait_until_client_is_gone() - stopped_at
        await work
        shown = await in_db(state_of, actor, row)
    assert gone_after_s < 2
    assert shown["status"] == "cancelled"
    assert [(column["status"], column["text"]) for column in shown["columns"]] == [("cancelled", "Once upon"), ("done", "Done.")]
    assert await in_db(lambda: sorted(CreditUsage.objects.values_list("error_code", flat=True))) == ["", "cancelled"]


@pytest.mark.django_db(transaction=True)
async def test_a_worker_that_stops_leaves_the_rest_to_the_next_and_no_answer_is_asked_for_twice(actor):
    scripts = (reply(SSE, event(words("Once")), HOLD), spoken("Once more."))
    async with BytesServer(*scripts) as slow, BytesServer(spoken("Done.")) as quick:
        models = [await in_db(model_at, actor, server) for server in (slow, quick)]
        row = await in_db(started, actor, *models)
        worker = TrialWorker()
        work = start(worker)
        await until(lambda: state_of(actor, row)["columns"][1]["status"] == "done" and bool(slow.requests))
        worker.stop()
        await work
        assert (await in_db(state_of, actor, row))["status"] == "running"
        assert await start(TrialWorker()) == 1
        shown = await in_db(state_of, actor, row)
    assert [column["text"] for column in shown["columns"]] == ["Once more.", "Done."]
    assert (len(slow.requests), len(quick.requests)) == (2, 1)


@pytest.mark.django_db(transaction=True)
async def test_text_is_told_as_it_comes_and_its_pieces_make_the_answer(actor, monkeypatch):
    told = []
    monkeypatch.setattr(live, "publish", lambda topic, type, data: told.append((topic, type, data)))
    async with BytesServer(spoken("Ünî ", 0.15, "😀 ", 0.15, "end")) as one, BytesServer(spoken("x")) as two:
        models = [await in_db(model_at, actor, server) for server in (one, two)]
        row = await in_db(started, actor, *models)
        await start(TrialWorker())
    pieces = [data["text"] for topic, type, data in told if data.get("event") == "text" and data["text"]["column"] == 1]
    text = ""
    for piece in pieces:
        assert piece["at"] == len(text.encode("utf-16-le")) // 2
        text += piece["delta"]
    assert text == "Ünî 😀 end" and len(pieces) > 1
    assert {topic for topic, _type, _data in told if topic.startswith("compare:")} == {f"compare:{row.public_id}"}


@pytest.mark.django_db(transaction=True)
async def test_a_call_that_a_budget_does_not_cover_is_not_made(actor):
    await in_db(services.budget_create, actor, scope="team", period="day", limit_usd=Decimal("0.00000001"))
    async with BytesServer(spoken("Hello.")) as one, BytesServer(spoken("Hello.")) as two:
        models = [await in_db(model_at, actor, server) for server in (one, two)]
        row = await in_db(started, actor, *models)
        await start(TrialWorker())
        shown = await in_db(state_of, actor, row)
    assert {column["error_code"] for column in shown["columns"]} == {"over_budget"}
    assert not one.requests and not two.requests


@pytest.mark.django_db(transaction=True)
async def test_two_workers_take_one_comparison_up_once(actor):
    async with BytesServer(spoken("Hel", 0.3, "lo.")) as server:
        models = [await in_db(model_at, actor, server) for _ in range(2)]
        await in_db(started, actor, *models)
        done = await asyncio.gather(start(TrialWorker()), start(TrialWorker()))
    assert sorted(done) == [0, 1] and len(server.requests) == 2


# ── stars ─────────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.django_db(transaction=True)
async def test_stars_are_kept_with_the_answer_and_become_the_rating_of_its_model(actor):
    async with BytesServer(spoken("Hello.")) as server:
        models = [await in_db(model_at, actor, server) for _ in range(2)]
        row = await in_db(started, actor, *models, category="Code")
        await start(TrialWorker())
    await in_db(services.comparison_rate, actor, row, column=2, stars=4)
    await in_db(services.comparison_rate, actor, row, column=2, stars=5)
    assert (await in_db(state_of, actor, row))["best"] == [2]
    rating = await in_db(ModelRating.objects.get)
    assert (rating.model_id, rating.category, rating.stars, rating.owner_id) == (models[1].pk, "code", 5, actor.user.pk)
    with pytest.raises(NotFound):
        await in_db(services.comparison_rate, actor, row, column=9, stars=5)


@pytest.mark.django_db
def test_what_is_not_there_cannot_be_rated(actor):
    row = started(actor, make_model(actor), make_model(actor))
    with pytest.raises(Conflict):
        services.comparison_rate(actor, row, column=1, stars=5)
