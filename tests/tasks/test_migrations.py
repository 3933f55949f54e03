"""Changes of the tables on a database that is in use already."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.management import call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def before_public_ids() -> Iterator[Any]:
    """The tables as they were before log entries had ids of their own."""
    executor = MigrationExecutor(connection)
    executor.migrate([("tasks", "0002_error_data")])
    yield executor.loader.project_state([("tasks", "0002_error_data")]).apps
    call_command("migrate", verbosity=0)


def test_entries_of_before_get_an_id_each(before_public_ids: Any) -> None:
    rows = before_public_ids.get_model
    team = rows("accounts", "Team").objects.create(name="Before")
    task = rows("tasks", "Task").objects.create(team=team, title="Old", description="Old")
    for number in range(3):
        rows("tasks", "ExecutionLog").objects.create(task=task, event="started", message=str(number))

    call_command("migrate", verbosity=0)

    from apps.tasks.models import ExecutionLog

    entries = ExecutionLog.objects.all()
    assert [entry.message for entry in entries.order_by("pk")] == ["0", "1", "2"]
    assert len({entry.public_id for entry in entries} - {None}) == 3
