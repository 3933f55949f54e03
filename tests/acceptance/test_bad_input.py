"""What AIs, providers and people send that cannot be used: given to the whole product as a client gives it.

What each part does with such input has tests of its own: the API of tasks (tests/tasks/test_api.py) and of providers
(tests/providers/test_api.py), the socket (tests/tasks/test_consumers.py), the engine (tests/engine/), the adapters
(tests/providers/test_openai_*.py), and the command (tests/scripts/test_up.py). Here it goes through all of them at once.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.test import Client
from rest_framework.test import APIClient

from apps.accounts.actor import Actor
from apps.providers.models import AIModel
from apps.tasks.models import Call, Task
from apps.tasks.runner.worker import Worker
from tests.providers.listing import listing, models
from tests.tasks.orchestra import IS_CHECK, IS_PLAN, IS_WORK, line, plan, playing, seat, verdict

pytestmark = pytest.mark.django_db(transaction=True)
TASKS = "/api/tasks/"
# What only a question that is put again holds: because of its meaning, and because of its form.
BAD_MEANING, BAD_FORM = "That cannot be used:", "Your answer could not be used."
SENTENCE = "The quick brown fox jumps over the lazy dog near the river bank. "
MANY_STEPS = plan(*((f"Step {number}", ()) for number in range(1, 501)))


@pytest.fixture
def client(actor: Actor) -> APIClient:
    client = APIClient()
    client.force_login(actor.user)
    return client


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.stop()


def give(client: APIClient, **asked: Any) -> str:
    answer = client.post(TASKS, {"description": "How much is 7 + 8?", **asked})
    assert answer.status_code == 201, answer.content
    return f"{TASKS}{answer.json()['id']}/"


def asked_for(seats: dict[str, AIModel], **roles: str) -> dict[str, str]:
    return {role: str(seats[key].public_id) for role, key in roles.items()}


def always(match: str, content: str, **about: Any) -> list[dict]:
    """The same answer to the question and to all that ask for it again."""
    return [line(words, content, **about) for words in (BAD_MEANING, BAD_FORM, match)]


def events_of(client: APIClient, url: str) -> dict[str, str]:
    return {entry["event"]: entry["message"] for entry in client.get(f"{url}events/").json()["results"]}


# ── From people ───────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(("description", "word"), [("", "Say what"), (" \n\t", "Say what"), ("ç" * 200_000, "200000")])
def test_a_description_that_is_empty_or_far_too_long_is_refused_in_words(client: APIClient, description: str, word: str) -> None:
    answer = client.post(TASKS, {"description": description})
    assert answer.status_code == 400 and word in answer.json()["detail"] and not Task.objects.exists()


def test_a_far_too_long_description_typed_into_the_page_is_not_lost(actor: Actor) -> None:
    actor.team.set_up_at = actor.team.created_at
    actor.team.save()
    browser = Client()
    browser.force_login(actor.user, backend="django.contrib.auth.backends.ModelBackend")
    page = browser.post("/tasks/new/", {"description": "word " * 40_000}).content.decode()
    assert page.count("word ") >= 40_000 - 1 and not Task.objects.exists()


# ── From AIs ──────────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    ("bad_plan", "said"),
    [
        (plan(("One", (2,)), ("Two", (1,))), "wait for one another in a circle"),
        (plan(("One", (7,))), "depends on 7, which the plan does not have"),
        (MANY_STEPS, "has 500 subtasks; at most"),
        ("First I would think about it, then I would do it.", "JSON"),
        (json.dumps({"steps": []}), "subtasks"),
    ],
    ids=["a cycle", "an unknown dependency", "500 subtasks", "no JSON", "another shape"],
)
def test_a_plan_that_cannot_be_carried_out_becomes_one_step_that_is_done(
    client: APIClient, actor: Actor, worker: Worker, bad_plan: str, said: str
) -> None:
    with playing(*always(IS_PLAN, bad_plan)) as orchestra:
        seat(actor, orchestra.url, "writer", "checker", "judge")
        url = give(client)
        worker.work()
    task = client.get(url).json()
    assert (task["status"], task["result"], len(task["subtasks"])) == ("completed", "A fine answer.", 1)
    assert task["plan"]["is_fallback"] and said in task["plan"]["note"]
    assert any(said in message for message in events_of(client, url).values())
    assert Call.objects.filter(purpose="plan").count() >= 2  # it was asked for again before


BAD_VERDICTS = {
    "no score": json.dumps({name: value for name, value in json.loads(verdict(95)).items() if name != "score"}),
    "250 %": verdict(250),
}


@pytest.mark.parametrize("bad", BAD_VERDICTS.values(), ids=BAD_VERDICTS)
def test_a_verdict_without_a_usable_score_is_given_by_another_model(
    client: APIClient, actor: Actor, worker: Worker, bad: str
) -> None:
    with playing(*always(IS_CHECK, bad, model="checker")) as orchestra:
        seats = seat(actor, orchestra.url, "writer", "checker", "judge")
        url = give(client, models=asked_for(seats, executor="writer", validator="checker"))
        worker.work()
    task = client.get(url).json()
    (step,) = task["subtasks"]
    assert (task["status"], step["cross_validated"]) == ("completed", True)
    assert (step["executor"]["model"], step["validator"]["model"]) == ("writer", "judge")
    assert "checker" in " ".join(events_of(client, url).values())


@pytest.mark.parametrize("bad", BAD_VERDICTS.values(), ids=BAD_VERDICTS)
def test_without_any_usable_verdict_it_stops_says_so_and_keeps_the_work(
    client: APIClient, actor: Actor, worker: Worker, bad: str
) -> None:
    with playing(*always(IS_CHECK, bad)) as orchestra:
        seat(actor, orchestra.url, "writer", "checker", "judge")
        url = give(client)
        worker.work()
        task = client.get(url).json()
        assert (task["status"], task["error_code"]) == ("paused", "no_checker_answered")
        assert "checker" in task["error"] and "Resume" in task["error"]
        client.post(f"{url}resume/", {"policy": {"on_too_few_models": "continue"}})
        worker.work()
    task = client.get(url).json()
    assert (task["status"], task["result"], task["subtasks"][0]["cross_validated"]) == ("completed", "A fine answer.", False)
    assert Call.objects.filter(purpose="execute").count() == 1  # the work was not asked for again


@pytest.mark.parametrize(
    ("words", "reason"), [("", "without a word"), (SENTENCE * 300, "again and again")], ids=["nothing", "one sentence for ever"]
)
def test_a_model_that_writes_nothing_or_the_same_for_ever_is_replaced_by_another(
    client: APIClient, actor: Actor, worker: Worker, words: str, reason: str
) -> None:
    with playing(line(IS_WORK, words, model="writer")) as orchestra:
        seats = seat(actor, orchestra.url, "writer", "checker", "judge")
        url = give(client, models=asked_for(seats, executor="writer"))
        worker.work()
    task = client.get(url).json()
    assert (task["status"], task["result"]) == ("completed", "A fine answer.")
    assert task["subtasks"][0]["executor"]["model"] != "writer"
    assert reason in events_of(client, url)["author_failed"].lower()


def test_when_no_model_writes_anything_the_task_says_which_were_asked(client: APIClient, actor: Actor, worker: Worker) -> None:
    with playing(line(IS_WORK, "")) as orchestra:
        seat(actor, orchestra.url, "writer", "checker", "judge")
        url = give(client)
        worker.work()
    task = client.get(url).json()
    assert task["status"] == "failed" and task["description"] == "How much is 7 + 8?"
    assert all(f"{key}: " in task["error"] for key in ("writer", "checker", "judge"))
    assert all(f"{key}: " in task["subtasks"][0]["error"] for key in ("writer", "checker", "judge"))


# ── From providers ────────────────────────────────────────────────────────────────────────────────────────────────
@pytest.mark.parametrize(
    "chat",
    [
        (404, {}, '{"error": {"message": "Unknown endpoint"}}'),
        (200, {"content-type": "text/html"}, "<html>Welcome</html>"),
        {"hello": "world"},
    ],
    ids=["no chat", "a web page", "another JSON"],
)
def test_a_provider_that_lists_models_but_cannot_chat_is_named_with_what_it_did(
    client: APIClient, worker: Worker, chat: Any
) -> None:
    with listing({"/v1/models": models("one-7b", "two-7b"), "/v1/chat/completions": chat}) as server:
        given = {"display_name": "Half", "kind": "openai_compatible", "base_url": server.url, "check": True}
        provider = client.post("/api/providers/", given).json()
        assert client.post(f"/api/providers/{provider['id']}/models/sync/").json()["added"] == 2
        url = give(client)
        worker.work()
    task = client.get(url).json()
    assert task["status"] == "failed" and task["error_code"] == "subtasks_failed"
    assert "one-7b: " in task["error"] and "half" in (task["error"] + task["plan"]["note"]).lower()
    assert task["subtasks"][0]["error"] and "no model can do this" not in task["error"]
    assert task["cost"] in (None, "0.00000000")
