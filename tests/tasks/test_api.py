"""REST of tasks: what goes in, what comes out, what is refused and how it is said."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.models import Role
from apps.providers.models import AIModel
from apps.tasks import selectors, serializers, services
from apps.tasks.models import Task
from tests.tasks import scenes

TASKS = "/api/tasks/"


@pytest.fixture(autouse=True)
def no_doorbell(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """No worker runs here; who would have been called is noted."""
    rings: list[str] = []
    monkeypatch.setattr(services.tasks, "ring_on_commit", lambda: rings.append("ring"))
    return rings


def post(browser: Client, url: str, data: Any = None, **headers: str) -> Any:
    return browser.post(url, data or {}, content_type="application/json", headers=headers)


def fields_of(answer: Any) -> set[str]:
    assert answer.status_code == 400, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    return {error["field"] for error in answer.json()["errors"]}


def test_a_description_is_enough(browser: Client, no_doorbell: list[str]) -> None:
    answer = post(browser, TASKS, {"description": "Compare two databases."})
    body = answer.json()
    assert answer.status_code == 201
    assert (body["status"], body["title"], body["progress"], body["cost"]) == (
        "pending",
        "Compare two databases.",
        0,
        "0.00000000",
    )
    assert browser.get(f"{TASKS}{body['id']}/").json() == body
    assert no_doorbell == ["ring"]


def test_everything_that_can_be_asked_for_is_kept(browser: Client, cast: scenes.Cast, no_doorbell: list[str]) -> None:
    asked = {
        "description": "Compare.",
        "title": "A title",
        "category": "Research",
        "priority": "urgent",
        "start": False,
        "approve_plan": True,
        "budget": "0.50",
        "deadline": "2099-01-01T10:00:00Z",
        "policy": {
            "cross_validate": True,
            "divergence_threshold": 15,
            "confidence_threshold": 60,
            "max_escalations": 1,
            "on_too_few_models": "continue",
            "verify": {"when": "from_complexity", "from_complexity": 50},
            "verify_by_category": {"law": {"when": "always"}},
        },
        "models": {"executor": str(cast.author.public_id), "validator": str(cast.checker.public_id), "planner": None},
    }
    body = post(browser, TASKS, asked).json()
    assert body["policy"] == asked["policy"] and body["budget"] == "0.50000000" and body["deadline"] == "2099-01-01T10:00:00Z"
    assert body["models"] == {"executor": str(cast.author.public_id), "validator": str(cast.checker.public_id)}
    assert (body["priority"], body["category"], body["approve_plan"], body["is_started"]) == ("urgent", "research", True, False)
    assert no_doorbell == []


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({}, "description"),
        ({"description": ""}, "description"),
        ({"description": " \n "}, "description"),
        ({"description": "x" * 100_001}, "description"),
        ({"description": ["a"]}, "description"),
        ({"budget": 0}, "budget"),
        ({"budget": "-1"}, "budget"),
        ({"budget": "NaN"}, "budget"),
        ({"budget": "much"}, "budget"),
        ({"budget": "1e99"}, "budget"),
        ({"priority": "top"}, "priority"),
        ({"title": "x" * 201}, "title"),
        ({"deadline": "yesterday"}, "deadline"),
        ({"deadline": "2001-01-01T00:00:00Z"}, "deadline"),
        ({"policy": {"divergence_threshold": 101}}, "policy.divergence_threshold"),
        ({"policy": {"max_escalations": -1}}, "policy.max_escalations"),
        ({"policy": {"on_too_few_models": "pretend"}}, "policy.on_too_few_models"),
        ({"policy": {"cross_validat": True}}, "policy.cross_validat"),
        ({"policy": 5}, "policy"),
        ({"models": {"executor": "qwen"}}, "models.executor"),
        ({"models": {"executor": str(uuid.uuid4())}}, "models.executor"),
        ({"models": {"writer": None}}, "models.writer"),
        ({"start": "perhaps"}, "start"),
    ],
)
def test_each_wrong_value_is_an_error_of_its_field(browser: Client, asked: dict, field: str) -> None:
    assert field in fields_of(post(browser, TASKS, {"description": "Do it.", **asked} if asked else {}))
    assert not Task.objects.exists()


def test_a_misspelt_setting_is_told_in_the_persons_language(browser: Client) -> None:
    answer = post(browser, TASKS, {"description": "Do it.", "policy": {"budgett": 1}}, **{"Accept-Language": "pt-BR"})
    assert "Esse campo não existe" in answer.json()["errors"][0]["message"]


def test_a_hundred_thousand_characters_fit(browser: Client) -> None:
    assert post(browser, TASKS, {"description": "é" * 100_000}).status_code == 201


@pytest.mark.parametrize("wrong", ["off", "provider off", "cannot chat", "another team's"])
def test_a_model_that_cannot_do_it_is_an_error_of_its_role(
    browser: Client, cast: scenes.Cast, stranger: Actor, wrong: str
) -> None:
    model = cast.author
    if wrong == "off":
        AIModel.objects.filter(pk=model.pk).update(is_active=False)
    elif wrong == "provider off":
        type(model.provider).objects.filter(pk=model.provider_id).update(status="inactive")
    elif wrong == "cannot chat":
        AIModel.objects.filter(pk=model.pk).update(capabilities=["embeddings"])
    else:
        model = scenes.make_model(stranger, "theirs")
    assert fields_of(post(browser, TASKS, {"description": "Do it.", "models": {"validator": str(model.public_id)}})) == {
        "models.validator"
    }


def test_the_same_key_makes_one_task(browser: Client) -> None:
    first = post(browser, TASKS, {"description": "Once."}, **{"Idempotency-Key": "k-1"})
    again = post(browser, TASKS, {"description": "Once."}, **{"Idempotency-Key": "k-1"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json()["id"] == again.json()["id"] and Task.objects.count() == 1


def test_the_list_is_brief_paged_and_filtered(browser: Client, actor: Actor, django_assert_max_num_queries: Any) -> None:
    scenes.everything(actor)
    with django_assert_max_num_queries(8):
        page = browser.get(TASKS, {"limit": 2}).json()
    assert len(page["results"]) == 2 and page["previous"] is None and "description" not in page["results"][0]
    following = browser.get(page["next"]).json()
    assert {task["id"] for task in page["results"]}.isdisjoint(task["id"] for task in following["results"])

    def titles(**query: str) -> int:
        return len(browser.get(TASKS, query).json()["results"])

    assert (titles(status="running,paused"), titles(search="privacy"), titles(priority="high"), titles(mine="true")) == (
        2,
        1,
        1,
        5,
    )
    assert browser.get(TASKS, {"status": "nonsense"}).status_code == 400


def test_what_the_schema_promises_is_what_comes(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    task = scenes.completed(actor, cast)
    detail = browser.get(f"{TASKS}{task.public_id}/").json()
    assert set(detail) == set(serializers.TaskSerializer().fields)
    assert set(detail["subtasks"][0]) == set(serializers.SubtaskSerializer().fields)
    assert set(browser.get(TASKS).json()["results"][0]) == set(serializers.CardSerializer().fields)
    assert set(browser.get(f"{TASKS}{task.public_id}/events/").json()["results"][0]) == set(serializers.LogSerializer().fields)
    assert set(browser.get(f"{TASKS}stats/").json()) == set(serializers.StatsSerializer().fields)


def test_a_task_can_be_changed_and_deleted(browser: Client, actor: Actor) -> None:
    task = scenes.make_task(actor)
    url = f"{TASKS}{task.public_id}/"
    changed = browser.patch(url, {"title": "New", "budget": "2", "priority": "low"}, content_type="application/json").json()
    assert (changed["title"], changed["budget"], changed["priority"]) == ("New", "2.00000000", "low")
    assert browser.delete(url).status_code == 204
    assert browser.get(url).status_code == 404


def test_start_pause_resume_and_cancel(browser: Client, actor: Actor) -> None:
    task = scenes.make_task(actor, is_started=False)
    url = f"{TASKS}{task.public_id}/"
    assert post(browser, f"{url}start/").json()["is_started"] is True
    assert post(browser, f"{url}pause/").json()["status"] == "paused"
    resumed = post(browser, f"{url}resume/", {"policy": {"on_too_few_models": "continue"}}).json()
    assert (resumed["status"], resumed["policy"]["on_too_few_models"]) == ("pending", "continue")
    assert post(browser, f"{url}cancel/").json()["status"] == "cancelled"
    refused = post(browser, f"{url}pause/")
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")


def test_a_plan_is_approved_as_changed_and_a_bad_change_is_refused(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    task = scenes.awaiting_approval(actor, cast)
    url = f"{TASKS}{task.public_id}/approve/"
    step = {"order": 1, "title": "One", "description": "Do one.", "depends_on": [2]}
    circle = [step, {"order": 2, "description": "Do two.", "depends_on": [1]}]
    assert fields_of(post(browser, url, {"plan": {"subtasks": circle}})) == {"plan"}
    assert "plan.subtasks.0.description" in fields_of(post(browser, url, {"plan": {"subtasks": [{"order": 1}]}}))
    good = post(browser, url, {"plan": {"subtasks": [{**step, "depends_on": []}]}}).json()
    assert [subtask["title"] for subtask in good["subtasks"]] == ["One"] and good["status"] == "pending"


def test_a_step_is_done_again_by_another_model_with_all_that_builds_on_it(
    browser: Client, actor: Actor, cast: scenes.Cast
) -> None:
    task = scenes.completed(actor, cast)
    second = task.subtasks.get(order=2)
    answer = post(browser, f"/api/subtasks/{second.public_id}/retry/", {"model": str(cast.judge.public_id)})
    assert answer.status_code == 200 and answer.json()["status"] == "pending"
    states = [subtask["status"] for subtask in browser.get(f"{TASKS}{task.public_id}/").json()["subtasks"]]
    assert states == ["completed", "pending", "pending"]
    assert fields_of(post(browser, f"/api/subtasks/{second.public_id}/retry/", {"model": str(uuid.uuid4())})) == {"model"}


def test_steps_and_logs_can_be_read(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    task = scenes.completed(actor, cast)
    steps = browser.get("/api/subtasks/", {"task": str(task.public_id), "ordering": "order"}).json()["results"]
    assert [step["order"] for step in steps] == [1, 2, 3]
    assert browser.get(f"/api/subtasks/{steps[1]['id']}/").json() == steps[1]
    logs = browser.get("/api/execution-logs/", {"task": str(task.public_id), "level": "warning"}).json()["results"]
    assert [entry["event"] for entry in logs] == ["disputed"]
    assert browser.get(f"/api/execution-logs/{logs[0]['id']}/").json() == logs[0]
    assert browser.delete(f"/api/execution-logs/{logs[0]['id']}/").status_code == 405


def test_what_a_request_did_is_found_by_its_id(browser: Client, cast: scenes.Cast) -> None:
    made = post(browser, TASKS, {"description": "Two plus two"}, **{"X-Request-Id": "request-0001"})
    found = browser.get("/api/execution-logs/", {"request_id": made["X-Request-Id"]}).json()["results"]
    assert [(entry["event"], entry["task"]) for entry in found] == [("created", made.json()["id"])]


def test_things_of_another_team_are_not_there(browser: Client, stranger: Actor) -> None:
    task = scenes.make_task(stranger)
    subtask, entry = scenes.make_subtask(task, 1, "Theirs"), scenes.log(task, "started", "")
    for url in (
        f"{TASKS}{task.public_id}/",
        f"{TASKS}{task.public_id}/events/",
        f"/api/subtasks/{subtask.public_id}/",
        f"/api/execution-logs/{entry.public_id}/",
    ):
        assert browser.get(url).status_code == 404, url
    for action in ("start", "pause", "resume", "cancel", "escalate", "approve"):
        assert post(browser, f"{TASKS}{task.public_id}/{action}/").status_code == 404
    assert browser.get(TASKS).json()["results"] == browser.get("/api/execution-logs/").json()["results"] == []


def test_a_viewer_reads_and_changes_nothing(client: Client, actor: Actor) -> None:
    task = scenes.make_task(actor)
    viewer = scenes.make_actor("vera@example.org", team=actor.team, role=Role.VIEWER, name="Vera")
    client.force_login(viewer.user, backend="django.contrib.auth.backends.ModelBackend")
    assert client.get(f"{TASKS}{task.public_id}/").status_code == 200
    assert post(client, TASKS, {"description": "Do it."}).status_code == 403
    assert post(client, f"{TASKS}{task.public_id}/cancel/").status_code == 403


@pytest.mark.parametrize("days", ["0", "367", "x", "٧"])
def test_figures_of_a_wrong_number_of_days_are_refused(browser: Client, days: str) -> None:
    assert fields_of(browser.get(f"{TASKS}stats/", {"days": days})) == {"days"}


def test_a_deadline_in_the_future_may_be_set_and_taken_away(browser: Client, actor: Actor) -> None:
    task = scenes.make_task(actor, deadline=timezone.now() + timedelta(days=1))
    body = browser.patch(f"{TASKS}{task.public_id}/", {"deadline": None}, content_type="application/json").json()
    assert body["deadline"] is None and selectors.task_detail(Task.objects.get(pk=task.pk))["deadline"] is None
