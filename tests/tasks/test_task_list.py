"""The list of tasks: many at once, undone, refused when they are too many; orders; the list as a file."""

from __future__ import annotations

import csv
import io
import json
import uuid
from datetime import timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.models import Role
from apps.common.errors import BadInput
from apps.common.searching import searched
from apps.tasks.models import ExecutionLog, Subtask, Task
from apps.tasks.services import bulk, tasks_cancel, tasks_delete, tasks_restore, tasks_start_again
from tests.tasks import scenes

pytestmark = pytest.mark.django_db


def many(actor: Actor, number: int, **extra: object) -> list[uuid.UUID]:
    rows = [Task(owner=actor.user, team=actor.team, title=f"T{n}", description="x", **extra) for n in range(number)]
    return [task.public_id for task in Task.objects.bulk_create(rows)]


def test_ten_thousand_ticked_tasks_are_deleted_in_few_statements_and_brought_back(browser: Client, actor: Actor) -> None:
    ids = many(actor, 10_000)
    ticked = {"task": [str(one) for one in ids], "action": "delete"}
    with CaptureQueriesContext(connection) as captured:
        answer = browser.post(reverse("tasks:bulk"), ticked, follow=True)
    assert len(captured) < 300
    assert "10,000 tasks were deleted" in answer.content.decode()
    assert not Task.objects.filter(deleted_at=None).exists()
    moment = Task.objects.values_list("deleted_at", flat=True).distinct().get()
    browser.post(reverse("tasks:undo"), {"moment": moment.isoformat()})
    assert Task.objects.filter(deleted_at=None).count() == 10_000


def test_more_than_that_is_refused_and_nothing_is_lost(browser: Client, actor: Actor) -> None:
    ids = many(actor, 10_001)
    answer = browser.post(reverse("tasks:bulk"), {"task": [str(one) for one in ids], "action": "delete"}, follow=True)
    assert "Nothing was changed" in answer.content.decode()
    assert Task.objects.filter(deleted_at=None).count() == 10_001
    with pytest.raises(BadInput):
        tasks_cancel(actor, ids)
    answer = browser.post(reverse("tasks:bulk"), {"all": "1", "action": "cancel", "query": ""}, follow=True)
    assert "Nothing was changed" in answer.content.decode()
    assert not Task.objects.filter(status="cancelled").exists()


def test_all_that_the_filters_leave_is_taken_from_every_page(browser: Client, actor: Actor) -> None:
    many(actor, 60, status="failed", finished_at=timezone.now())
    kept = scenes.make_task(actor)
    browser.post(reverse("tasks:bulk"), {"all": "1", "action": "delete", "query": "?status=failed"})
    assert list(Task.objects.filter(deleted_at=None)) == [kept]


def test_cancelling_many_ends_their_steps_and_says_why_others_stayed(actor: Actor, stranger: Actor) -> None:
    waiting, done, theirs = scenes.make_task(actor), scenes.make_task(actor, status="completed"), scenes.make_task(stranger)
    scenes.make_subtask(waiting, 1, "Open")
    outcome = tasks_cancel(actor, [waiting.public_id, done.public_id, theirs.public_id])
    assert outcome.done == 1
    assert sum(outcome.refused.values()) == 2
    assert "it has ended" in outcome.words
    assert Subtask.objects.get().status == "cancelled"
    assert Task.objects.get(pk=theirs.pk).status == "pending"
    assert ExecutionLog.objects.get(event="cancelled").task == waiting


def test_a_member_changes_own_tasks_alone_and_a_viewer_none(actor: Actor) -> None:
    member = scenes.make_actor("rui@example.org", team=actor.team, role=Role.MEMBER)
    viewer = scenes.make_actor("lia@example.org", team=actor.team, role=Role.VIEWER)
    mine, other = scenes.make_task(member), scenes.make_task(actor)
    outcome, moment = tasks_delete(member, [mine.public_id, other.public_id])
    assert (outcome.done, sum(outcome.refused.values())) == (1, 1)
    with pytest.raises(Exception, match="Viewers"):
        tasks_delete(viewer, [other.public_id])
    outcome, _moment = tasks_delete(actor, [other.public_id])
    Task.objects.filter(pk=other.pk).update(deleted_at=moment)
    assert tasks_restore(member, moment) == 1
    assert Task.objects.get(pk=other.pk).deleted_at is not None


