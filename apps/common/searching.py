"""Looking for words in large tables: so many rows at a time, and the page says how far it has looked."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connections
from django.db.models import Q, QuerySet

from apps.common.paging import Page, cursor_behind, page_of, rows_behind

MOST_WORDS = 8  # more narrow nothing further, and a database takes only so many conditions
MOST = 10_000  # rows that are looked through for one page: 50 to 100 ms on either database


@dataclass(frozen=True, slots=True)
class Searched:
    """A page of what was found. `looked_back_to` and `further`: the search stopped there, and where it goes on."""

    page: Page
    looked_back_to: datetime | None = None
    further: str = ""


def with_words(rows: QuerySet, search: str, *columns: str) -> QuerySet:
    """Those of which each of the first `MOST_WORDS` words stands in one of the columns, in any case."""
    for word in search.split()[:MOST_WORDS]:
        found = Q()
        for column in columns:
            found |= Q(**{f"{column}__icontains": word})
        rows = rows.filter(found)
    return rows


def searched(
    rows: QuerySet,
    matching: Callable[[QuerySet], QuerySet],
    *,
    limit: int,
    cursor: str = "",
    order: str = "-created_at",
    most: int = MOST,
) -> Searched:
    """The page of `matching(rows)` that `cursor` names, from `most` of the `rows`. `order`: created_at, turned round or not.

    Two queries more than a page.
    """
    behind = rows_behind(rows, ordering=(order,), cursor=cursor).select_related(None)
    looked = list(behind.values_list("pk", flat=True)[:most])
    if len(looked) < most:
        return Searched(page_of(matching(rows), ordering=(order,), limit=limit, cursor=cursor))
    edge = rows.model._default_manager.only("pk", "created_at").get(pk=looked[-1])
    page = page_of(matching(_within(rows, looked, edge, order)), ordering=(order,), limit=limit, cursor=cursor)
    if page.next:
        return Searched(page)
    return Searched(page, edge.created_at, cursor_behind(edge, ordering=(order,)))


def _within(rows: QuerySet, looked: list[int], edge: Any, order: str) -> QuerySet:
    """SQLite stops at the time of the last one. MariaDB would compare the words of every row of the team all the same, because it
    uses a time as a limit of an index only where it thinks that it pays; by their keys it reads these alone."""
    if connections[rows.db].vendor == "sqlite":
        return rows.filter(**{f"created_at__{'gte' if order.startswith('-') else 'lte'}": edge.created_at})
    return rows.filter(pk__in=looked)
