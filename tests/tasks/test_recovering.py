"""A suspect answer in a whole task: over HTTP, through the journal, into the rows, the log and the page."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from apps.accounts.actor import Actor
from apps.tasks import services
from apps.tasks.models import ExecutionLog, Step, Task, TaskStatus
from apps.tasks.selectors import log_entry
from tests.tasks.orchestra import IS_WORK, line, playing, seat
from tests.tasks.test_running import run

pytestmark = pytest.mark.django_db(transaction=True)

LOOP = "The harbour opens late. The gull waits on the wall. " * 8
GOOD = "The harbour opens late in winter. Boats wait outside until the pilot comes."


@pytest.fixture
def recovered(actor: Actor) -> Task:
    """The cheapest model goes round in circles, the next does not; the checker is content with both."""
    with playing(line(IS_WORK, LOOP, model="writer"), line(IS_WORK, GOOD)) as orchestra:
        seat(actor, orchestra.url, "writer", "checker", "judge")
        return run(services.task_create(actor, description="Say how the harbour works."))


def test_another_family_tries_and_what_stands_is_not_suspect(recovered: Task) -> None:
    subtask = recovered.subtasks.get()
    assert (recovered.status, recovered.result) == (TaskStatus.COMPLETED, GOOD)
    assert (subtask.suspect, subtask.escalations, subtask.attempts) == (False, 1, 2)
    assert subtask.executor_family != "writer"


def test_the_log_tells_the_story(recovered: Task) -> None:
    told = [(row.event, log_entry(row)["message"]) for row in ExecutionLog.objects.filter(subtask__isnull=False).order_by("pk")]
    assert told == [
        ("suspect", "Marked as suspect: it says the same again and again"),
        ("escalated", "Given to another author: it says the same again and again"),
        (
            "compared",
            "Compared with what was written before: the work of judge stands best, because nothing is held against it",
        ),
    ]


def test_nothing_is_thrown_away(recovered: Task) -> None:
    drafts = dict(Step.objects.filter(stage="execute").values_list("key", "result"))
    assert [drafts[key]["text"] for key in sorted(drafts)] == [LOOP.strip(), GOOD]
    first = Step.objects.get(key="s1.r1.a1/inspect").result
    assert first["items"][0]["kind"] == "repetition" and first["items"][0]["spans"]
    assert first["assessment"]["factors"]


def test_the_page_shows_both_and_what_changed(recovered: Task, browser: Client) -> None:
    html = browser.get(reverse("tasks:detail", args=[recovered.public_id])).content.decode()
    assert "What was tried" in html and "What changed" in html
    assert "<ins>" in html and "<del>" in html


def test_the_checker_that_let_the_loop_through_is_known_to_have_been_wrong(recovered: Task) -> None:
    first, second = recovered.subtasks.get().verdicts.order_by("place")
    assert (first.place, first.accepted, first.is_right, first.known_by) == ("r1.a1", True, False, "recovery")
    assert (second.place, second.accepted, second.is_right, second.was_replaced) == ("r1.a2", True, None, False)
