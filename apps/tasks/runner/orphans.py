"""Prompts that a process was at when it died: marked as failed, for whoever waited for them has gone with the process."""

from __future__ import annotations

import os
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from apps.common.machine import holder, machine
from apps.tasks.engine.routing.types import RouteSettings
from apps.tasks.models import TaskExecution
from apps.tasks.routing_words import no_answer_because
from apps.tasks.runner.execution_ends import execution_failed
from apps.tasks.runner.executions import LONGEST_ROUTE_S, Asker, Diary, Ready

GIVEN_UP_AFTER = timedelta(seconds=LONGEST_ROUTE_S + 600)


def executions_reconcile() -> int:
    """Mark as failed what dead processes of this machine, or ones that have not been heard of for long, were at; gives how many.

    An answer that was there before a person had it escalated stands.
    """
    held = TaskExecution.objects.filter(held_by__gt="").select_related("owner")  # not "unequal", which SQLite finds by no index
    return sum(_give_up(row) for row in held if _is_orphan(row))


def _is_orphan(row: TaskExecution) -> bool:
    if row.updated_at < timezone.now() - GIVEN_UP_AFTER:
        return True
    name, _, rest = row.held_by.partition(":")
    start, _, process = rest.rpartition(":")
    if name != machine():
        return False
    if settings.ORQ_BOOT_ID and start != settings.ORQ_BOOT_ID:
        return True
    return process.isdigit() and not _is_alive(int(process))


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _give_up(row: TaskExecution) -> bool:
    mine = TaskExecution.objects.filter(pk=row.pk, held_by=row.held_by)
    if not mine.update(held_by=holder()):
        return False  # another worker was quicker
    asker = Asker(row.team_id, row.owner_id, row.key_id, row.source, str(row.owner or ""))
    diary = Diary(asker, began_at=timezone.now())
    nothing = Ready(row, {}, [], RouteSettings(), (), has_budgets=False)
    execution_failed(nothing, diary, code="lost", message=no_answer_because("lost", {}))
    return True
