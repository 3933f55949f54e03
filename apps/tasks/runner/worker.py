"""The worker: takes up waiting tasks, keeps their leases alive, obeys pause and cancel, and tidies up after other workers.

The database says what is to be done; a message on the broker only says that it may be worth looking.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone

from apps.common.db import again_after_deadlock, close_idle_connections, in_db
from apps.common.leases import lease_end, orphans_free
from apps.common.logs import correlation_id
from apps.common.machine import worker_name
from apps.common.shapes import converted
from apps.tasks.engine.context import Context, Run
from apps.tasks.engine.errors import LeaseLost
from apps.tasks.engine.flow import run_task
from apps.tasks.engine.types import Policy, TaskSpec
from apps.tasks.models import Priority, Task, TaskStatus
from apps.tasks.runner import endings
from apps.tasks.runner.ais import ConnectedAIs
from apps.tasks.runner.announce import LiveAudience, changed
from apps.tasks.runner.bell import ring_validators
from apps.tasks.runner.evidence import evidence_for
from apps.tasks.runner.journal import DatabaseJournal
from apps.tasks.runner.money import has_budget
from apps.tasks.runner.validating import worker as validators

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.4  # how soon a pause or a cancel is obeyed
RENEW_EVERY_S = 5.0
RECONCILE_EVERY_S = 3.0


@dataclass
class Running:
    """A task that this process runs now."""

    task: Task
    run: Run
    loop: asyncio.AbstractEventLoop
    flow: asyncio.Task
    stop_reason: str = ""

    def cancel(self, reason: str) -> None:
        if not self.stop_reason:
            self.stop_reason = reason
            with contextlib.suppress(RuntimeError):  # the loop has just ended by itself
                self.loop.call_soon_threadsafe(self.flow.cancel)


@dataclass
class Worker:
    """One process that runs tasks, many at a time, each in a thread of its own."""

    ring: Callable[[], None] = lambda: None  # tells the worker's other threads, and other workers, that there may be work
    name: str = field(default_factory=worker_name)
    running: dict[int, Running] = field(default_factory=dict)
    is_stopping: bool = False
    _watch: threading.Thread | None = None
    _guard: threading.Lock = field(default_factory=threading.Lock)

    # ── taking up work ────────────────────────────────────────────────────────────────────────────────────────────

    def work(self) -> int:
        """Run waiting tasks, one after the other, until there is none or the limit is reached. Gives how many it ran."""
        done = 0
        self.start_watch()
        while not self.is_stopping and (task := self.claim()):
            self.ring()  # another thread may take the next
            self.run(task)
            done += 1
        return done

    def claim(self) -> Task | None:
        """The most urgent waiting task, now leased to this worker; None when nothing waits or enough are running."""
        try:
            return self._claim()
        finally:
            close_idle_connections()

    @again_after_deadlock
    def _claim(self) -> Task | None:
        task = self._locked_first()
        if task is None or Task.objects.held().count() >= settings.ORQ_TASKS_AT_ONCE:
            return None
        task.lease_owner, task.runs = self.name, task.runs + 1
        task.lease_until = lease_end()
        task.started_at = task.started_at or timezone.now()
        task.save(update_fields=["lease_owner", "lease_until", "runs", "started_at"])
        return task

    def _locked_first(self) -> Task | None:
        """The first in the queue, locked by its key alone: to lock what a search passes by is how deadlocks come about.

        Workers who look at once meet at the same row; who waited there finds it taken and looks again.
        """
        # What runs here is not taken up a second time, although its lease ran out while the machine slept.
        queue = Task.objects.waiting().exclude(pk__in=list(self.running))
        while (pk := queue.values_list("pk", flat=True).first()) is not None:
            if task := Task.objects.waiting().select_for_update().filter(pk=pk).first():
                return task
        return None

    def run(self, task: Task) -> None:
        """Carry a claimed task to its next resting place. Errors of the task end in its row, never here."""
        token = correlation_id.set(str(task.public_id))
        try:
            async_to_sync(self._run)(task)
        finally:
            correlation_id.reset(token)
            close_idle_connections()

    async def _run(self, task: Task) -> None:
        journal = DatabaseJournal(task, self.name)
        ais = ConnectedAIs(task)
        await in_db(journal.load)
        run = Run(
            task=spec_of(task, needs_prices=await in_db(has_budget, task)),
            journal=journal,
            ais=ais,
            audience=LiveAudience(task),
            clock=time,
            evidence=await evidence_for(task.team_id, task.owner_id, str(task.public_id)),
            spent_usd=await journal.spent_usd(),
        )
        flow = asyncio.ensure_future(run_task(run.task, Context(run)))
        entry = Running(task, run, asyncio.get_running_loop(), flow)
        with self._guard:
            self.running[task.pk] = entry
        try:
            await in_db(changed, task)
            async with asyncio.timeout(seconds_left(task)):
                await flow
            await in_db(endings.completed, task, self.name)
        except BaseException as error:
            await self._end_early(entry, journal, error)
        finally:
            with self._guard:
                self.running.pop(task.pk, None)
            flow.cancel()
            await ais.aclose()

    async def _end_early(self, entry: Running, journal: DatabaseJournal, error: BaseException) -> None:
        if not entry.flow.done():
            entry.flow.cancel()
            await asyncio.gather(entry.flow, return_exceptions=True)
        if isinstance(error, asyncio.CancelledError) and not entry.stop_reason:
            raise error
        with contextlib.suppress(LeaseLost):  # then another worker makes the same of the stored answers
            await journal.flush()
        await in_db(endings.ended_early, entry.task, self.name, error, entry.stop_reason)

    # ── watching over it ──────────────────────────────────────────────────────────────────────────────────────────

    def start_watch(self) -> None:
        with self._guard:
            if self._watch is None:
                self._watch = threading.Thread(target=self.watch, name="orq-watch", daemon=True)
                self._watch.start()

    def watch(self) -> None:
        """Until the worker stops: obey people, renew leases, ring for what waits. A failing database is waited for."""
        renew_at = reconcile_at = 0.0
        while not self.is_stopping:
            now = time.monotonic()
            try:
                self.obey()
                if now >= renew_at:
                    self.renew()
                    renew_at = now + RENEW_EVERY_S
                if now >= reconcile_at:
                    self.reconcile()
                    reconcile_at = now + RECONCILE_EVERY_S
            except DatabaseError as error:
                log.warning("the database does not answer (%s); trying again", error)
            finally:
                close_idle_connections()
            time.sleep(LOOK_EVERY_S)

    def obey(self) -> None:
        """Pass what people decided since on to the running tasks."""
        with self._guard:
            entries = dict(self.running)
        if not entries:
            return
        seen = {
            pk: (status, owner)
            for pk, status, owner in Task.objects.filter(pk__in=entries).values_list("pk", "status", "lease_owner")
        }
        for pk, entry in entries.items():
            status, owner = seen.get(pk, ("", ""))
            if not status:
                entry.cancel("deleted")
            elif status == TaskStatus.CANCELLED:
                entry.cancel("cancelled")
            elif owner != self.name:
                entry.cancel("lease_lost")
            else:
                entry.run.pause_requested = status == TaskStatus.PAUSED

    def renew(self) -> None:
        with self._guard:
            keys = list(self.running)
        if keys:
            Task.objects.filter(pk__in=keys, lease_owner=self.name).update(lease_until=lease_end())

    def reconcile(self) -> None:
        """Free what an earlier start of this machine left behind, and ring if something waits that has room."""
        from apps.tasks.runner.orphans import executions_reconcile  # late: what they need rings for this worker
        from apps.tasks.services.bulk import tasks_purge

        orphans_free(Task)
        executions_reconcile()
        tasks_purge()
        if Task.objects.waiting().exists() and Task.objects.held().count() < settings.ORQ_TASKS_AT_ONCE:
            self.ring()
        if validators.has_waiting():
            ring_validators()

    def stop(self) -> None:
        """Let go of everything at once: tasks stay as they are and go on elsewhere, or here after the next start."""
        self.is_stopping = True
        with self._guard:
            entries = list(self.running.values())
        for entry in entries:
            entry.cancel("worker_stopped")


def spec_of(task: Task, *, needs_prices: bool = False) -> TaskSpec:
    return TaskSpec(
        id=str(task.public_id),
        title=task.title,
        description=task.description,
        category=task.category,
        policy=converted(task.policy, Policy),
        priority=Priority(task.priority).name.lower(),
        cast=task.cast,
        approve_plan=task.approve_plan,
        budget_usd=task.budget_usd,
        needs_prices=needs_prices,
    )


def seconds_left(task: Task) -> float:
    """The time limit of one run, or less where the task has a deadline."""
    left = float(settings.ORQ_TASK_TIME_LIMIT_S)
    if task.deadline is not None:
        left = min(left, (task.deadline - timezone.now()).total_seconds())
    return max(0.0, left)
