"""What adapters share: the clock of a call, when to try again, and bytes that are waited for only so long."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncGenerator

import httpx

from apps.common.http import failure_kind
from apps.common.said import gettext as _
from apps.providers.contract import Connection, LoadOptions, Refusal
from apps.providers.errors import (
    AddressRefused,
    Interrupted,
    MalformedAnswer,
    NotAnApi,
    NotSupported,
    ProviderError,
    ProviderTimeout,
    Unreachable,
)

# The waits of OpenAI's own SDK 3.52 (read 2026-11-20): half a second, doubled up to eight, minus up to a quarter.
FIRST_WAIT_S = 0.5
LONGEST_WAIT_S = 8.0
JITTER = 0.25
LONGEST_RETRY_AFTER_S = 60.0  # who asks for more is not waited for: another model answers sooner
LARGEST_ANSWER = 64 * 1024 * 1024
TAIL_TIMEOUT_S = 5.0  # how long to wait for the usage once the answer itself has ended
DRAIN_TIMEOUT_S = 0.1  # how long to wait for the end of the body, so that the connection can be used again


class Call:
    """One call of an adapter's method, from its beginning to its end, whatever number of requests it takes."""

    def __init__(self, connection: Connection, *, total_timeout_s: float | None = None, max_attempts: int | None = None) -> None:
        self.name = display_name(connection)
        self.max_attempts = connection.max_attempts if max_attempts is None else max_attempts
        self.total_timeout_s = connection.total_timeout_s if total_timeout_s is None else total_timeout_s
        self.requests = 0
        self.failures = 0
        self.refusals: list[Refusal] = []
        self.first_token_ms: int | None = None
        self._started = time.monotonic()

    @property
    def latency_ms(self) -> int:
        return round((time.monotonic() - self._started) * 1000)

    @property
    def deadline(self) -> float:
        """On the clock of time.monotonic."""
        return self._started + self.total_timeout_s

    def saw_token(self) -> None:
        if self.first_token_ms is None:
            self.first_token_ms = self.latency_ms

    async def wait_to_try_again(self, error: ProviderError) -> None:
        """Waits as long as the vendor asks or the back-off says; raises `error` when another attempt is no use."""
        self.failures += 1
        error.extra["attempts"] = self.requests
        if not error.retryable or self.failures >= self.max_attempts:
            raise error
        wait_s = self._wait_s(error.retry_after_s)
        if wait_s > LONGEST_RETRY_AFTER_S or time.monotonic() + wait_s >= self.deadline:
            raise error
        await asyncio.sleep(wait_s)

    def _wait_s(self, retry_after_s: float | None) -> float:
        if retry_after_s is not None:
            return retry_after_s
        return min(FIRST_WAIT_S * 2 ** (self.failures - 1), LONGEST_WAIT_S) * (1 - JITTER * random.random())

    def timed_out(self) -> ProviderTimeout:
        return ProviderTimeout(
            _("%(name)s did not finish within %(seconds)g s. Ask for less, or allow more time for this provider.")
            % {"name": self.name, "seconds": self.total_timeout_s}
        )


class TimedBytes:
    """The bytes of a response, for as long as they are worth waiting for and as many as an answer may have.

    The reader says `saw_content` when something of the answer came: keep-alive signals alone do not hold a call open.
    After `saw_end` the bytes end quietly when no more come.
    """

    def __init__(self, response: httpx.Response, call: Call, *, no_content_timeout_s: float) -> None:
        self._response = response
        self._call = call
        self._no_content_timeout_s = no_content_timeout_s
        self._has_ended = False
        self._give_up_at = 0.0
        self.saw_content()

    def saw_content(self) -> None:
        if not self._has_ended:
            self._give_up_at = min(time.monotonic() + self._no_content_timeout_s, self._call.deadline)

    def saw_end(self, *, wait_s: float = TAIL_TIMEOUT_S) -> None:
        latest = self._give_up_at if self._has_ended else self._call.deadline
        self._has_ended = True
        self._give_up_at = min(time.monotonic() + wait_s, latest)

    async def chunks(self) -> AsyncGenerator[bytes]:
        size = 0
        chunks = self._response.aiter_bytes()
        while True:
            try:
                async with asyncio.timeout(self._give_up_at - time.monotonic()):
                    chunk = await anext(chunks, b"")
            except TimeoutError as error:
                if self._has_ended:
                    return
                raise self._timed_out() from error
            if not chunk:
                return
            size += len(chunk)
            if size > LARGEST_ANSWER:
                raise MalformedAnswer(_("%s sends an answer without end; it was cut off.") % self._call.name)
            yield chunk

    def _timed_out(self) -> ProviderTimeout:
        if time.monotonic() >= self._call.deadline:
            return self._call.timed_out()
        return ProviderTimeout(
            _("%(name)s kept the connection open for %(seconds)g s without a word of an answer.")
            % {"name": self._call.name, "seconds": self._no_content_timeout_s}
        )


def must_take(options: LoadOptions, known: frozenset[str], *, name: str) -> None:
    """NotSupported when an option of loading is given that this server has no word for: nothing is left out in silence."""
    if unknown := sorted(set(options.given) - known):
        raise NotSupported(
            _("%(name)s cannot be told how to load a model by: %(options)s. Leave that out.")
            % {"name": name, "options": ", ".join(unknown)}
        )


def display_name(connection: Connection) -> str:
    """What people call this provider."""
    return connection.name or httpx.URL(connection.base_url).netloc.decode() or connection.kind


def transport_failure(error: Exception, *, name: str, has_begun: bool) -> ProviderError:
    """One of ours for what went wrong below HTTP. `has_begun`: an answer was already on its way."""
    kind = failure_kind(error)
    if kind == "timeout":
        return ProviderTimeout(_("%s fell silent. It may be overloaded, or still loading the model.") % name)
    if kind == "tls":
        refused = Unreachable(_("%s has no valid certificate, so nothing was sent to it.") % name)
        refused.retryable = False
        return refused
    if kind == "unreachable":
        return Unreachable(_("Nobody answers at the address of %s. Check that it runs and that the address is right.") % name)
    if kind == "not_http":
        return NotAnApi(_("What answers at the address of %s does not speak HTTP properly.") % name)
    if has_begun:
        return Interrupted(_("The connection to %s broke before the answer ended.") % name)
    return Unreachable(_("%s closed the connection without an answer.") % name)


def address_refused(error: Exception) -> AddressRefused:
    return AddressRefused(getattr(error, "message", str(error)), **getattr(error, "extra", {}))
