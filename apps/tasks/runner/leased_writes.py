"""How a worker writes for its task: in short transactions that prove and renew the lease. A database that is away is waited for.

Stages that are over wait here to be written with the next thing that has to be.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import InterfaceError, OperationalError

from apps.common.db import again_after_deadlock, in_db
from apps.common.leases import lease_end
from apps.tasks.engine.errors import LeaseLost
from apps.tasks.engine.types import PlannedSubtask
from apps.tasks.models import Step, Subtask, Task
from apps.tasks.runner import announce, projections

log = logging.getLogger(__name__)

WAIT_FOR_DATABASE_S = 60.0
TRY_AGAIN_AFTER_S = 0.5


@dataclass(frozen=True)
class Finished:
    """A stage that is over and waits to be written with the next call, or with the conclusion, in one transaction.

    Nothing is lost by the wait: what a stage makes of its answers can be made again, and the answers are stored at once.
    """

    key: str
    stage: str
    order: int | None
    result: Any
    stored: Any
    started_at: datetime
    finished_at: datetime

    @property
    def outcome(self) -> dict[str, Any]:
        return {"result": self.stored, "finished_at": self.finished_at, "error": ""}


class LeasedWrites:
    """For one task and one holder of its lease. Everything raises LeaseLost when another has taken the task over."""

    def __init__(self, task: Task, lease_owner: str) -> None:
        self.task = task
        self.lease_owner = lease_owner
        self._waiting: list[Finished] = []
        self._one_writes = asyncio.Lock()  # parallel subtasks share what waits to be written

    def add(self, finished: Finished) -> None:
        self._waiting.append(finished)

    async def flush(self) -> None:
        if self._waiting:
            await self.write(lambda row: None, None)

    async def write(self, change: Callable[[Subtask | None], Any], subtask: PlannedSubtask | None, *, tell: bool = False) -> Any:
        """Run `change` in a transaction that first proves and renews the lease; the pages are told afterwards.

        Stages that wait to be written go first, in the same transaction. `change` gets the locked row of `subtask`.
        """
        async with self._one_writes:
            waiting = tuple(self._waiting)
            given = await self._patiently(self._write_now, change, subtask.order if subtask else None, waiting, tell)
            del self._waiting[: len(waiting)]
        return given

    async def _patiently(self, write: Callable[..., Any], *args: Any) -> Any:
        """A database that restarts is waited for: the answer that is to be written has been paid for."""
        give_up_at = time.monotonic() + WAIT_FOR_DATABASE_S
        while True:
            try:
                return await in_db(write, *args)
            except (OperationalError, InterfaceError) as error:
                if time.monotonic() > give_up_at:
                    raise
                log.warning("the database did not take a step (%s); trying again", error)
                await asyncio.sleep(TRY_AGAIN_AFTER_S)

    def _write_now(
        self, change: Callable[[Subtask | None], Any], order: int | None, waiting: tuple[Finished, ...], tell: bool
    ) -> Any:
        status = self.task.status
        try:
            given, rows = self._in_one(change, order, waiting, status)
        except BaseException:
            self.task.status = status  # as the row still says
            raise
        if tell or waiting:
            announce.changed(self.task, *(row.public_id for row in rows))
        return given

    @again_after_deadlock
    def _in_one(
        self, change: Callable[[Subtask | None], Any], order: int | None, waiting: tuple[Finished, ...], status: str
    ) -> tuple[Any, list[Subtask]]:
        """The task first, then its steps, then what belongs to them: the order in which everybody takes them."""
        self.task.status = status
        if not Task.objects.filter(pk=self.task.pk, lease_owner=self.lease_owner).update(lease_until=lease_end()):
            raise LeaseLost("another worker has taken this task over")
        rows = self._locked({item.order for item in waiting if item.order} | ({order} if order else set()))
        self._store(waiting, rows)
        given = change(rows[order] if order else None)
        for row in rows.values():
            row.save()
        return given, list(rows.values())

    def _locked(self, orders: set[int]) -> dict[int, Subtask]:
        if not orders:
            return {}
        rows = Subtask.objects.select_for_update().filter(task=self.task, order__in=orders)
        return {row.order: row for row in rows.order_by("order")}

    def _store(self, waiting: tuple[Finished, ...], rows: dict[int, Subtask]) -> None:
        """The stages' results, and what they change in the rows that people see.

        Each once: what a write stored whose end nobody heard of, because a cancel came between, is passed over.
        """
        if not waiting:
            return
        keys = [item.key for item in waiting]
        known = dict(Step.objects.filter(task=self.task, key__in=keys).values_list("key", "finished_at"))
        new = [item for item in waiting if known.get(item.key) is None]
        Step.objects.bulk_create([self._step(item, rows.get(item.order or 0)) for item in new if item.key not in known])
        for item in new:
            if item.key in known:
                Step.objects.filter(task=self.task, key=item.key).update(**item.outcome)
            projections.stage_done(self.task, item.stage, rows.get(item.order or 0), item.result)

    def _step(self, item: Finished, row: Subtask | None) -> Step:
        return Step(task=self.task, subtask=row, key=item.key, stage=item.stage, started_at=item.started_at, **item.outcome)
