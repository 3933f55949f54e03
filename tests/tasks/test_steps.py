"""Steps on their own: the list over all tasks, a plan's steps changed one by one, and a person's word for a result."""

from __future__ import annotations

import csv
import io
import json
import uuid
from decimal import Decimal

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from apps.accounts.actor import Actor
from apps.accounts.models import Role
from apps.common.errors import NotAllowed
from apps.tasks import services
from apps.tasks.models import ExecutionLog, ResultThumb, Subtask, Task
from tests.tasks import scenes

pytestmark = pytest.mark.django_db
API = "/api/subtasks/"


def send(browser: Client, method: str, url: str, data: object = None):
    return getattr(browser, method)(url, json.dumps(data), content_type="application/json")


@pytest.fixture
def waiting(actor: Actor, cast: scenes.Cast) -> Task:
    task = scenes.awaiting_approval(actor, cast)
    first = scenes.make_subtask(task, 1, "Collect the facts")
    second = scenes.make_subtask(task, 2, "Write the page", needs=(first,))
    scenes.make_subtask(task, 3, "Shorten it", needs=(second,))
    return task


# ── a plan that waits for approval ────────────────────────────────────────────────────────────────────────────────


def test_a_step_is_added_to_a_plan_that_waits_and_stands_in_the_plan(browser: Client, waiting: Task) -> None:
    first = waiting.subtasks.get(order=1)
    given = {"task": str(waiting.public_id), "description": "Count the words.", "depends_on": [str(first.public_id)]}
    answer = send(browser, "post", API, {**given, "acceptance_criteria": ["a number", "  "], "category": "Counting"})
    assert answer.status_code == 201
    made = answer.json()
    assert made["order"] == max(waiting.subtasks.values_list("order", flat=True))
    assert (made["title"], made["category"], made["acceptance_criteria"]) == ("Count the words.", "counting", ["a number"])
    assert made["depends_on"] == [str(first.public_id)]
    waiting.refresh_from_db()
    assert [step["description"] for step in waiting.plan["subtasks"]][-1] == "Count the words."
    assert ExecutionLog.objects.get(event="plan_changed").task == waiting


def test_a_step_is_changed_and_keeps_its_id(browser: Client, waiting: Task) -> None:
    first = waiting.subtasks.get(order=1)
    answer = send(browser, "patch", f"{API}{first.public_id}/", {"title": "Other words", "description": "Do it otherwise."})
    assert answer.status_code == 200
    assert (answer.json()["id"], answer.json()["title"]) == (str(first.public_id), "Other words")
    waiting.refresh_from_db()
    assert waiting.plan["subtasks"][0]["description"] == "Do it otherwise."


@pytest.mark.parametrize("order", [0, 40_000, 10**30, "first", None])
def test_a_number_that_no_step_can_have_is_refused_by_its_field(browser: Client, waiting: Task, order: object) -> None:
    answer = send(browser, "patch", f"{API}{waiting.subtasks.get(order=3).public_id}/", {"order": order})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "order")


def test_steps_that_wait_for_one_another_in_a_circle_are_refused_and_nothing_is_kept(browser: Client, waiting: Task) -> None:
    first, second = waiting.subtasks.get(order=1), waiting.subtasks.get(order=2)
    answer = send(browser, "patch", f"{API}{first.public_id}/", {"title": "No", "depends_on": [str(second.public_id)]})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (400, "plan")
    first.refresh_from_db()
    assert first.title != "No" and not first.depends_on.exists()


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"description": "  "}, "description"),
        ({"title": "t" * 201}, "title"),
        ({"order": 2}, "order"),
        ({"order": 0}, "order"),
        ({"depends_on": [str(uuid.uuid4())]}, "depends_on"),
        ({"depends_on": ["first"]}, "depends_on"),
        ({"acceptance_criteria": "short"}, "acceptance_criteria"),
        ({"colour": "red"}, "colour"),
        ({"description": "x" * 30_000}, "plan"),
    ],
)
def test_a_change_that_cannot_be_used_names_its_field(browser: Client, waiting: Task, changes: dict, field: str) -> None:
    first = waiting.subtasks.get(order=1)
    answer = send(browser, "patch", f"{API}{first.public_id}/", changes)
    assert answer.status_code == 400
    assert any(error["field"].startswith(field) for error in answer.json()["errors"])
    assert Subtask.objects.get(pk=first.pk).updated_at == first.updated_at


def test_a_step_that_others_need_stays_until_they_let_go_of_it(browser: Client, waiting: Task) -> None:
    first, second = waiting.subtasks.get(order=1), waiting.subtasks.get(order=2)
    refused = browser.delete(f"{API}{first.public_id}/")
    assert refused.status_code == 409 and "needed by step 2" in refused.json()["detail"]
    second.depends_on.clear()
    assert browser.delete(f"{API}{first.public_id}/").status_code == 204
    waiting.refresh_from_db()
    assert [step["order"] for step in waiting.plan["subtasks"]] == [2, 3]


def test_the_last_step_of_a_plan_stays(browser: Client, actor: Actor) -> None:
    task = scenes.make_task(actor, status="awaiting_approval", approve_plan=True)
    only = scenes.make_subtask(task, 1, "Only")
    assert browser.delete(f"{API}{only.public_id}/").status_code == 400
    assert task.subtasks.exists()


