"""What is sent and is too large is refused while it comes: Django would put all of a request on the disk first."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from django.core.handlers.asgi import ASGIRequest
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _

from apps.common.problems import CONTENT_TYPE, Problem

Scope = MutableMapping[str, Any]
Event = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
AROUND_BYTES = 64 * 1024  # of a form around its file
HEARD_TO_THE_END_BYTES = 64 * 2**20


class UploadLimits:
    """An ASGI application in front of another. `limits`: a pattern of paths → the most bytes of a file there; `otherwise`: the
    most bytes of a body anywhere else.

    The limit counts what comes, so that a length that was not told, or told wrongly, changes nothing.
    """

    def __init__(self, app: Callable[..., Awaitable[None]], limits: Mapping[str, int], *, otherwise: int) -> None:
        self.app = app
        self.limits = [(re.compile(pattern), most + AROUND_BYTES) for pattern, most in limits.items()]
        self.otherwise = otherwise

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        most_of_file = next((most for pattern, most in self.limits if pattern.fullmatch(scope["path"])), None)
        most = self.otherwise if most_of_file is None else most_of_file
        told = _told_length(scope)
        if told <= most:
            is_over = await self._counted(scope, receive, send, most)
        else:
            is_over = True
            if told <= HEARD_TO_THE_END_BYTES:
                await _hear_to_the_end(receive)
        if is_over:
            await _refuse(scope, send, is_file=most_of_file is not None)

    async def _counted(self, scope: Scope, receive: Receive, send: Send, most: int) -> bool:
        """Hand the request on; whether it became too large, and has no answer yet."""
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
        return is_over and not has_begun


def _told_length(scope: Scope) -> int:
    told = next((value for name, value in scope["headers"] if name == b"content-length"), b"")
    return int(told) if told.isdigit() else 0


async def _hear_to_the_end(receive: Receive) -> None:
    """And keep nothing. A browser that is refused while it still sends shows that the connection broke, and no answer."""
    while (await receive()).get("more_body"):
        pass


async def _refuse(scope: Scope, send: Send, *, is_file: bool) -> None:
    content_type, body = _answer(ASGIRequest(scope, io.BytesIO()), is_file=is_file)
    headers = [
        (b"content-type", content_type.encode()),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
        (b"x-content-type-options", b"nosniff"),
    ]
    await send({"type": "http.response.start", "status": 413, "headers": headers})
    await send({"type": "http.response.body", "body": body})


def _answer(request: ASGIRequest, *, is_file: bool) -> tuple[str, bytes]:
    """A page for browsers, the problem for programs, in the language that was asked for. No middleware has seen the request."""
    with translation.override(translation.get_language_from_request(request)):
        problem = _problem(is_file=is_file)
        if request.path.startswith("/api/") or "text/html" not in request.headers.get("Accept", ""):
            return CONTENT_TYPE, json.dumps(problem.as_dict()).encode()
        return "text/html; charset=utf-8", render_to_string("too_large.html", {"problem": problem}).encode()


def _problem(*, is_file: bool) -> Problem:
    if is_file:
        return Problem(413, "file_too_large", _("This file is larger than a file may be."))
    return Problem(413, "too_large", _("What was sent is too large."))
