"""Telling a worker that there is a benchmark of validators to be taken up; what nobody heard is found by the watch."""

from __future__ import annotations

import logging

from celery import current_app
from kombu.exceptions import KombuError, OperationalError

log = logging.getLogger(__name__)
VALIDATORS = "tasks.validators"


def ring_validators() -> None:
    """There may be a run to be taken up; a message that is lost is made good by the watch."""
    try:
        current_app.send_task(VALIDATORS, retry=False, ignore_result=True)
    except (OperationalError, KombuError, OSError) as error:
        log.warning("the broker did not take a message (%s); the run will be found by the watch", error)
