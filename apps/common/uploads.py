"""Uploads that are too large are refused before they are read: Django would put all of a request on the disk first."""

from __future__ import annotations

import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from django.utils.translation import gettext as _

from apps.common.problems import CONTENT_TYPE, Problem

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
AROUND_BYTES = 64 * 1024  # of a form around its file


class UploadLimits:
    """An ASGI application in front of another. `limits`: a pattern of paths → the most bytes of a body there.

    The limit counts what comes, so that a length that was not told, or told wrongly, changes nothing.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], limits: Mapping[str, int]) -> None:
        self.app = app
        self.limits = [(re.compile(pattern), most + AROUND_BYTES) for pattern, most in limits.items()]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        most = next((most for pattern, most in self.limits if pattern.fullmatch(scope.get("path", ""))), None)
        if most is None or scope["type"] != "http":
            await self.app(scope, receive, send)
        elif _told_length(scope) > most:
            await _refuse(send)
        else:
            await self._counted(scope, receive, send, most)

    async def _counted(self, scope: Scope, receive: Receive, send: Send, most: int) -> None:
        seen, has_begun, is_over = 0, False, False

        async def counted() -> Event:
            nonlocal seen, is_over
            event = await receive()
            seen += len(event.get("body", b""))
            if seen > most:
                is_over = True
                return {"type": "http.disconnect"}
            return event

        async def noticed(event: Event) -> None:
            nonlocal has_begun
            has_begun = True
            await send(event)

        await self.app(scope, counted, noticed)
        if is_over and not has_begun:
            await _refuse(send)


def _told_length(scope: Scope) -> int:
    told = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(told) if told.isdigit() else 0


async def _refuse(send: Send) -> None:
    problem = Problem(413, "file_too_large", _("This file is larger than a file may be."))
    body = json.dumps(problem.as_dict()).encode()
    headers = [
        (b"content-type", CONTENT_TYPE.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})
