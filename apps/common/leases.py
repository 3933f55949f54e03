"""Work that waits in rows: a worker takes a row up under a lease, keeps that while it is at it, obeys Stop, stores how it ended.

The row says what is to be done; a message on the broker says only that it may be worth looking. Whoever is killed falls
silent: its lease runs out, or is freed by the next start of the same machine, and the row goes on with what is missing.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import threading
import time
from abc import ABC, abstractmethod
from datetime import datetime, timedelta
from typing import Any, Generic, TypeVar, cast

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db import DatabaseError, InterfaceError, OperationalError, models
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from apps.common.db import again_after_deadlock, close_idle_connections, in_db
from apps.common.errors import OrquestradorError
from apps.common.logs import correlation_id
from apps.common.machine import host_name, machine, worker_name
from apps.common.said_columns import SaidText

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.3  # how soon a Stop is obeyed
LOOKED_AT_ONCE = 20


class WorkStatus(models.TextChoices):
    WAITING = "waiting", _("Waiting")
    RUNNING = "running", _("Running")
    COMPLETED = "completed", _("Completed")
    FAILED = "failed", _("Failed")
    CANCELLED = "cancelled", _("Stopped")


OPEN = (WorkStatus.WAITING, WorkStatus.RUNNING)


class LeasedQuerySet(models.QuerySet):
    def waiting(self) -> LeasedQuerySet:
        """To be worked on and held by nobody, the oldest first."""
        free = Q(lease_until__isnull=True) | Q(lease_until__lt=timezone.now())
        return self.filter(free, status__in=OPEN).order_by("created_at", "pk")

    def running(self) -> LeasedQuerySet:
        """Held by a worker that gives signs of life."""
        return self.filter(status=WorkStatus.RUNNING, lease_until__gte=timezone.now())


LeasedManager = models.Manager.from_queryset(LeasedQuerySet)


class LeasedRow(models.Model):
    """A row that a worker carries out, whoever looks on. Give it `created_at` and a `public_id`."""

    status = models.CharField(_("status"), max_length=10, choices=WorkStatus.choices, default=WorkStatus.WAITING)
    error = SaidText(_("error"), blank=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    lease_owner = models.CharField(max_length=80, blank=True)  # which worker is at it
    lease_until = models.DateTimeField(null=True, blank=True)

    objects = LeasedManager()

    class Meta:
        abstract = True

    @property
    def is_open(self) -> bool:
        return self.status in OPEN


RowT = TypeVar("RowT", bound=LeasedRow)


def lease_end() -> datetime:
    return timezone.now() + timedelta(seconds=settings.ORQ_LEASE_S)


def orphans_free(kind: type[models.Model]) -> None:
    """Leases of earlier starts on this machine are void: one data folder has one start at a time."""
    if settings.ORQ_BOOT_ID:
        of_this_machine = kind._default_manager.filter(lease_owner__startswith=f"{machine()}:", lease_until__isnull=False)
        of_this_machine.exclude(lease_owner__startswith=f"{host_name()}:").update(lease_owner="", lease_until=None)


class LeasedWorker(ABC, Generic[RowT]):
    """The rows that one process is at, each in the thread that took it up. What is done with one, a subclass says."""

    kinds: tuple[type[RowT], ...]  # what comes first is taken up first

    def __init__(self) -> None:
        self.name = worker_name()
        self.is_stopping = False
        self._flows: dict[Any, tuple[asyncio.AbstractEventLoop, asyncio.Task]] = {}
        self._guard = threading.Lock()
        self._has_freed = False

    # ── what a subclass says ──────────────────────────────────────────────────────────────────────────────────────
    @abstractmethod
    async def carry_out(self, row: RowT) -> None:
        """Do what is still missing. It is cancelled when the row is stopped or deleted, or the worker has to end."""

    @abstractmethod
    def settle(self, row: RowT, *, is_over: bool) -> None:
        """In the transaction that gives the lease back. `is_over`: else another worker goes on with what is missing."""

    def claimable(self, kind: type[RowT]) -> models.QuerySet[RowT]:
        return kind._default_manager.waiting()

    def may_take(self, kind: type[RowT], pk: int) -> bool:
        """In the transaction that takes a row up, where more than the row has to be locked for that."""
        return True

    def changed(self, row: RowT) -> None:
        """For whoever tells people: it has begun, or its end is stored."""

    # ── the story ─────────────────────────────────────────────────────────────────────────────────────────────────
    def has_waiting(self) -> bool:
        """Whether there is something to be taken up; what an earlier start of this machine was at is freed for that first."""
        if not self._has_freed:
            for kind in self.kinds:
                orphans_free(kind)
            self._has_freed = True
        return any(self.claimable(kind).exists() for kind in self.kinds)

    def work(self) -> int:
        """Carry out waiting rows until there is none. Gives how many it took up."""
        done = 0
        while not self.is_stopping and (row := self.claim()):
            self.run(row)
            done += 1
        return done

    def claim(self) -> RowT | None:
        """The oldest waiting row, now leased to this worker; None when nothing waits."""
        try:
            return next((row for kind in self.kinds if (row := self._claim(kind))), None)
        finally:
            close_idle_connections()

    def run(self, row: RowT) -> None:
        """Carry a claimed row to its end. Its errors end in the row."""
        token = correlation_id.set(str(row.public_id))  # type: ignore[attr-defined]
        try:
            async_to_sync(self._run)(row)
        finally:
            correlation_id.reset(token)
            close_idle_connections()

    def stop(self) -> None:
        """Let go of everything: what was done is stored, the rest is done by whoever takes the row up next."""
        self.is_stopping = True
        with self._guard:
            flows = list(self._flows.values())
        for loop, flow in flows:
            with contextlib.suppress(RuntimeError):  # it has just ended by itself
                loop.call_soon_threadsafe(flow.cancel)

    async def _run(self, row: RowT) -> None:
        self.changed(row)
        flow = asyncio.ensure_future(self.carry_out(row))
        beat = asyncio.ensure_future(self._beat(row, flow))
        with self._guard:
            self._flows[row.pk, type(row)] = asyncio.get_running_loop(), flow
            if self.is_stopping:
                flow.cancel()
        try:
            await self._end_of(row, flow)
        except (OperationalError, InterfaceError) as error:
            log.warning("the database failed (%s); %s goes on from what is stored when its lease has run out", error, row.pk)
        finally:
            beat.cancel()
            with self._guard:
                self._flows.pop((row.pk, type(row)), None)
            self.changed(row)

    async def _end_of(self, row: RowT, flow: asyncio.Task) -> None:
        try:
            await flow
        except asyncio.CancelledError:
            await in_db(self._let_go, row)
        except Exception as error:
            cause = first_of(error)
            if isinstance(cause, (OperationalError, InterfaceError)):
                raise cause from error
            if not isinstance(cause, OrquestradorError):
                log.exception("%s ended unexpectedly", type(row).__name__)
            words = cause.message if isinstance(cause, OrquestradorError) else type(cause).__name__
            await in_db(self._let_go, row, WorkStatus.FAILED, words)
        else:
            await in_db(self._let_go, row, WorkStatus.COMPLETED)

    async def _beat(self, row: RowT, flow: asyncio.Task) -> None:
        """Keep the lease for as long as the row is ours and nobody has stopped it; else end it, which closes its calls."""
        renewed_at = time.monotonic()
        while True:
            await asyncio.sleep(LOOK_EVERY_S)
            is_due = time.monotonic() >= renewed_at + settings.ORQ_LEASE_S / 4
            try:
                is_ours = await in_db(self._renew if is_due else self._is_ours, row)
            except DatabaseError as error:
                log.warning("the database does not answer (%s); trying again", error)
                continue
            if not is_ours:
                flow.cancel()
                return
            if is_due:
                renewed_at = time.monotonic()

    # ── the rows ──────────────────────────────────────────────────────────────────────────────────────────────────
    @again_after_deadlock
    def _claim(self, kind: type[RowT]) -> RowT | None:
        for pk in self.claimable(kind).values_list("pk", flat=True)[:LOOKED_AT_ONCE]:
            if not self.may_take(kind, pk):
                continue
            still_free: models.QuerySet = kind._default_manager.waiting().filter(pk=pk).order_by()
            taken = still_free.update(
                status=WorkStatus.RUNNING,
                lease_owner=self.name,
                lease_until=lease_end(),
                started_at=Coalesce("started_at", timezone.now()),
            )
            if taken:
                return cast(RowT, kind._default_manager.get(pk=pk))
        return None

    def _held(self, row: RowT) -> models.QuerySet:
        return type(row)._default_manager.filter(pk=row.pk, lease_owner=self.name)

    def _is_ours(self, row: RowT) -> bool:
        """False when it is no longer this worker's to carry out: stopped, deleted, or taken over."""
        return self._held(row).filter(status=WorkStatus.RUNNING).exists()

    def _renew(self, row: RowT) -> bool:
        return bool(self._held(row).filter(status=WorkStatus.RUNNING).update(lease_until=lease_end()))

    @again_after_deadlock
    def _let_go(self, row: RowT, status: str = "", error: str = "") -> None:
        """Give the lease back: ended with `status` unless somebody stopped it first, or without one for another to go on."""
        if status:
            still_runs = self._held(row).filter(status=WorkStatus.RUNNING)
            still_runs.update(status=status, error=error, finished_at=timezone.now())
        self._held(row).update(lease_owner="", lease_until=None)
        now = type(row)._default_manager.filter(pk=row.pk).first()
        if now is None or not now.lease_owner:  # else another worker has taken it over, and its calls are under way
            self.settle(row, is_over=now is None or not now.is_open)


def first_of(error: BaseException) -> BaseException:
    """What went wrong first, where several things that ran at once did."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
