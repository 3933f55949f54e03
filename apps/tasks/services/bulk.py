"""Many tasks at once: cancel, start again, delete, bring back. Statements for hundreds of rows, not one round a row."""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common import live
from apps.common.bulk import Outcome, in_parts, must_not_exceed
from apps.common.db import again_after_deadlock
from apps.common.errors import BadInput, OrquestradorError
from apps.tasks.jobs import ring_on_commit
from apps.tasks.logbook import log_many
from apps.tasks.models import AT_WORK, Subtask, SubtaskStatus, Task, TaskStatus
from apps.tasks.runner.endings import AT_REST
from apps.tasks.selectors.tasks import tasks_visible
from apps.tasks.services.tasks import task_cancel, task_start

KEPT = timedelta(days=1)  # a deleted task can be brought back for so long
WAITING = (TaskStatus.PENDING, TaskStatus.AWAITING_APPROVAL, TaskStatus.PAUSED)
MOST_STARTED = 500  # tasks that one click starts again; more would spend money faster than anybody looks


def tasks_cancel(actor: Actor, ids: Sequence[uuid.UUID]) -> Outcome:
    """Cancel what can be cancelled. Raises BadInput for too many, and does nothing then."""
    outcome = _begin(actor, ids)
    for part in in_parts(ids):
        rows = _own(actor, part, outcome)
        for task in [task for task in rows if task.status in AT_WORK]:
            _one(outcome, task_cancel, actor, task)
        _cancel_waiting(actor, [task for task in rows if task.status in WAITING], outcome)
        outcome.refuse(_("it has ended."), sum(task.is_ended for task in rows))
    _tell(actor)
    return outcome


def _cancel_waiting(actor: Actor, tasks: list[Task], outcome: Outcome) -> None:
    """Nobody works on these: they and their open steps are ended by two statements."""
    now = timezone.now()

    @again_after_deadlock
    def cancel() -> int:
        changed = Task.objects.filter(pk__in=[task.pk for task in tasks], status__in=WAITING)
        keys = list(changed.select_for_update().order_by("pk").values_list("pk", flat=True))  # no worker begins one from here on
        done = changed.update(status=TaskStatus.CANCELLED, finished_at=now, updated_at=now)
        Subtask.objects.filter(task__in=keys).exclude(status__in=AT_REST).update(status=SubtaskStatus.CANCELLED, finished_at=now)
        _log(actor, keys, "cancelled")
        return done

    outcome.done += cancel()


def tasks_start_again(actor: Actor, ids: Sequence[uuid.UUID]) -> Outcome:
    """Take up again what failed, was cancelled or never began. Of more than `MOST_STARTED` none is started."""
    outcome = _begin(actor, ids)
    if len(ids) > MOST_STARTED:
        said = _("At most %(most)s tasks are started at once, and these are %(n)s. None was started.")
        raise BadInput(said % {"most": MOST_STARTED, "n": len(ids)}, field="ids")
    for part in in_parts(ids):
        for task in _own(actor, part, outcome):
            if task.status == TaskStatus.COMPLETED:
                outcome.refuse(_("it is completed."))
            else:
                _one(outcome, task_start, actor, task)
    return outcome


def tasks_delete(actor: Actor, ids: Sequence[uuid.UUID]) -> tuple[Outcome, datetime]:
    """Delete tasks; what runs is stopped. The moment that comes with it is what `tasks_restore` takes."""
    outcome, moment = _begin(actor, ids), timezone.now()
    for part in in_parts(ids):
        rows = _own(actor, part, outcome)
        for task in [task for task in rows if task.status in AT_WORK]:
            _one(Outcome(), task_cancel, actor, task)
        outcome.done += _delete(actor, [task.pk for task in rows], moment)
    _tell(actor)
    return outcome, moment


@again_after_deadlock
def _delete(actor: Actor, keys: Sequence[int], moment: datetime) -> int:
    done = Task.objects.filter(pk__in=keys, deleted_at=None).update(deleted_at=moment, updated_at=moment)
    _log(actor, keys, "deleted")
    return done


def tasks_restore(actor: Actor, moment: datetime) -> int:
    """Bring back what was deleted at that moment, as far as it is the actor's to change. Gives how many tasks."""
    actor.must_work()
    rows = Task.objects.filter(team=actor.team, deleted_at=moment)
    if not actor.can_manage:
        rows = rows.filter(owner=actor.user)
    keys = list(rows.values_list("pk", flat=True))
    for part in in_parts(keys):
        _restore(actor, part, moment)
    _tell(actor)
    return len(keys)


@again_after_deadlock
def _restore(actor: Actor, keys: Sequence[int], moment: datetime) -> None:
    Task.objects.filter(pk__in=keys, deleted_at=moment).update(deleted_at=None, updated_at=timezone.now())
    _log(actor, keys, "restored")
    ring_on_commit()


@again_after_deadlock
def tasks_purge(now: datetime | None = None, *, most: int = 500) -> int:
    """Remove for good what was deleted longer than `KEPT` ago, some at a time. Its costs stay in the usage rows."""
    old = Task.objects.filter(deleted_at__lt=(now or timezone.now()) - KEPT).values_list("pk", flat=True)[:most]
    rows = Task.objects.filter(pk__in=list(old))
    keys = list(rows.select_for_update().order_by("pk").values_list("pk", flat=True))  # before what belongs to them
    if keys:
        rows.delete()
    return len(keys)


# ── below ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def _begin(actor: Actor, ids: Sequence[uuid.UUID]) -> Outcome:
    actor.must_work()
    must_not_exceed(len(ids))
    return Outcome()


def _own(actor: Actor, ids: Sequence[uuid.UUID], outcome: Outcome) -> list[Task]:
    """Those that are there and that the actor may change; the others are counted as refused."""
    rows: QuerySet[Task] = tasks_visible(actor).filter(public_id__in=ids)
    found = list(rows.defer("result", "plan", "policy"))
    own = [task for task in found if actor.can_manage or task.owner_id == actor.user.pk]
    outcome.refuse(_("there is no such task any more."), len(ids) - len(found))
    outcome.refuse(_("only the person who made it, or an admin, can change it."), len(found) - len(own))
    for task in own:
        task.team = actor.team
    return own


def _one(outcome: Outcome, service: object, actor: Actor, task: Task) -> None:
    try:
        service(actor, task)  # type: ignore[operator]
        outcome.done += 1
    except OrquestradorError as error:
        outcome.refuse(error.message)


def _log(actor: Actor, keys: Sequence[int], event: str) -> None:
    log_many(actor.team.pk, keys, event, person_id=actor.user.pk, data={"by": str(actor.user)})


def _tell(actor: Actor) -> None:
    """Pages with a list of tasks read it again."""
    topic = f"team:{actor.team.public_id}"
    transaction.on_commit(lambda: live.publish(topic, live.type_of(topic), {"event": "reload", "topic": topic}))
