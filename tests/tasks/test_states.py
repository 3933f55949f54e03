"""Every change of a task's status: which are allowed, and that of two who try only one wins."""

from __future__ import annotations

import pytest

from apps.accounts.actor import Actor
from apps.common.errors import Conflict
from apps.tasks.models import ENDED, Task, TaskStatus
from apps.tasks.states import MOVES, move, try_move
from tests.tasks.scenes import make_task

pytestmark = pytest.mark.django_db

ALLOWED = {
    "pending": "planning awaiting_approval running paused failed cancelled",
    "planning": "pending awaiting_approval running paused completed failed cancelled",
    "awaiting_approval": "pending failed cancelled",
    "running": "pending awaiting_approval paused completed failed cancelled",
    "paused": "pending cancelled",
    "completed": "pending",
    "failed": "pending cancelled",
    "cancelled": "pending",
}


@pytest.mark.parametrize("there", TaskStatus.values)
@pytest.mark.parametrize("here", TaskStatus.values)
def test_each_move_is_allowed_or_refused(actor: Actor, here: str, there: str) -> None:
    task = make_task(actor, status=here)
    is_allowed = there in ALLOWED[here].split()
    assert try_move(task, there) is is_allowed
    task.refresh_from_db()
    assert task.status == (there if is_allowed else here)
    assert (task.finished_at is not None) is (is_allowed and there in ENDED)


def test_every_status_has_its_moves() -> None:
    assert set(MOVES) == set(TaskStatus.values) == set(ALLOWED)


def test_of_two_who_saw_the_same_state_only_the_first_wins(actor: Actor) -> None:
    task = make_task(actor, status="running")
    other = Task.objects.get(pk=task.pk)
    assert try_move(task, "completed")
    assert not try_move(other, "cancelled")
    task.refresh_from_db()
    assert task.status == "completed"
    assert other.status == "running"


def test_what_is_given_is_stored_with_the_move_and_only_with_it(actor: Actor) -> None:
    task = make_task(actor, status="running")
    assert try_move(task, "paused", error_code="over_budget")
    assert not try_move(task, "completed", error_code="never")
    task.refresh_from_db()
    assert (task.status, task.error_code) == ("paused", "over_budget")


def test_a_refused_move_says_where_the_task_stands(actor: Actor) -> None:
    with pytest.raises(Conflict, match="Completed"):
        move(make_task(actor, status="completed"), "paused")