def test_steps_of_a_task_that_has_begun_are_not_changed(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    task = scenes.completed(actor, cast)
    step = task.subtasks.get(order=1)
    for answer in (
        send(browser, "patch", f"{API}{step.public_id}/", {"title": "Late"}),
        browser.delete(f"{API}{step.public_id}/"),
        send(browser, "post", API, {"task": str(task.public_id), "description": "One more."}),
    ):
        assert answer.status_code == 409 and "waits for approval" in answer.json()["detail"]
    assert task.subtasks.count() == 3


def test_a_step_of_another_team_does_not_exist(browser: Client, stranger: Actor) -> None:
    task = scenes.make_task(stranger, status="awaiting_approval", approve_plan=True)
    step = scenes.make_subtask(task, 1, "Theirs")
    assert send(browser, "patch", f"{API}{step.public_id}/", {"title": "Mine"}).status_code == 404
    assert send(browser, "post", f"{API}{step.public_id}/approve/").status_code == 404
    assert send(browser, "post", API, {"task": str(task.public_id), "description": "Mine"}).status_code == 404
    assert browser.get(reverse("tasks:step", args=[step.public_id])).status_code == 404


# ── a person's word ───────────────────────────────────────────────────────────────────────────────────────────────


def test_an_approved_step_counts_as_right_and_is_no_longer_suspect(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    step = scenes.completed(actor, cast).subtasks.get(order=2)
    Subtask.objects.filter(pk=step.pk).update(suspect=True)
    answer = send(browser, "post", f"{API}{step.public_id}/approve/")
    assert answer.status_code == 200 and answer.json()["suspect"] is False
    assert ResultThumb.objects.get(subtask=step).thumb == 1
    assert ExecutionLog.objects.get(event="step_approved").data["was_suspect"] is True


def test_a_step_that_is_not_finished_cannot_be_approved(browser: Client, actor: Actor) -> None:
    step = scenes.make_subtask(scenes.make_task(actor), 1, "Open")
    assert send(browser, "post", f"{API}{step.public_id}/approve/").status_code == 409


def test_only_who_may_change_the_task_approves_its_steps(actor: Actor, cast: scenes.Cast) -> None:
    step = scenes.completed(actor, cast).subtasks.get(order=1)
    viewer = scenes.make_actor("lia@example.org", team=actor.team, role=Role.VIEWER)
    with pytest.raises(NotAllowed):
        services.subtask_approve(viewer, step)


# ── the list ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_list_shows_who_wrote_and_who_checked_each_step(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    task = scenes.completed(actor, cast)
    page = browser.get(reverse("tasks:steps")).content.decode()
    for step in task.subtasks.all():
        assert step.title in page
    assert task.title in page and "Mistral Small 24B" in page


@pytest.mark.parametrize(
    ("kind", "changes"),
    [
        ("at-work", {"status": "validating"}),
        ("disputed", {"divergence": Decimal("20.01")}),
        ("not-sure", {"confidence": Decimal("69.9")}),
        ("suspect", {"suspect": True}),
        ("escalated", {"escalations": 1}),
        ("unchecked", {"status": "completed", "cross_validated": False}),
        ("failed", {"status": "failed"}),
    ],
)
def test_each_filter_leaves_its_steps_alone(browser: Client, actor: Actor, kind: str, changes: dict) -> None:
    task = scenes.make_task(actor)
    scenes.make_subtask(task, 1, "Plain one")
    chosen = scenes.make_subtask(task, 2, "Chosen one")
    Subtask.objects.filter(pk=chosen.pk).update(**changes)
    page = browser.get(reverse("tasks:steps"), {"kind": kind}).content.decode()
    assert "Chosen one" in page and "Plain one" not in page


def test_words_are_looked_for_in_what_a_step_gave(browser: Client, actor: Actor) -> None:
    task = scenes.make_task(actor)
    scenes.make_subtask(task, 1, "First", result="A heron stood there.")
    scenes.make_subtask(task, 2, "Second", result="Nobody.")
    page = browser.get(reverse("tasks:steps"), {"search": "HERON"}).content.decode()
    assert "First" in page and "Second" not in page
    assert "No step matches" in browser.get(reverse("tasks:steps"), {"search": "%_\x00🦆"}).content.decode()


def test_the_list_asks_the_database_equally_often_for_one_step_and_for_fifty(
    browser: Client, actor: Actor, cast: scenes.Cast
) -> None:
    scenes.completed(actor, cast)
    browser.get(reverse("tasks:steps"))
    with CaptureQueriesContext(connection) as few:
        browser.get(reverse("tasks:steps"))
    for _ in range(16):
        scenes.completed(actor, cast)
    with CaptureQueriesContext(connection) as many:
        browser.get(reverse("tasks:steps"))
    assert len(many) == len(few) <= 11


def test_steps_of_deleted_tasks_and_of_other_teams_are_not_listed(
    browser: Client, actor: Actor, stranger: Actor, cast: scenes.Cast
) -> None:
    scenes.make_subtask(scenes.make_task(stranger), 1, "Theirs")
    task = scenes.completed(actor, cast)
    services.task_delete(actor, task)
    assert "No step yet" in browser.get(reverse("tasks:steps")).content.decode()


def test_a_step_leads_to_its_evidence_in_its_task(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    step = scenes.completed(actor, cast).subtasks.get(order=2)
    answer = browser.get(reverse("tasks:step", args=[step.public_id]))
    assert answer["Location"] == reverse("tasks:detail", args=[step.task.public_id]) + "#evidence-2"


def test_the_list_is_a_file_with_the_names_of_models(browser: Client, actor: Actor, cast: scenes.Cast) -> None:
    task = scenes.completed(actor, cast)
    answer = browser.get(reverse("tasks:steps_export"), {"format": "csv"})
    rows = list(csv.DictReader(io.StringIO(b"".join(answer).decode().removeprefix("\ufeff"))))
    assert {row["task_title"] for row in rows} == {task.title} and len(rows) == 3
    assert "Mistral Small 24B" in {row["validator"] for row in rows}
