"""Sockets: which addresses there are, who may open one, and what can be said on it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from importlib import import_module
from typing import Any, ClassVar
from urllib.parse import urlsplit

from channels.auth import AuthMiddlewareStack, get_user
from channels.db import database_sync_to_async
from channels.routing import URLRouter
from channels.security.websocket import WebsocketDenier
from django.conf import settings
from django.contrib.sessions.backends.base import SessionBase
from django.http.request import split_domain_port, validate_host
from django.urls import path
from django.utils import translation
from rest_framework.exceptions import APIException
from rest_framework_simplejwt.authentication import JWTAuthentication

from apps.accounts import consumers as accounts
from apps.accounts.actor import Actor
from apps.accounts.middleware import TEAM_HEADER, TEAM_IN_SESSION
from apps.accounts.models import User
from apps.accounts.services import actor_for
from apps.chat import consumers as chat
from apps.common.consumers import Handler, LiveSocket, SignedOut, ping
from apps.providers import consumers as providers
from apps.providers.trials import consumers as trials
from apps.tasks import consumers as tasks
from apps.tasks import log_socket as logs

TOKEN_PROTOCOL = "orq.token"
App = Callable[[dict, Callable, Callable], Awaitable[None]]


class OriginGuard:
    """Refuses pages of other sites. A program sends no Origin and no cookie that a browser would add for it, so it may try.

    A browser always sends Origin: it must be the host that was asked for, or one that is trusted by name.
    """

    def __init__(self, app: App) -> None:
        self.app = app

    async def __call__(self, scope: dict, receive: Callable, send: Callable) -> None:
        headers = {name: value.decode("latin1") for name, value in scope["headers"]}
        if self._is_ours(headers.get(b"host", ""), headers.get(b"origin", "")):
            await self.app(scope, receive, send)
        else:
            await WebsocketDenier()(scope, receive, send)

    @staticmethod
    def _is_ours(host: str, origin: str) -> bool:
        domain, _port = split_domain_port(host)
        if not validate_host(domain, settings.ALLOWED_HOSTS):
            return False
        return not origin or origin in settings.CSRF_TRUSTED_ORIGINS or urlsplit(origin).netloc.lower() == host.lower()


class Socket(LiveSocket):
    """`/ws/`. Signed in by the session's cookie, by `Authorization: Bearer …`, or, where a browser has a token only, by the
    subprotocols `orq.token, <token>`. Never by the address, which ends up in logs."""

    handlers: ClassVar[Mapping[str, Handler]] = {
        "ping": ping,
        **accounts.HANDLERS,
        **tasks.HANDLERS,
        **providers.HANDLERS,
        **trials.HANDLERS,
        **chat.HANDLERS,
    }

    async def sign_in(self) -> Actor:
        token, team = self._token(), self._header(TEAM_HEADER)
        if token:
            return await database_sync_to_async(_actor_by_token)(token, team)
        session = await database_sync_to_async(_fresh)(self.scope["session"])
        user = await get_user({"session": session})
        return await database_sync_to_async(_actor)(user, team=team, preferred_team=session.get(TEAM_IN_SESSION))

    def own_topics(self) -> tuple[str, ...]:
        return (f"user:{self.actor.user.public_id}", f"team:{self.actor.team.public_id}")

    def subprotocol(self) -> str | None:
        return TOKEN_PROTOCOL if TOKEN_PROTOCOL in self.scope.get("subprotocols", ()) else None

    def language(self) -> str:
        asked = (self.actor and self.actor.user.language) or self.scope["cookies"].get(settings.LANGUAGE_COOKIE_NAME, "")
        try:
            return translation.get_supported_language_variant(asked)
        except LookupError:
            return settings.LANGUAGE_CODE

    def _token(self) -> str:
        scheme, _, token = self._header("Authorization").partition(" ")
        if scheme.lower() == "bearer":
            return token.strip()
        offered = list(self.scope.get("subprotocols", ()))
        return offered[1] if len(offered) == 2 and offered[0] == TOKEN_PROTOCOL else ""

    def _header(self, name: str) -> str:
        return next((value.decode("latin1") for key, value in self.scope["headers"] if key == name.lower().encode()), "")


class LogSocket(logs.LogSocket, Socket):
    """`/ws/logs/`. Signed in like `/ws/`; it says nothing but lines of the log, and those only when asked."""

    handlers: ClassVar[Mapping[str, Handler]] = logs.HANDLERS

    def own_topics(self) -> tuple[str, ...]:
        return ()


def _actor_by_token(token: str, team: str) -> Actor:
    authentication = JWTAuthentication()
    try:
        user = authentication.get_user(authentication.get_validated_token(token.encode()))
    except APIException as error:
        raise SignedOut(str(error.detail)) from error
    return _actor(user, team=team)


def _actor(user: Any, *, team: str = "", preferred_team: str | None = None) -> Actor:
    if not isinstance(user, User) or not user.is_active:
        raise SignedOut
    return actor_for(user, team=team or None, preferred_team=preferred_team)


def _fresh(session: SessionBase) -> SessionBase:
    """The session as it is now in its store; one that was signed out elsewhere is empty."""
    store = import_module(settings.SESSION_ENGINE).SessionStore(session.session_key)
    store.load()
    return store


websocket_urlpatterns = [path("ws/", Socket.as_asgi()), path("ws/logs/", LogSocket.as_asgi())]
sockets = OriginGuard(AuthMiddlewareStack(URLRouter(websocket_urlpatterns)))
