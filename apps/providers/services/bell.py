"""Telling a worker that there is something to do. The row says what; a bell that nobody hears is made good by its watch."""

from __future__ import annotations

import logging

from celery import current_app
from kombu.exceptions import KombuError, OperationalError

log = logging.getLogger(__name__)
LOAD = "providers.load"
TRIALS = "providers.trials"


def ring(load_id: int) -> None:
    """There is a load to be taken up."""
    try:
        current_app.send_task(LOAD, args=[load_id], retry=False, ignore_result=True)
    except (OperationalError, KombuError, OSError) as error:
        log.warning("the broker did not take a message (%s); the load will be found by the watch", error)


def ring_trials() -> None:
    """There may be a benchmark or a comparison to be taken up."""
    try:
        current_app.send_task(TRIALS, retry=False, ignore_result=True)
    except (OperationalError, KombuError, OSError) as error:
        log.warning("the broker did not take a message (%s); the trial will be found by the watch", error)
