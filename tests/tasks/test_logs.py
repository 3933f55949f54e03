"""The log: its page with filters, one line, the file, the API. Never another team's lines, never another person's chat."""

from __future__ import annotations

import csv
import io
import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.accounts.models import Role
from apps.common.errors import BadInput
from apps.tasks.logbook import log_prompt, log_write
from apps.tasks.models import ExecutionLog, TaskExecution
from apps.tasks.selectors import logs as selectors
from apps.tasks.selectors.logs import LogQuery, log_line, logs_found, logs_page
from tests.factories import execution_of
from tests.tasks import scenes

pytestmark = pytest.mark.django_db


@pytest.fixture
def colleague(actor: Actor) -> Actor:
    return scenes.make_actor("rui@example.org", team=actor.team, role=Role.MEMBER, name="Rui Costa")


def texts(answer: Any) -> list[str]:
    return [line["text"] for line in answer.context["lines"]]


def list_with(browser: Client, **asked: str) -> list[str]:
    answer = browser.get(reverse("tasks:logs"), asked)
    assert answer.status_code == 200
    return texts(answer)


# ── who sees what ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_team_sees_its_own_lines_and_no_other(browser: Client, actor: Actor, stranger: Actor) -> None:
    log_write(scenes.make_task(actor), "paused")
    foreign = log_write(scenes.make_task(stranger), "cancelled")
    assert list_with(browser) == ["Paused"]
    assert browser.get(reverse("tasks:log", args=[foreign.public_id])).status_code == 404
    assert list_with(browser, task=str(foreign.task.public_id)) == []


def test_lines_of_a_chat_are_its_persons_alone_and_those_of_the_api_the_admins_too(actor: Actor, colleague: Actor) -> None:
    for source in ("chat", "api"):
        execution = execution_of(colleague)
        TaskExecution.objects.filter(pk=execution.pk).update(source=source)
        execution.source = source
        log_prompt(execution, "prompt_failed", message=source)

    def seen(who: Actor) -> set[str]:
        return {row.message for row in logs_found(who, LogQuery())}

    assert seen(colleague) == {"chat", "api"}
    assert seen(actor) == {"api"}
    assert seen(scenes.make_actor("bia@example.org", team=actor.team, role=Role.MEMBER)) == set()


# ── filters ───────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def mixed(actor: Actor, colleague: Actor, cast: scenes.Cast) -> dict[str, ExecutionLog]:
    ours, theirs = scenes.make_task(actor, "Ours"), scenes.make_task(colleague, "Theirs")
    lines = {
        "plain": log_write(ours, "started"),
        "failed": log_write(ours, "failed", level="error", message="The disk is full"),
        "author": log_write(ours, "author_failed", level="warning", data={"model": "Qwen3 8B", "message": "timed out"}),
        "theirs": log_write(theirs, "started"),
        "old": log_write(theirs, "completed"),
    }
    ExecutionLog.objects.filter(pk=lines["old"].pk).update(created_at=timezone.now() - timedelta(days=3), request_id="req-7")
    return {name: ExecutionLog.objects.get(pk=line.pk) for name, line in lines.items()}


def asked_of(mixed: dict[str, ExecutionLog], colleague: Actor) -> dict[str, tuple[dict[str, str], set[str]]]:
    return {
        "level": ({"level": "error"}, {"failed"}),
        "levels": ({"level": "error,warning"}, {"failed", "author"}),
        "event": ({"event": "started"}, {"plain", "theirs"}),
        "task": ({"task": str(mixed["theirs"].task.public_id)}, {"theirs", "old"}),
        "model": ({"model": "Qwen3 8B"}, {"author"}),
        "provider": ({"provider": "lmstudio"}, {"author"}),
        "person": ({"person": str(colleague.user.public_id)}, {"theirs", "old"}),
        "request": ({"request_id": "req-7"}, {"old"}),
        "period": ({"period": "day"}, {"plain", "failed", "author", "theirs"}),
        "until": ({"until": (timezone.now() - timedelta(days=2)).isoformat()}, {"old"}),
        "words": ({"words": "DISK full"}, {"failed"}),
        "said": ({"words": "started"}, {"plain", "theirs"}),
        "both": ({"level": "info", "event": "started", "task": str(mixed["plain"].task.public_id)}, {"plain"}),
    }


