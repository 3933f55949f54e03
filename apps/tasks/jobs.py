"""Celery entry points. The message carries nothing: whoever hears it looks into the database for work."""

from __future__ import annotations

import logging
from typing import Any

from celery import shared_task
from celery.signals import worker_ready, worker_shutting_down
from django.db import transaction
from kombu.exceptions import KombuError, OperationalError

from apps.tasks.runner.bell import VALIDATORS
from apps.tasks.runner.validating import worker as validators
from apps.tasks.runner.worker import Worker

log = logging.getLogger(__name__)


@shared_task(name="tasks.work")
def work() -> None:
    worker.work()


@shared_task(name=VALIDATORS)
def judge() -> None:
    validators.work()


def ring() -> None:
    """Say that there may be work. When the broker does not hear it, the reconciler of some worker will find the work."""
    try:
        work.apply_async(retry=False, ignore_result=True)
    except (OperationalError, KombuError, OSError) as error:
        log.warning("the broker did not take a message (%s); the work will be found by the reconciler", error)


worker = Worker(ring=ring)  # of this process; it does nothing until Celery is ready


def ring_on_commit() -> None:
    transaction.on_commit(ring)


@worker_ready.connect
def _look_at_once(**_: Any) -> None:
    """A worker that starts does not wait for a message: what was left unfinished goes on now."""
    worker.start_watch()


@worker_shutting_down.connect
def _let_go(**_: Any) -> None:
    worker.stop()
    validators.stop()
