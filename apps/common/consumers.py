"""The socket that a page or a program keeps open: JSON messages in, answers and live messages out.

`{"type", "id"?, "data"}`; an answer carries the `id` of its question. Which types there are is said by `handlers`, and who
is at the other end by `sign_in`; both are filled in by `orquestrador.routing`, which may know every app.
"""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, ClassVar

from channels.generic.websocket import AsyncWebsocketConsumer
from django.conf import settings
from django.core.serializers.json import DjangoJSONEncoder
from django.utils import translation
from django.utils.translation import gettext as _

from apps.common.errors import BadInput, NotAllowed, OrquestradorError
from apps.common.hub import Listener, hub
from apps.common.logs import correlation_id
from apps.common.problems import problem_of

MAX_MESSAGE_CHARS = 64 * 1024
MAX_TOPICS = 100
RECHECK_S = 20.0  # for so long a person who lost access may still be told something
SIGNED_OUT, POLICY = 4401, 1008


class SignedOut(OrquestradorError):
    """Nobody is signed in on this socket, or no longer."""

    code = "signed_out"
    status = 401


class TooLarge(OrquestradorError):
    """This message is too large."""

    code = "too_large"
    status = 413


Answer = tuple[str, dict[str, Any]]
Handler = Callable[["LiveSocket", dict[str, Any]], Awaitable[Answer]]
Check = Callable[[Any], Awaitable[None]]  # actor → nothing, or raises because the topic is closed to them


async def ping(socket: LiveSocket, data: dict[str, Any]) -> Answer:
    return "pong", data


class LiveSocket(AsyncWebsocketConsumer):
    """One socket. `actor` is who is at the other end; it is looked up again every `RECHECK_S` seconds."""

    channel_layer_alias = "none"  # messages come through the hub: a layer's channel for each socket costs several times as much
    handlers: ClassVar[Mapping[str, Handler]] = {"ping": ping}
    actor: Any = None

    async def sign_in(self) -> Any:
        """The Actor of this socket, looked up afresh; raises SignedOut or NotAllowed."""
        raise SignedOut

    def own_topics(self) -> tuple[str, ...]:
        """What this person hears without asking."""
        return ()

    async def connect(self) -> None:
        self.request_id = uuid.uuid4().hex
        correlation_id.set(self.request_id)
        self.tasks: list[asyncio.Task] = []
        self.listener = Listener(send=self.forward)
        self.checks: dict[str, Check] = {}
        await self.accept(subprotocol=self.subprotocol())
        try:
            self.actor = await self.sign_in()
        except OrquestradorError as error:
            await self._say_goodbye(error)
            return
        self._hear_own_topics()
        self.tasks = [asyncio.create_task(self._recheck())]

    def _hear_own_topics(self) -> None:
        wanted = {*self.own_topics(), *self.checks}
        for topic in self.listener.topics - wanted:
            hub().unsubscribe(self.listener, topic)
        for topic in wanted - self.listener.topics:
            hub().subscribe(self.listener, topic)

    def subprotocol(self) -> str | None:
        return None

    def language(self) -> str:
        return settings.LANGUAGE_CODE

    async def disconnect(self, code: int) -> None:
        if self.listener.topics:
            hub().leave(self.listener)
        self.listener.close()
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    # ── In ────────────────────────────────────────────────────────────────────────────────────────────────────────
    async def receive(self, text_data: str | None = None, bytes_data: bytes | None = None) -> None:
        if self.actor is None:
            return  # on its way out
        question: Any = None
        with translation.override(self.language()):
            try:
                message = _parsed(text_data)
                question = message.get("id")
                kind, data = await self._answer(message)
            except Exception as error:
                kind, data = "error", problem_of(error).as_dict(request_id=self.request_id)
        await self.send_message(kind, data, question=question)

    async def _answer(self, message: dict[str, Any]) -> Answer:
        kind, data = message["type"], message.get("data") or {}
        handler = self.handlers.get(kind)
        if handler is None:
            known = ", ".join(sorted(self.handlers))
            raise BadInput(
                _("There is no message type “%(type)s”. There are: %(known)s.") % {"type": kind[:60], "known": known},
                field="type",
            )
        return await handler(self, data)

    async def listen_to(self, topic: str, check: Check) -> None:
        """Live messages of `topic` from now on, for as long as `check` lets this person."""
        await check(self.actor)
        if len(self.checks) >= MAX_TOPICS and topic not in self.checks:
            raise BadInput(_("One socket watches %(most)s things at most.") % {"most": MAX_TOPICS})
        self.checks[topic] = check
        hub().subscribe(self.listener, topic)

    def stop_listening_to(self, topic: str) -> None:
        self.checks.pop(topic, None)
        hub().unsubscribe(self.listener, topic)

    # ── Out ───────────────────────────────────────────────────────────────────────────────────────────────────────
    async def send_message(self, kind: str, data: dict[str, Any], *, question: Any = None) -> None:
        message = {"type": kind, "data": data} if question is None else {"type": kind, "id": question, "data": data}
        await self.send(text_data=json.dumps(message, cls=DjangoJSONEncoder, ensure_ascii=False))

    async def forward(self, text: str) -> None:
        """Hand a live message on, as it is. The listener calls it, outside of any task: it may await the socket alone."""
        await self.base_send({"type": "websocket.send", "text": text})

    async def _recheck(self) -> None:
        """Whoever was shut out, signed out or has lost a task hears no more of it."""
        while True:
            await asyncio.sleep(RECHECK_S)
            try:
                self.actor = await self.sign_in()
            except OrquestradorError as error:
                await self._say_goodbye(error)
                return
            self._hear_own_topics()
            for topic, check in tuple(self.checks.items()):
                try:
                    await check(self.actor)
                except OrquestradorError as error:
                    self.stop_listening_to(topic)
                    await self.send_message("error", {**problem_of(error).as_dict(request_id=self.request_id), "topic": topic})

    async def _say_goodbye(self, error: OrquestradorError) -> None:
        self.actor = None
        hub().leave(self.listener)
        await self.send_message("error", problem_of(error).as_dict(request_id=self.request_id))
        await self.close(code=POLICY if isinstance(error, NotAllowed) else SIGNED_OUT)


def _parsed(text: str | None) -> dict[str, Any]:
    """The message, or BadInput that says what is wrong with it."""
    if text is None:
        raise BadInput(_("Messages are JSON text, not bytes."))
    if len(text) > MAX_MESSAGE_CHARS:
        raise TooLarge(
            _("A message has at most %(most)s characters; this one has %(has)s.") % {"most": MAX_MESSAGE_CHARS, "has": len(text)}
        )
    try:
        message = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise BadInput(_("This is not JSON: %(error)s") % {"error": error}) from error
    if not isinstance(message, dict) or not isinstance(message.get("type"), str):
        raise BadInput(_("A message is an object with a “type”."), field="type")
    if not isinstance(message.get("id"), str | int | None) or isinstance(message.get("id"), bool):
        raise BadInput(_("The “id” of a message is a text or a whole number."), field="id")
    if not isinstance(message.get("data"), dict | None):
        raise BadInput(_("The “data” of a message is an object."), field="data")
    return message
