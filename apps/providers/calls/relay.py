"""Passing a request on as it came: the way to a server without a word of it being understood.

The same rules as for every other call hold: breakers, servers of one group, places. Where nothing of that is in the way, which is
nearly always, no thread and no database is asked before the request is out.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from dataclasses import dataclass
from datetime import datetime

from django.conf import settings
from django.db import Error as DatabaseTrouble

from apps.common.db import in_db
from apps.common.errors import OrquestradorError
from apps.common.http import failure_kind
from apps.common.raw_http import RAW_ERRORS, RawResponse, RawSession
from apps.common.said import gettext as _
from apps.providers.adapters import make_adapter
from apps.providers.adapters.base import LARGEST_ANSWER, address_refused, display_name, transport_failure
from apps.providers.adapters.chat import ChatAdapter, Way
from apps.providers.adapters.failures import http_failure
from apps.providers.adapters.sending import LARGEST_ERROR_BODY
from apps.providers.adapters.text import without_keys
from apps.providers.calls import entry as entries
from apps.providers.calls import places
from apps.providers.calls.door import Attempt, keep_outcome
from apps.providers.calls.entry import Entry
from apps.providers.calls.servers import is_ageing, read_anew, sole_server_known
from apps.providers.errors import BadRequest, MalformedAnswer, ProviderError
from apps.providers.faults import may_help_elsewhere
from apps.providers.models import AIModel

log = logging.getLogger(__name__)

BodyFor = Callable[[AIModel, Way], bytes]
OLD_SESSION_S = 1_500.0  # longer than any call takes


@dataclass(frozen=True, slots=True)
class _Line:
    """What is kept for a provider as it is now: where requests go, and the connections that lead there."""

    name: str  # for people
    ways: dict[str, Way]
    session: RawSession
    total_timeout_s: float
    idle_timeout_s: float


class Passage:
    """An answer on its way, as the server sends it. Whoever opened it closes it, with the error that ended it if one did."""

    def __init__(self, relay: Relay, attempt: Attempt, response: RawResponse, name: str) -> None:
        self.server = attempt.entry.server
        self.response = response
        self._relay, self._attempt, self._name = relay, attempt, name
        self._is_closed = False
        attempt.has_begun = True

    @property
    def latency_ms(self) -> int:
        return self._attempt.latency_ms

    async def read(self) -> bytes:
        """All of it. Raises ProviderError."""
        return b"".join([chunk async for chunk in self.chunks()])

    async def chunks(self) -> AsyncGenerator[bytes]:
        """Pieces as they arrive. Raises ProviderError."""
        size = 0
        try:
            while chunk := await self.response.content.readany():
                size += len(chunk)
                if size > LARGEST_ANSWER:
                    raise MalformedAnswer(_("%s sends an answer without end; it was cut off.") % self._name)
                yield chunk
        except RAW_ERRORS as error:
            raise transport_failure(error, name=self._name, has_begun=True) from error

    async def aclose(self, error: ProviderError | None = None, *, is_whole: bool = False) -> None:
        """Free place and connection. `is_whole`: the answer came to its end, so the server is well."""
        if self._is_closed:
            return
        self._is_closed = True
        if is_whole:
            self.response.release()
        else:
            self.response.close()
        self._attempt.error, self._attempt.has_answered = error, is_whole
        await self._relay.leave(self._attempt)


class Relay:
    """For one event loop; `aclose` gives back its sockets. Kept for as long as the process lives."""

    def __init__(self) -> None:
        self._lines: dict[int, tuple[tuple[datetime, datetime | None], _Line | None]] = {}
        self._keeper = places.Keeper()
        self._old: set[RawSession] = set()
        self._reading: dict[int, asyncio.Task[None]] = {}

    def speaks(self, model: AIModel, api: str) -> bool:
        """Whether the provider of this model takes requests of this API as they are."""
        line = self._line(model)
        return line is not None and api in line.ways

    async def open(self, model: AIModel, api: str, body_for: BodyFor, *, headers: Mapping[str, str] | None = None) -> Passage:
        """The answer of the first of the model's servers that gives one, as soon as its head is there.

        `body_for` gives the bytes for a server; `headers` of the client go on with them. Raises ProviderError; a BadRequest
        carries the vendor's own answer as `extra["said"]`: (status, body).
        """
        passed_over: set[int] = set()
        while True:
            entry = await self._enter(model, passed_over)
            attempt = Attempt(entry)
            try:
                return await self._ask(attempt, api, body_for, headers or {})
            except ProviderError as error:
                attempt.error = error
                passed_over.add(entry.server.pk)
                await self.leave(attempt)
                if not (entry.others > 0 and may_help_elsewhere(error)):
                    raise
            except BaseException:
                await asyncio.shield(self.leave(attempt))
                raise

    async def leave(self, attempt: Attempt) -> None:
        """Keep what came of it; nothing is written for an answer of a server without places that never failed."""
        entry = attempt.entry
        if entry.slot_id is None and not entry.tried and attempt.error is None and not entry.has_failed_before:
            return
        if entry.slot_id is not None:
            self._keeper.let_go(entry.slot_id)
        try:
            await in_db(keep_outcome, attempt)
        except DatabaseTrouble:
            log.exception("what came of a call of %s could not be kept", entry.server.key)

    async def aclose(self) -> None:
        await asyncio.gather(*self._reading.values())
        await self._keeper.aclose()
        current = [line.session for _made_of, line in self._lines.values() if line is not None]
        for session in (*current, *self._old):
            await session.aclose()
        self._lines.clear()
        self._old.clear()

    async def _enter(self, model: AIModel, passed_over: set[int]) -> Entry:
        sole = sole_server_known(model)
        if sole is not None and sole.pk not in passed_over:
            if is_ageing(model):
                self._read_anew(model)
            return Entry(sole, None, (), False, others=0)
        async with aclosing(entries.enter(model, passed_over, self._keeper, wait_s=settings.ORQ_WAIT_FOR_PLACE_S)) as steps:
            async for step in steps:
                if isinstance(step, Entry):
                    return step
        raise AssertionError("entering ends with an entry or an error")

    def _read_anew(self, model: AIModel) -> None:
        """The servers of a model that is in use, before what is known of them is too old: then no request waits for that."""
        reading = self._reading.get(model.pk)
        if reading is None or reading.done():
            self._reading[model.pk] = asyncio.create_task(self._read_servers(model))

    async def _read_servers(self, model: AIModel) -> None:
        try:
            await in_db(read_anew, model)
        except DatabaseTrouble as error:
            log.info("the servers of %s could not be read ahead (%s); the next request reads them", model.key, error)

    async def _ask(self, attempt: Attempt, api: str, body_for: BodyFor, headers: Mapping[str, str]) -> Passage:
        server = attempt.entry.server
        line = self._line(server)
        if line is None or api not in line.ways:
            raise BadRequest(_("%s does not take requests of this kind.") % server.provider)
        way, name = line.ways[api], line.name
        response = await self._send(line, way, {**way.headers, **headers}, body_for(server, way), name)
        if response.status < 300:
            return Passage(self, attempt, response, name)
        raise await _refusal(response, way, name)

    async def _send(self, line: _Line, way: Way, headers: Mapping[str, str], body: bytes, name: str) -> RawResponse:
        """A kept connection may turn out to be closed already; then a new one is made."""
        for is_last in (False, False, True):
            made_before = line.session.sockets_made
            try:
                return await line.session.post(
                    way.url, body, headers, total_timeout_s=line.total_timeout_s, idle_timeout_s=line.idle_timeout_s
                )
            except RAW_ERRORS as error:
                if refusal := line.session.refusal:
                    raise address_refused(refusal) from error
                was_stale = failure_kind(error) == "disconnected" and line.session.sockets_made == made_before
                if is_last or not was_stale:
                    raise transport_failure(error, name=name, has_begun=False) from error
        raise AssertionError("the last try returns or raises")

    def _line(self, model: AIModel) -> _Line | None:
        """One for each provider as it is now; None where its requests have to be converted."""
        provider = model.provider
        made_of = (provider.updated_at, provider.key.updated_at if provider.key else None)
        known = self._lines.get(provider.pk)
        if known is None or known[0] != made_of:
            if known is not None and known[1] is not None:
                self._close_later(known[1].session)
            known = self._lines[provider.pk] = (made_of, _new_line(model))
        return known[1]

    def _close_later(self, session: RawSession) -> None:
        """Once the calls that use it have ended."""
        loop = asyncio.get_running_loop()
        self._old.add(session)
        loop.call_later(OLD_SESSION_S, lambda: loop.create_task(self._close(session)))

    async def _close(self, session: RawSession) -> None:
        self._old.discard(session)
        await session.aclose()


def _new_line(model: AIModel) -> _Line | None:
    try:
        connection = model.provider.connection
        adapter = make_adapter(connection)
    except OrquestradorError:
        return None  # the usual way says what is wrong with it
    if not isinstance(adapter, ChatAdapter) or not adapter.PASSES_ON:
        return None
    ways = {api: way for api in adapter.PASSES_ON if (way := adapter.way_of(api)) is not None}
    session = RawSession(adapter.base_url, allow_private=connection.allow_private, connect_timeout_s=connection.connect_timeout_s)
    return _Line(display_name(connection), ways, session, connection.total_timeout_s, connection.idle_timeout_s)


async def _refusal(response: RawResponse, way: Way, name: str) -> ProviderError:
    try:
        body = await response.content.read(LARGEST_ERROR_BODY)
    except RAW_ERRORS:
        body = b""  # the status alone says enough
    finally:
        response.close()
    text = body.decode("utf-8", "replace")
    headers = {name.lower(): value for name, value in response.headers.items()}
    error = http_failure(response.status, headers, text, name=name, url=way.url, secret=way.secret)
    if isinstance(error, BadRequest) and headers.get("content-type", "").startswith("application/json"):
        error.extra["said"] = (response.status, without_keys(text, way.secret).encode())
    return error
