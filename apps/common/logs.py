"""Log lines: time, level, logger, request or task id, message. No prompt text and no secret belongs in them."""

from __future__ import annotations

import contextvars
import logging
import time

correlation_id: contextvars.ContextVar[str] = contextvars.ContextVar("correlation_id", default="-")


def current_id() -> str:
    """The id of the request or task at work; empty outside of both."""
    given = correlation_id.get()
    return "" if given == "-" else given


class LineFormatter(logging.Formatter):
    """One event, one line: `2026-11-20T10:00:00Z WARNING apps.tasks [id] message`."""

    default_time_format = "%Y-%m-%dT%H:%M:%S"
    default_msec_format = "%s.%03dZ"

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s [%(correlation_id)s] %(message)s")
        self.converter = time.gmtime

    def format(self, record: logging.LogRecord) -> str:
        request = getattr(record, "request", None)  # Django tells of it after the request's own context has ended
        record.correlation_id = getattr(request, "request_id", correlation_id.get())
        return super().format(record)
