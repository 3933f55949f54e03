"""Celery entry points, and the watch that every worker keeps over loads and lists of models."""

from __future__ import annotations

import logging
import threading
import time
from typing import Any

from asgiref.sync import async_to_sync
from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down
from django.db import DatabaseError

from apps.common.db import close_idle_connections
from apps.providers import services
from apps.providers.services.bell import LOAD, TRIALS, ring, ring_trials
from apps.providers.trials.worker import worker as trial_worker

log = logging.getLogger(__name__)

WATCH_EVERY_S = 5.0
PURGE_EVERY_S = 3_600.0


@shared_task(name=LOAD)
def load(load_id: int) -> None:
    async_to_sync(services.load_run)(load_id)


@shared_task(name=TRIALS)
def trials() -> None:
    trial_worker.work()


class Watch:
    """Every few seconds: loads whose worker died end, those nobody heard of are rung for again, downloads are asked about.

    Lists that are old are asked for anew. Once an hour deleted trials whose time is over go for good."""

    def __init__(self) -> None:
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._purged_at = float("-inf")

    def start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="models-watch", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        self._stop.set()

    def look(self) -> None:
        for load_id in services.loads_tidy():
            ring(load_id)
        if trial_worker.has_waiting():
            ring_trials()
        async_to_sync(services.downloads_refresh)()
        async_to_sync(services.listings_refresh_due)()
        async_to_sync(services.accounts_sync_due)()
        if time.monotonic() - self._purged_at > PURGE_EVERY_S:
            self._purged_at = time.monotonic()
            services.trials_purge()

    def _run(self) -> None:
        while not self._stop.wait(WATCH_EVERY_S):
            try:
                self.look()
            except DatabaseError as error:  # it restarts, or another was faster: the next look sees
                log.warning("the watch over models could not look: %s", error)
            except Exception:  # a bug must not end the watch for good
                log.exception("the watch over models failed")
            finally:
                close_idle_connections()


watch = Watch()  # of this process; it does nothing until Celery is ready


@worker_ready.connect
def _start(**_: Any) -> None:
    watch.start()


@worker_shutting_down.connect
def _stop(**_: Any) -> None:
    watch.stop()
    trial_worker.stop()