def test_each_filter_leaves_what_fits_in_the_list_in_the_api_and_in_the_tail(
    browser: Client, actor: Actor, colleague: Actor, mixed: dict[str, ExecutionLog]
) -> None:
    names = {str(line.public_id): name for name, line in mixed.items()}
    for what, (asked, expected) in asked_of(mixed, colleague).items():
        page = browser.get(reverse("tasks:logs"), asked)
        assert {names[line["id"]] for line in page.context["lines"]} == expected, what
        api = {**asked, "search": asked.get("words", "")}
        found = browser.get("/api/execution-logs/", {name: value for name, value in api.items() if name != "words"})
        assert {names[line["id"]] for line in found.json()["results"]} == expected, what
        query = LogQuery.of(asked)
        models = selectors.models_of_provider(actor, query.provider) if query.provider else frozenset()
        fresh = {**mixed} if "period" not in asked else {name: row for name, row in mixed.items() if name != "old"}
        rows = {
            name: ExecutionLog.objects.select_related("task", "subtask", "execution", "person").get(pk=row.pk)
            for name, row in fresh.items()
        }
        assert {name for name, row in rows.items() if query.fits(log_line(row), models_of_provider=models)} == expected, what


@pytest.mark.parametrize(
    ("name", "value"),
    [("level", "loud"), ("period", "century"), ("task", "x"), ("person", "1"), ("since", "soon"), ("until", "2026-99-99T00:00")],
)
def test_a_filter_that_cannot_be_used_is_named(browser: Client, name: str, value: str) -> None:
    with pytest.raises(BadInput) as error:
        LogQuery.of({name: value})
    assert error.value.errors[0]["field"] == name
    assert browser.get("/api/execution-logs/", {name: value}).status_code == 400
    assert browser.get(reverse("tasks:logs"), {name: value}).status_code == 400


def test_the_chips_lead_to_the_list_without_their_filter(browser: Client, mixed: dict[str, ExecutionLog]) -> None:
    task = str(mixed["plain"].task.public_id)
    answer = browser.get(reverse("tasks:logs"), {"task": task, "level": "error"})
    [chip] = answer.context["taken"]
    assert chip.label == "Task: Ours"
    assert chip.query == "?level=error"
    assert [one.is_on for one in answer.context["levels"]] == [True, False, False]
    assert f"?level=warning&amp;task={task}" in answer.content.decode()


