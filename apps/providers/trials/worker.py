"""Carries out trials in a worker process: takes one up under a lease, keeps the lease, obeys Stop, stores how it ended.

Trials run where tasks run, in the Celery worker, and not in the web processes: a comparison goes on when its reader closes
the page, a benchmark of a slow local model takes minutes, and a web process that is restarted must lose neither. As with
tasks the message is only a doorbell; the row says what is to be done, and a lease that ran out lets another worker go on.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket
import threading
import uuid
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from asgiref.sync import async_to_sync
from django.conf import settings
from django.db.models import Q
from django.db.models.functions import Coalesce
from django.utils import timezone

from apps.common.db import again_after_deadlock, close_idle_connections, in_db
from apps.common.errors import OrquestradorError
from apps.common.logs import correlation_id
from apps.providers.models import AnswerStatus, Benchmark, Comparison, Trial, TrialStatus
from apps.providers.services.reservations import reservations_release
from apps.providers.trials import live
from apps.providers.trials.benchmark import run_benchmark
from apps.providers.trials.comparison import run_comparison

log = logging.getLogger(__name__)

LOOK_EVERY_S = 0.3  # how soon a Stop is obeyed
KINDS: tuple[type[Trial], ...] = (Comparison, Benchmark)  # somebody sits before a comparison
WORK: dict[type[Trial], Callable[[Any], Awaitable[None]]] = {Comparison: run_comparison, Benchmark: run_benchmark}


class TrialWorker:
    """The trials of one process, each in the thread that took it up."""

    def __init__(self) -> None:
        self.name = f"{host_name()}:{os.getpid()}:{uuid.uuid4().hex[:6]}"
        self.is_stopping = False
        self._flows: dict[uuid.UUID, tuple[asyncio.AbstractEventLoop, asyncio.Task]] = {}
        self._guard = threading.Lock()

    def work(self) -> int:
        """Carry out waiting trials until there is none. Gives how many it took up."""
        done = 0
        while not self.is_stopping and (trial := claim(self.name)):
            self.run(trial)
            done += 1
        return done

    def run(self, trial: Trial) -> None:
        """Carry a claimed trial to its end. Its errors end in its row."""
        token = correlation_id.set(str(trial.public_id))
        try:
            async_to_sync(self._run)(trial)
        finally:
            correlation_id.reset(token)
            close_idle_connections()

    def stop(self) -> None:
        """Let go of everything: what was answered is stored, the rest is asked by whoever takes the trial up next."""
        self.is_stopping = True
        with self._guard:
            flows = list(self._flows.values())
        for loop, flow in flows:
            with contextlib.suppress(RuntimeError):  # it has just ended by itself
                loop.call_soon_threadsafe(flow.cancel)

    async def _run(self, trial: Trial) -> None:
        live.changed(trial)
        flow = asyncio.ensure_future(WORK[type(trial)](trial))
        with self._guard:
            self._flows[trial.public_id] = asyncio.get_running_loop(), flow
        beat = asyncio.ensure_future(self._beat(trial, flow))
        try:
            await flow
            await in_db(end, trial, self.name, TrialStatus.COMPLETED, "")
        except asyncio.CancelledError:
            await in_db(let_go, trial, self.name)
        except OrquestradorError as error:
            await in_db(end, trial, self.name, TrialStatus.FAILED, error.message)
        except Exception as error:
            log.exception("a trial ended unexpectedly")
            await in_db(end, trial, self.name, TrialStatus.FAILED, type(error).__name__)
        finally:
            beat.cancel()
            with self._guard:
                self._flows.pop(trial.public_id, None)
            live.changed(trial)

    async def _beat(self, trial: Trial, flow: asyncio.Task) -> None:
        """Renew the lease for as long as the trial is ours and nobody has stopped it; else end it, which closes its calls."""
        while await in_db(renew, trial, self.name):
            await asyncio.sleep(LOOK_EVERY_S)
        flow.cancel()


def host_name() -> str:
    return f"{socket.gethostname()[:16]}:{settings.ORQ_BOOT_ID or 'alone'}"


def has_waiting() -> bool:
    return any(_claimable(kind).exists() for kind in KINDS)


def claim(holder: str) -> Trial | None:
    """The oldest waiting trial, now leased to `holder`; None when nothing waits."""
    try:
        for kind in KINDS:
            if trial := _claim(kind, holder):
                return trial
        return None
    finally:
        close_idle_connections()


@again_after_deadlock
def _claim(kind: type[Trial], holder: str) -> Trial | None:
    now = timezone.now()
    for pk in _claimable(kind).values_list("pk", flat=True)[:20]:
        taken = kind._default_manager.filter(Q(lease_until=None) | Q(lease_until__lt=now), pk=pk, status__in=_OPEN).update(
            status=TrialStatus.RUNNING,
            lease_owner=holder,
            lease_until=_lease_end(),
            started_at=Coalesce("started_at", now),
        )
        if taken:
            return kind._default_manager.get(pk=pk)
    return None


_OPEN = (TrialStatus.WAITING, TrialStatus.RUNNING)


def _claimable(kind: type[Trial]) -> Any:
    waiting = kind._default_manager.waiting()
    if kind is Benchmark:  # two at one server would measure each other
        held = Benchmark.objects.filter(status=TrialStatus.RUNNING, lease_until__gte=timezone.now())
        waiting = waiting.exclude(model__provider__in=held.values("model__provider"))
    return waiting


def renew(trial: Trial, holder: str) -> bool:
    """False when it is no longer this holder's to carry out: stopped, deleted, or taken over."""
    ours = type(trial)._default_manager.filter(pk=trial.pk, lease_owner=holder, status=TrialStatus.RUNNING)
    return bool(ours.update(lease_until=_lease_end()))


def end(trial: Trial, holder: str, status: str, error: str) -> None:
    """Store how it ended, unless somebody stopped it first; what was never asked is closed with it."""
    ours = type(trial)._default_manager.filter(pk=trial.pk, lease_owner=holder, status=TrialStatus.RUNNING)
    if ours.update(status=status, error=error, finished_at=timezone.now(), lease_owner="", lease_until=None):
        close_answers(trial)
        reservations_release(trial.public_id)
    else:
        let_go(trial, holder)


def let_go(trial: Trial, holder: str) -> None:
    """Give the lease back. What was cut in a trial that goes on elsewhere is asked again there."""
    rows = type(trial)._default_manager.filter(pk=trial.pk)
    rows.filter(lease_owner=holder).update(lease_owner="", lease_until=None)
    row: Any = rows.first()
    reservations_release(trial.public_id)
    if row is None:
        return
    if row.is_open:
        row.answers.filter(status=AnswerStatus.CANCELLED).update(status=AnswerStatus.WAITING, usage=None)
    else:
        close_answers(row)


def close_answers(trial: Any) -> None:
    open_ones = trial.answers.filter(status__in=(AnswerStatus.WAITING, AnswerStatus.STREAMING))
    open_ones.update(status=AnswerStatus.CANCELLED, finished_at=timezone.now())


def _lease_end() -> Any:
    return timezone.now() + timedelta(seconds=settings.ORQ_LEASE_S)


worker = TrialWorker()
