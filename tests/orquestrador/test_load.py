"""The seed of rows in bulk, and with its rows every page: what each asks of the database, few rows or many."""

from __future__ import annotations

from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from apps.accounts.middleware import TEAM_IN_SESSION
from apps.accounts.models import Team, User
from apps.chat.models import Conversation, Message
from apps.providers.models import CreditUsage
from apps.tasks.models import Call, ExecutionLog, Subtask, Task, TaskExecution
from scripts.bench._addresses import pages
from scripts.bench.pages import MOST_QUERIES

pytestmark = pytest.mark.django_db
SOME = {"messages": 60, "conversations": 4, "tasks": 30, "logs": 60}


@pytest.fixture
def owner(db: None) -> User:
    return User.objects.create_superuser("ana@example.org", "correct horse battery", name="Ana")


def seed(**sizes: int) -> str:
    said = StringIO()
    call_command("seed_load", stdout=said, **{**SOME, **sizes})
    return said.getvalue()


def test_it_makes_what_was_asked_for_and_says_so(owner: User) -> None:
    said = seed()
    assert (Message.objects.count(), Conversation.objects.count(), ExecutionLog.objects.count()) == (60, 4, 60)
    assert Task.objects.count() == 30
    assert f"tasks: {Task.objects.count()}" in said
    assert "Sign in as ana@example.org" in said
    assert not Conversation.objects.filter(current=None).exists()
    threads = Message.objects.exclude(parent=None)
    assert all(message.parent.conversation_id == message.conversation_id for message in threads.select_related("parent"))
    assert all(line.task is None or line.task.team_id == line.team_id for line in ExecutionLog.objects.select_related("task"))
    assert Subtask.objects.filter(status="completed").exists()
    assert Call.objects.filter(usage__isnull=False).count() == Call.objects.count() > 0
    assert CreditUsage.objects.count() == TaskExecution.objects.count() + Call.objects.count()


def test_a_second_time_adds_to_it_with_keys_that_are_free(owner: User) -> None:
    seed()
    seed(tasks=5)
    assert Task.objects.count() == 35
    assert Team.objects.filter(name="Load test").count() == 1


def test_it_refuses_where_people_have_worked_unless_told_so(owner: User) -> None:
    Task.objects.create(team=Team.objects.create(name="Real"), title="Real", description="Real")
    with pytest.raises(CommandError, match="tasks of people"):
        seed()
    assert Task.objects.count() == 1
    seed(yes=True)
    assert Task.objects.count() == 31


def test_no_page_asks_more_of_the_database_with_more_rows(owner: User) -> None:
    seed()
    few = _queries_of_pages(owner)
    seed(messages=200, conversations=12, tasks=120, logs=400)
    many = _queries_of_pages(owner)
    assert len(few) > 60
    # One more may be a look-up for which there was nothing at first; a query for each row would be dozens.
    grown = {name: (few[name], many[name]) for name in few.keys() & many.keys() if many[name] > few[name] + 1}
    assert grown == {}
    assert {name: number for name, number in many.items() if number >= MOST_QUERIES} == {}


def _queries_of_pages(owner: User) -> dict[str, int]:
    team = Team.objects.get(name="Load test")
    client = Client(raise_request_exception=True)
    client.force_login(owner, backend="django.contrib.auth.backends.ModelBackend")
    session = client.session
    session[TEAM_IN_SESSION] = str(team.public_id)
    session.save()
    found = {}
    for name, address in pages(team):
        answer = client.get(address)
        if answer.status_code == 200 and "text/html" in answer.get("Content-Type", ""):
            with CaptureQueriesContext(connection) as captured:
                client.get(address)
            found[name] = len(captured)
        else:
            assert answer.status_code < 500
    return found
