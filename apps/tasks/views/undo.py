"""What was just deleted, kept in the session, so that the next page can offer to bring it back."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.http import HttpRequest

DELETED = "tasks_deleted"


def remember_deleted(request: HttpRequest, moment: datetime | None, number: int) -> None:
    if moment is not None and number:
        request.session[DELETED] = {"moment": moment.isoformat(), "number": number}


def take_deleted(request: HttpRequest) -> dict[str, Any] | None:
    """Once: {"moment", "number"} of the last deletion."""
    found: dict[str, Any] | None = request.session.pop(DELETED, None) if DELETED in request.session else None
    return found
