"""A search looks through so many rows for a page, no more and none twice, and the page goes on from there, and back again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.db.models import QuerySet
from django.utils import timezone

from apps.accounts.actor import Actor
from apps.common.searching import Searched, searched
from apps.tasks.models import ExecutionLog, Task
from tests.factories import make_actor

pytestmark = pytest.mark.django_db
EACH, MOMENTS = 4, 20  # tasks made at the same moment, and how many moments
MOST, LIMIT = 10, 3


@pytest.fixture
def tasks(db: None) -> QuerySet[Task]:
    """In the order of age: at each moment four, the second of which is a needle; of several statuses, and others' among them."""
    actor, stranger = make_actor(), make_actor()
    now = timezone.now()
    made = []
    for moment in range(MOMENTS):
        for number in range(EACH):
            at, title = now - timedelta(hours=moment), "a needle" if number == 1 else "hay"
            status = "failed" if moment % 2 else "completed"
            made += [Task(owner=of.user, team=of.team, title=title, status=status, created_at=at) for of in (actor, stranger)]
    Task.objects.bulk_create(made)
    return Task.objects.filter(team=actor.team, deleted_at=None)


def needles(rows: QuerySet) -> QuerySet:
    return rows.filter(title__icontains="needle")


def pages(rows: QuerySet, order: str) -> list[Searched]:
    found, cursor = [], ""
    while True:
        found.append(searched(rows, needles, limit=LIMIT, cursor=cursor, order=order, most=MOST))
        cursor = found[-1].page.next or found[-1].further
        if not cursor:
            return found


NARROWED: dict[str, Callable[[QuerySet], QuerySet]] = {
    "not": lambda rows: rows,
    "to a status": lambda rows: rows.filter(status__in=["failed"]),
    "to statuses": lambda rows: rows.filter(status__in=["failed", "completed"]),
    "to a priority": lambda rows: rows.filter(priority=Task._meta.get_field("priority").default),
    "with others read along": lambda rows: rows.select_related("owner").defer("description"),
}


@pytest.mark.parametrize("order", ["created_at", "-created_at"])
@pytest.mark.parametrize("narrowed", NARROWED)
def test_all_pages_together_have_what_was_found_once_and_in_order(tasks: QuerySet[Task], narrowed: str, order: str) -> None:
    rows = NARROWED[narrowed](tasks)
    found = pages(rows, order)
    pk = "-pk" if order.startswith("-") else "pk"
    assert [row.pk for one in found for row in one.page.rows] == list(
        needles(rows).order_by(order, pk).values_list("pk", flat=True)
    )
    assert len(found) > 4 and all(len(one.page.rows) <= LIMIT for one in found)


@pytest.mark.parametrize("narrowed", NARROWED)
def test_the_way_back_leads_over_the_pages_that_were_seen(tasks: QuerySet[Task], narrowed: str) -> None:
    rows = NARROWED[narrowed](tasks)
    first = searched(rows, needles, limit=1, most=MOST)
    second = searched(rows, needles, limit=1, cursor=first.page.next or "", most=MOST)
    back = searched(rows, needles, limit=1, cursor=second.page.previous or "", most=MOST)
    assert back.page.rows == first.page.rows != second.page.rows


def test_a_page_says_how_far_it_has_looked(tasks: QuerySet[Task]) -> None:
    found = searched(tasks, lambda rows: rows.filter(title="not there"), limit=LIMIT, most=MOST)
    tenth = tasks.order_by("-created_at", "-pk")[MOST - 1]
    assert (found.page.rows, found.looked_back_to) == ([], tenth.created_at)
    assert found.further
    nowhere = searched(tasks, lambda rows: rows.filter(title="not there"), limit=LIMIT, most=10_000)
    assert (nowhere.looked_back_to, nowhere.further) == (None, "")


# ── what it costs ─────────────────────────────────────────────────────────────────────────────────────────────────


def rows_read() -> int:
    """What MariaDB has taken from its tables and indexes for this connection so far."""
    counters = ("Handler_read_key", "Handler_read_next", "Handler_read_prev", "Handler_read_rnd_next")
    with connection.cursor() as cursor:
        cursor.execute("SHOW SESSION STATUS LIKE 'Handler_read%'")
        return sum(int(value) for name, value in cursor.fetchall() if name in counters)


def many(actor: Actor, number: int) -> None:
    now = timezone.now()
    about = {"owner": actor.user, "team": actor.team, "title": "hay"}
    Task.objects.bulk_create(Task(**about, created_at=now - timedelta(minutes=one)) for one in range(number))
    lines = (ExecutionLog(team=actor.team, event="started", created_at=now - timedelta(minutes=one)) for one in range(number))
    ExecutionLog.objects.bulk_create(lines)


@pytest.mark.parametrize(("model", "column"), [(Task, "title"), (ExecutionLog, "message")])
def test_it_reads_hardly_more_rows_than_it_looks_through(model: Any, column: str) -> None:
    if connection.vendor != "mysql":
        pytest.skip("SQLite counts nothing; `./orq bench pages` measures it")
    actor = make_actor()
    many(actor, 2_000)
    rows = model.objects.filter(team=actor.team)
    if model is Task:
        rows = rows.filter(deleted_at=None)

    before = rows_read()
    found = searched(rows, lambda some: some.filter(**{f"{column}__icontains": "needle"}), limit=LIMIT, most=100)
    assert found.further and rows_read() - before < 300  # of 2,000: to the edge, and to there again for the words