# ── pages ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_pages_follow_one_another_without_gaps_and_back_again(actor: Actor) -> None:
    task, now = scenes.make_task(actor), timezone.now()
    ExecutionLog.objects.bulk_create(
        ExecutionLog(team=actor.team, task=task, event="started", message=str(n), created_at=now - timedelta(seconds=n // 3))
        for n in range(50)
    )
    seen, cursor = [], ""
    for _round in range(10):
        page = logs_page(actor, LogQuery(), cursor=cursor, limit=7).page
        seen += [row.message for row in page.rows]
        if page.next is None:
            break
        cursor = page.next
    assert len(seen) == len(set(seen)) == 50
    back = logs_page(actor, LogQuery(), cursor=page.previous or "", limit=7).page
    assert [row.message for row in back.rows] == seen[42:49]


def test_a_search_stops_after_so_many_lines_says_where_and_goes_on(
    browser: Client, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(selectors, "LOOKED_THROUGH", 20)
    task, now = scenes.make_task(actor), timezone.now()
    ExecutionLog.objects.bulk_create(
        ExecutionLog(
            team=actor.team,
            task=task,
            event="noted",
            message="a needle" if n == 50 else "hay",
            created_at=now - timedelta(minutes=n),
        )
        for n in range(60)
    )
    answer = browser.get(reverse("tasks:logs"), {"words": "needle"})
    assert texts(answer) == []
    assert "Look further back" in answer.content.decode()
    for _round in range(2):
        answer = browser.get(reverse("tasks:logs") + answer.context["further"])
    assert texts(answer) == ["a needle"]
    found, url = [], "/api/execution-logs/?search=needle"
    while url:
        body = browser.get(url).json()
        found += body["results"]
        url = body["next"]
    assert [line["message"] for line in found] == ["a needle"]


def test_the_number_of_queries_does_not_grow_with_the_lines(browser: Client, actor: Actor) -> None:
    def queries() -> int:
        browser.get(reverse("tasks:logs"))
        with CaptureQueriesContext(connection) as captured:
            browser.get(reverse("tasks:logs"))
        return len(captured)

    for number in range(3):
        log_write(scenes.make_task(actor, f"Task {number}"), "started")
    few = queries()
    for number in range(40):
        log_write(scenes.make_task(actor, f"More {number}"), "started")
    assert queries() == few <= 12


# ── one line, and the way from a task ─────────────────────────────────────────────────────────────────────────────


def test_a_line_shows_its_data_and_the_way_to_its_task(browser: Client, actor: Actor) -> None:
    task = scenes.make_task(actor)
    line = log_write(task, "author_failed", data={"model": "Qwen3 8B", "message": "no <b>route</b>", "broke_off": False})
    html = browser.get(reverse("tasks:log", args=[line.public_id])).content.decode()
    assert "Qwen3 8B could not write it: no &lt;b&gt;route&lt;/b&gt;" in html
    assert "&quot;broke_off&quot;: false" in html
    assert reverse("tasks:detail", args=[task.public_id]) in html
    assert (
        f"{reverse('tasks:logs')}?task={task.public_id}"
        in browser.get(reverse("tasks:detail", args=[task.public_id])).content.decode()
    )


def test_the_line_of_a_deleted_task_stays_without_a_link(browser: Client, actor: Actor) -> None:
    task = scenes.make_task(actor, deleted_at=timezone.now())
    line = log_write(task, "deleted")
    html = browser.get(reverse("tasks:log", args=[line.public_id])).content.decode()
    assert reverse("tasks:detail", args=[task.public_id]) not in html
    assert list_with(browser) == ["Deleted"]


# ── the file ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_file_has_what_the_filters_leave_in_both_formats(
    browser: Client, mixed: dict[str, ExecutionLog], stranger: Actor
) -> None:
    log_write(scenes.make_task(stranger), "failed", level="error", message="theirs")
    answer = browser.get(reverse("tasks:logs_export"), {"level": "error", "format": "csv"})
    assert answer["Content-Type"].startswith("text/csv")
    rows = list(csv.DictReader(io.StringIO(b"".join(answer.streaming_content).decode("utf-8-sig"))))
    assert [(row["event"], row["level"], row["task_title"]) for row in rows] == [("failed", "error", "Ours")]
    answer = browser.get(reverse("tasks:logs_export"), {"format": "json"})
    lines = json.loads(b"".join(answer.streaming_content))
    assert len(lines) == 5
    assert {line["event"] for line in lines} == {"started", "failed", "author_failed", "completed"}
    assert browser.get(reverse("tasks:logs_export"), {"format": "exe"}).status_code == 400


def test_a_file_has_so_many_rows_at_most_says_so_and_is_read_in_parts(
    browser: Client, actor: Actor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("apps.common.exporting.MOST_ROWS", 25)
    monkeypatch.setattr("apps.common.exporting.AT_ONCE", 10)
    task = scenes.make_task(actor)
    ExecutionLog.objects.bulk_create(ExecutionLog(team=actor.team, task=task, event="started") for _number in range(30))
    answer = browser.get(reverse("tasks:logs_export"))
    parts = list(answer.streaming_content)
    assert len(parts) > 3
    assert len(b"".join(parts).splitlines()) == 26
    assert "-first-25.csv" in answer["Content-Disposition"]


def test_nothing_in_a_file_is_run_by_a_spreadsheet(browser: Client, actor: Actor) -> None:
    log_write(scenes.make_task(actor, title="=HYPERLINK(1)"), "noted", message="@SUM(1)")
    text = b"".join(browser.get(reverse("tasks:logs_export")).streaming_content).decode()
    assert "'=HYPERLINK" in text
    assert "'@SUM" in text


# ── what is written ───────────────────────────────────────────────────────────────────────────────────────────────


def test_an_answered_prompt_writes_lines_that_do_not_say_what_was_asked(actor: Actor) -> None:
    execution = execution_of(actor)
    log_prompt(execution, "prompt_answered", data={"model": "Qwen3 8B", "cache": ""})
    line = ExecutionLog.objects.get()
    assert (line.execution, line.person, line.team) == (execution, actor.user, actor.team)
    assert execution.input not in json.dumps(log_line(ExecutionLog.objects.select_related("execution").get()), default=str)
