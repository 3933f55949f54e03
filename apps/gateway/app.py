"""The gateway as an ASGI application, in front of the one that serves everything else.

It passes Django's middleware by: a request that only goes through has no session, no page and no form, and the middleware alone
would cost more than everything that is done here.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from django.utils.translation import gettext as _

from apps.common import pauses
from apps.gateway import models_list
from apps.gateway.dialects.base import Dialect, Told, told_of
from apps.gateway.dialects.chat import Chat
from apps.gateway.dialects.embeddings import Embeddings
from apps.gateway.dialects.messages import Messages
from apps.gateway.dialects.responses import Responses
from apps.gateway.errors import UnknownPath
from apps.gateway.flow import Desk, recover_in_background, serve
from apps.gateway.hearing import hear_of_changes
from apps.gateway.wire import Exchange, Receive, Send

log = logging.getLogger(__name__)

PREFIX = "/v1/"
DIALECTS: dict[str, Dialect] = {
    "/v1/chat/completions": Chat(),
    "/v1/responses": Responses(),
    "/v1/embeddings": Embeddings(),
    "/v1/messages": Messages(),
}
AsgiApp = Callable[[Any, Receive, Send], Awaitable[None]]


class GatewayApp:
    """Answers what is under /v1/, and hands the rest to `inner`."""

    def __init__(self, inner: AsgiApp) -> None:
        self._inner = inner
        self._desk: Desk | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._hearing: asyncio.Task[None] | None = None

    async def __call__(self, scope: Any, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(PREFIX):
            await self._serve(Exchange(scope, receive, send))
        else:
            await self._inner(scope, receive, send)

    @property
    def desk(self) -> Desk:
        """Made with the first request of an event loop."""
        loop = asyncio.get_running_loop()
        if self._desk is None or self._loop is not loop:
            self._desk, self._loop = Desk(), loop
        return self._desk

    async def lifespan(self, scope: Any, receive: Receive, send: Send) -> None:
        """Of the whole process: calls that one before it left are written down at its start, its own at its end."""
        while True:
            message = await receive()
            if message["type"] == "lifespan.startup":
                pauses.collect_less()
                recover_in_background()
                self._hearing = asyncio.create_task(hear_of_changes())
                await send({"type": "lifespan.startup.complete"})
            else:
                await self.aclose()
                await send({"type": "lifespan.shutdown.complete"})
                return

    async def aclose(self) -> None:
        hearing, self._hearing = self._hearing, None
        if hearing is not None:
            hearing.cancel()
        desk, self._desk = self._desk, None
        if desk is not None:
            await desk.aclose()

    async def _serve(self, exchange: Exchange) -> None:
        path = exchange.path.rstrip("/")
        if exchange.method == "GET" and (path == "/v1/models" or path.startswith("/v1/models/")):
            await models_list.serve(exchange, path.removeprefix("/v1/models").strip("/"))
            return
        dialect = DIALECTS.get(path)
        if dialect is None:
            await _refuse(exchange, told_of(UnknownPath(_("Nothing is answered at %s.") % path[:200])))
        elif exchange.method != "POST":
            await _refuse(exchange, Told("invalid", 405, "method_not_allowed", _("Only POST is answered here.")), dialect)
        else:
            await serve(exchange, dialect, self.desk)


async def _refuse(exchange: Exchange, told: Told, dialect: Dialect | None = None) -> None:
    dialect = dialect or models_list.dialect_of(exchange)
    await exchange.answer(told.status, dialect.error(told, exchange.request_id), told.headers())
