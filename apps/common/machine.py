"""Names of this machine, of its start of the product, and of this process, as rows say who is at them."""

from __future__ import annotations

import os
import socket
import uuid

from django.conf import settings


def machine() -> str:
    return socket.gethostname()[:16]  # with the rest it fits into the column of a lease


def host_name() -> str:
    return f"{machine()}:{settings.ORQ_BOOT_ID or 'alone'}"


def holder() -> str:
    """This process."""
    return f"{host_name()}:{os.getpid()}"[:60]


def worker_name() -> str:
    """A worker of this process, unlike all that were there before."""
    return f"{host_name()}:{os.getpid()}:{uuid.uuid4().hex[:6]}"