def test_a_deleted_task_is_nowhere_and_goes_for_good_after_a_day(browser: Client, actor: Actor) -> None:
    task = scenes.make_task(actor)
    answer = browser.post(reverse("tasks:delete", args=[task.public_id]), follow=True)
    assert "Undo" in answer.content.decode()
    assert "Undo" not in browser.get(reverse("tasks:list")).content.decode()
    assert browser.get(reverse("tasks:detail", args=[task.public_id])).status_code == 404
    assert browser.get(f"/api/tasks/{task.public_id}/").status_code == 404
    assert not Task.objects.waiting().exists()
    assert bulk.tasks_purge() == 0
    assert bulk.tasks_purge(timezone.now() + timedelta(days=2)) == 1
    assert not Task.objects.exists()


def test_failed_tasks_start_again_together_but_not_too_many(actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = many(actor, 3, status="failed") + many(actor, 1, status="completed")
    outcome = tasks_start_again(actor, ids)
    assert (outcome.done, sum(outcome.refused.values())) == (3, 1)
    monkeypatch.setattr(bulk, "MOST_STARTED", 2)
    again = many(actor, 3, status="failed")
    with pytest.raises(BadInput, match="None was started"):
        tasks_start_again(actor, again)
    assert Task.objects.filter(public_id__in=again, status="failed").count() == 3


def test_orders_and_priorities_narrow_the_list(browser: Client, actor: Actor) -> None:
    for title, priority in (("low", 0), ("urgent", 3), ("plain", 1)):
        scenes.make_task(actor, title, priority=priority)

    def titles(**asked: str) -> list[str]:
        return [card["title"] for card in browser.get(reverse("tasks:list"), asked).context["cards"]]

    assert titles() == ["plain", "urgent", "low"]
    assert titles(order="oldest") == ["low", "urgent", "plain"]
    assert titles(order="priority") == ["urgent", "plain", "low"]
    assert titles(priority="urgent") == ["urgent"]


def test_the_file_has_what_the_filters_leave_and_no_other_teams(browser: Client, actor: Actor, stranger: Actor) -> None:
    scenes.make_task(actor, "Ours", status="failed")
    scenes.make_task(actor, "Waiting")
    scenes.make_task(stranger, "Theirs", status="failed")
    answer = browser.get(reverse("tasks:export"), {"status": "failed"})
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert [(row["title"], row["status"], row["owner"]) for row in rows] == [("Ours", "failed", "Ana Souza")]
    everything = json.loads(b"".join(browser.get(reverse("tasks:export"), {"format": "json"}).streaming_content))
    assert {row["title"] for row in everything} == {"Ours", "Waiting"}


def test_the_number_of_queries_of_the_list_does_not_grow(browser: Client, actor: Actor) -> None:
    def queries() -> int:
        browser.get(reverse("tasks:list"))
        with CaptureQueriesContext(connection) as captured:
            browser.get(reverse("tasks:list"))
        return len(captured)

    many(actor, 3)
    few = queries()
    many(actor, 45)
    assert queries() == few <= 12


def test_a_search_looks_through_so_many_tasks_and_goes_on(browser: Client, actor: Actor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(searched.__kwdefaults__, "most", 10)
    scenes.make_task(actor, "A needle")
    many(actor, 25)
    address, seen = reverse("tasks:list") + "?search=needle", []
    for _page in range(3):
        answer = browser.get(address)
        seen += [card["title"] for card in answer.context["cards"]]
        if not answer.context["further"]:
            break
        assert "Look further back" in answer.content.decode()
        address = reverse("tasks:list") + answer.context["further"]
    assert seen == ["A needle"]
    assert _page == 2
