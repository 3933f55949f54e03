"""Which changes of a task's status are allowed, and the one way to make them.

A change is an UPDATE that matches only while the row is still in the state it was seen in, so that of two who try at
once only one wins.
"""

from __future__ import annotations

from typing import Any

from django.utils import timezone
from django.utils.translation import gettext as _

from apps.common.errors import Conflict
from apps.tasks.models import ENDED, Task
from apps.tasks.models import TaskStatus as S

MOVES: dict[str, frozenset[str]] = {
    S.PENDING: frozenset({S.PLANNING, S.AWAITING_APPROVAL, S.RUNNING, S.PAUSED, S.FAILED, S.CANCELLED}),
    S.PLANNING: frozenset({S.RUNNING, S.AWAITING_APPROVAL, S.PENDING, S.PAUSED, S.COMPLETED, S.FAILED, S.CANCELLED}),
    S.AWAITING_APPROVAL: frozenset({S.PENDING, S.FAILED, S.CANCELLED}),
    S.RUNNING: frozenset({S.PENDING, S.AWAITING_APPROVAL, S.PAUSED, S.COMPLETED, S.FAILED, S.CANCELLED}),
    S.PAUSED: frozenset({S.PENDING, S.CANCELLED}),
    S.COMPLETED: frozenset({S.PENDING}),
    S.FAILED: frozenset({S.PENDING, S.CANCELLED}),
    S.CANCELLED: frozenset({S.PENDING}),
}


def lock(task: Task) -> Task:
    """The row as it is now, nobody else's until the transaction ends. Before anything that points at it: steps, calls, lines of
    the log share the row, and two who share it and both want it alone wait for each other."""
    return Task.objects.select_for_update().get(pk=task.pk)


def try_move(task: Task, to: str, **fields: Any) -> bool:
    """Change the status of `task` and `fields` with it; False when it is no longer in the state we saw."""
    if to not in MOVES[task.status]:
        return False
    if to in ENDED:
        fields.setdefault("finished_at", timezone.now())
    changed = Task.objects.filter(pk=task.pk, status=task.status).update(status=to, updated_at=timezone.now(), **fields)
    if changed:
        task.status = to
        for name, value in fields.items():
            setattr(task, name, value)
    return bool(changed)


def move(task: Task, to: str, **fields: Any) -> None:
    """`try_move`, or a Conflict that says what state the task is in."""
    seen = task.get_status_display()
    if not try_move(task, to, **fields):
        raise Conflict(
            _("The task is “%(status)s”; from there it cannot become “%(wanted)s”. Reload the page to see where it stands.")
            % {"status": seen, "wanted": S(to).label}
        )
