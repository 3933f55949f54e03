"""Pages, REST and the socket of trials."""

from __future__ import annotations

import asyncio
import json

import pytest
from asgiref.sync import sync_to_async
from channels.testing import WebsocketCommunicator
from django.urls import reverse

from apps.accounts import sessions
from apps.providers import services
from apps.providers.models import Benchmark, Comparison
from apps.providers.trials import live
from orquestrador.routing import sockets
from tests.factories import benchmark_of, comparison_of, make_actor, signed_in
from tests.providers.rows import make_model


@pytest.mark.django_db
def test_a_comparison_is_started_stopped_and_deleted_on_its_pages(actor):
    client, models = signed_in(actor), [make_model(actor) for _ in range(2)]
    form = {"prompt": "Hello?", "models": [str(model.public_id) for model in models]}
    answer = client.post(reverse("providers:compare"), form)
    row = Comparison.objects.get()
    assert answer.url == reverse("providers:comparison", args=[row.public_id])
    page = client.get(answer.url).content.decode()
    assert all(str(model) in page for model in models) and f'data-live-compare="{row.public_id}"' in page
    client.post(reverse("providers:comparison_stop", args=[row.public_id]))
    row.refresh_from_db()
    assert row.status == "cancelled"
    assert "Hello?" in client.get(f"{reverse('providers:compare')}?again={row.public_id}").content.decode()
    client.post(reverse("providers:comparison_delete", args=[row.public_id]))
    assert not Comparison.objects.filter(deleted_at=None).exists()
    assert client.get(reverse("providers:comparison", args=[row.public_id])).status_code == 404


@pytest.mark.django_db
def test_a_comparison_of_one_model_is_refused_beside_the_field(actor):
    answer = signed_in(actor).post(reverse("providers:compare"), {"prompt": "x", "models": [str(make_model(actor).public_id)]})
    assert answer.status_code == 400 and "Choose 2 to 6 models." in answer.content.decode()


@pytest.mark.django_db
def test_a_benchmark_is_started_and_shown(actor):
    client, model = signed_in(actor), make_model(actor)
    answer = client.post(reverse("providers:benchmarks", args=[model.public_id]), {"rounds": "1"})
    row = Benchmark.objects.get()
    assert answer.url == reverse("providers:benchmark", args=[row.public_id])
    assert f'data-live-benchmark="{row.public_id}"' in client.get(answer.url).content.decode()
    again = client.post(reverse("providers:benchmarks", args=[model.public_id]), {"rounds": "1"}, follow=True)
    assert "under way already" in again.content.decode()


@pytest.mark.django_db
def test_pages_take_so_many_queries_however_much_they_show(actor, django_assert_max_num_queries):
    client, models = signed_in(actor), [make_model(actor) for _ in range(4)]
    for _ in range(6):
        services.comparison_start(actor, prompt="x", models=models)
    for model in models:
        services.benchmark_start(actor, model, rounds=1)
    comparison, benchmark = Comparison.objects.first(), Benchmark.objects.first()
    pages = {
        reverse("providers:compare"): 11,
        reverse("providers:comparison", args=[comparison.public_id]): 11,
        reverse("providers:comparison_parts", args=[comparison.public_id]): 7,
        reverse("providers:benchmark", args=[benchmark.public_id]): 10,
        reverse("providers:benchmarks", args=[benchmark.model.public_id]): 10,
        "/api/models/compare/": 6,
        "/api/models/benchmarks/": 5,
    }
    for url, most in pages.items():
        client.get(url)
        with django_assert_max_num_queries(most):
            assert client.get(url).status_code == 200, url


@pytest.mark.django_db
def test_everything_can_be_done_by_rest(actor):
    client, models = signed_in(actor), [make_model(actor) for _ in range(2)]
    ids = [str(model.public_id) for model in models]
    post = lambda url, data=None: client.post(url, data or {}, content_type="application/json")  # noqa: E731
    made = post("/api/models/compare/", {"prompt": "Hello?", "models": ids})
    assert made.status_code == 201 and [column["model"]["id"] for column in made.json()["columns"]] == ids
    url = f"/api/models/compare/{made.json()['id']}/"
    assert client.get(url).json()["status"] == "waiting"
    assert post(f"{url}rate/", {"column": 1, "stars": 5}).status_code == 409
    assert post(f"{url}stop/").json()["status"] == "cancelled" and post(f"{url}stop/").status_code == 409
    assert client.delete(url).status_code == 204
    bad = post("/api/models/compare/", {"prompt": "", "models": ids[:1]})
    assert bad.status_code == 400 and {item["field"] for item in bad.json()["errors"]} == {"prompt", "models"}

    started = post(f"/api/models/{ids[0]}/benchmark/", {"rounds": 2})
    assert started.status_code == 201 and started.json()["total"] == len(started.json()["answers"])
    assert post(f"/api/models/{ids[0]}/benchmark/").status_code == 409
    assert [one["id"] for one in client.get(f"/api/models/{ids[0]}/benchmark/").json()] == [started.json()["id"]]
    url = f"/api/models/benchmarks/{started.json()['id']}/"
    assert post(f"{url}stop/").json()["status"] == "cancelled"
    assert client.get("/api/models/benchmarks/").json()["results"][0]["status"] == "cancelled"
    assert client.delete(url).status_code == 204


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("kind", "field", "make"), [("compare", "comparison_id", comparison_of), ("benchmark", "benchmark_id", benchmark_of)]
)
async def test_a_socket_is_told_the_state_and_every_change_and_strangers_nothing(kind, field, make, actor):
    row = await sync_to_async(make)(actor)
    token = (await sync_to_async(sessions.tokens_issue)(actor.user))["access"]
    socket = await _connected(token)
    ask = {"type": f"{kind}:subscribe", "data": {field: str(row.public_id)}}
    await socket.send_to(text_data=json.dumps(ask))
    told = json.loads(await socket.receive_from(timeout=5))
    assert (told["type"], told["data"]["event"]) == (f"{kind}:update", "snapshot")
    await sync_to_async(live.changed)(row)
    async with asyncio.timeout(10):
        while told["data"].get("event") != "state":
            told = json.loads(await socket.receive_from(timeout=10))
    assert told["type"] == f"{kind}:update"
    await socket.disconnect()

    stranger = await sync_to_async(make_actor)()
    socket = await _connected((await sync_to_async(sessions.tokens_issue)(stranger.user))["access"])
    await socket.send_to(text_data=json.dumps(ask))
    told = json.loads(await socket.receive_from(timeout=5))
    assert (told["type"], told["data"]["status"]) == ("error", 404)
    await socket.disconnect()


async def _connected(token: str) -> WebsocketCommunicator:
    headers = [(b"host", b"localhost"), (b"authorization", f"Bearer {token}".encode())]
    socket = WebsocketCommunicator(sockets, "/ws/", headers=headers)
    assert (await socket.connect(timeout=5))[0]
    return socket
