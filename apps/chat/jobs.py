"""Celery entry points. The message carries nothing: the worker looks into the database for answers that wait."""

from __future__ import annotations

from typing import Any

from celery import shared_task
from celery.signals import worker_init, worker_ready, worker_shutting_down

from apps.chat.wire import WORK
from apps.chat.worker import worker
from apps.common import pauses


@shared_task(name=WORK)
def work() -> None:
    worker.start()
    worker.look()


@worker_init.connect
def _keep_pauses_short(**_: Any) -> None:
    """Before its threads begin: what is changed for all of them is not changed under them."""
    pauses.collect_less()
    pauses.let_go_sooner()


@worker_ready.connect
def _look_at_once(**_: Any) -> None:
    worker.start()


@worker_shutting_down.connect
def _let_go(**_: Any) -> None:
    worker.stop()
