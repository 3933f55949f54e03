"""Asking a model: choose a server, ask it, keep what the outcome says of it, and go over to another one where that helps.

What counts as success is the Completion. Before the first word another server, or the next fallback, takes over and only the
Switched says so; after it, there is a visible new beginning.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import Error as DatabaseTrouble

from apps.common.db import in_db
from apps.providers.adapters import make_adapter
from apps.providers.calls import entry as entries
from apps.providers.calls import places, servers
from apps.providers.calls.entry import Entry
from apps.providers.calls.items import Switched, Waiting
from apps.providers.contract import Adapter, ChatRequest, Completion, Delta, Refusal
from apps.providers.errors import ProviderError
from apps.providers.faults import may_help_elsewhere
from apps.providers.models import AIModel
from apps.providers.services import states
from apps.providers.services.accepts import refusals_keep, request_for
from apps.providers.services.breakers import breaker_answered, breaker_failed, breaker_spoke

log = logging.getLogger(__name__)

Item = Delta | Completion | Switched | Waiting
Tell = Callable[[Switched | Waiting], Awaitable[None]]
Ask = Callable[[Adapter, AIModel], AsyncIterator[Any]]


class Calls:
    """The way to models for one run or one request, in one event loop. `aclose` gives back its sockets and places.

    Models are given with their provider loaded. Raises only ProviderError, besides what a database or a program error raises:
    the last error of the last model that was asked; Resting when none may be asked now; NoFreePlace after waiting in vain.
    """

    def __init__(self, *, wait_for_place_s: float | None = None) -> None:
        self._wait_s = settings.ORQ_WAIT_FOR_PLACE_S if wait_for_place_s is None else wait_for_place_s
        self._adapters: dict[tuple[int, datetime, datetime | None, bool], Adapter] = {}
        self._keeper = places.Keeper()

    async def stream(
        self, model: AIModel, request: ChatRequest, *, fallbacks: Sequence[AIModel] = (), may_restart: bool = True
    ) -> AsyncGenerator[Item]:
        """Deltas, then the Completion; between them Switched and Waiting, for whoever wants to know.

        `request.model` is set here. The model itself may be answered by any of its servers; `fallbacks` are asked in their order
        when none of them delivers. `may_restart` False: an answer that breaks off after its first word is an error at once, for
        readers who cannot take a word back. Who stops reading early closes the generator, and with it the upstream call.
        """

        def ask(adapter: Adapter, server: AIModel) -> AsyncIterator[Any]:
            return adapter.stream(request_for(server, request))

        async with aclosing(self._answer([model, *fallbacks], ask, may_restart=may_restart)) as items:
            async for item in items:
                yield item

    async def complete(
        self, model: AIModel, request: ChatRequest, *, fallbacks: Sequence[AIModel] = (), tell: Tell | None = None
    ) -> Completion:
        """A whole answer. `tell` hears of every Switched and Waiting."""

        def ask(adapter: Adapter, server: AIModel) -> AsyncIterator[Any]:
            return _once(adapter.complete(request_for(server, request)))

        return await self._last([model, *fallbacks], ask, tell)

    async def embed(self, model: AIModel, texts: list[str], *, tell: Tell | None = None) -> list[list[float]]:
        """One vector for each text. Vectors of different models cannot be compared, so there are no fallbacks."""
        return await self._last([model], lambda adapter, server: _once(adapter.embed(server.key, texts)), tell)

    async def aclose(self) -> None:
        await self._keeper.aclose()
        for adapter in self._adapters.values():
            try:
                await adapter.aclose()
            except ProviderError as error:
                log.warning("closing an adapter failed: %s", error)
        self._adapters.clear()

    # ── the story ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def _answer(self, models: list[AIModel], ask: Ask, *, may_restart: bool) -> AsyncGenerator[Any]:
        """Asks one server after the other until one delivers. Each failure is kept where it belongs before the next is asked."""
        model, *left = models
        passed_over: set[int] = set()
        failed: _Failed | None = None
        while True:
            try:
                async with aclosing(entries.enter(model, passed_over, self._keeper, wait_s=self._wait_s)) as steps:
                    async for step in steps:
                        if isinstance(step, Entry):
                            entry = step
                        else:
                            yield step
            except ProviderError as error:
                failed = failed or _Failed(model, error)
                if not left:
                    raise failed.error from failed.error.__cause__
                model, passed_over = left.pop(0), set()
                continue
            attempt = Attempt(entry)
            try:
                if switched := _switched(model, entry.server, failed):
                    yield switched
                    if switched.after_first_token:
                        yield Delta(restarted=True)
                async with aclosing(self._attempt(attempt, ask)) as pieces:
                    async for piece in pieces:
                        yield piece
                return
            except ProviderError as error:
                has_other_server = entry.others > 0 and may_help_elsewhere(error)
                if (attempt.has_spoken and not may_restart) or not (has_other_server or left):
                    raise
                failed = _Failed(entry.server, error, attempt)
                passed_over.add(entry.server.pk)
                if not has_other_server:
                    model, passed_over = left.pop(0), set()
            finally:
                await asyncio.shield(self._leave(attempt))

    async def _attempt(self, attempt: Attempt, ask: Ask) -> AsyncGenerator[Any]:
        """One server's answer. Notes what comes of it; `_leave` keeps it."""
        async with aclosing(ask(self._adapter(attempt.entry), attempt.entry.server)) as pieces:  # type: ignore[type-var]
            try:
                async for piece in pieces:
                    if not attempt.has_begun and attempt.entry.tried:
                        await in_db(breaker_spoke, attempt.entry.tried)
                    attempt.hear(piece)
                    yield piece
            except ProviderError as error:
                attempt.error = error
                attempt.refusals = error.extra.get("refusals", ())
                raise

    async def _leave(self, attempt: Attempt) -> None:
        """Free the place, and keep what the outcome says of the server. A database that is away takes no answer back."""
        entry = attempt.entry
        if entry.slot_id is not None:
            self._keeper.let_go(entry.slot_id)
        try:
            await in_db(keep_outcome, attempt)
        except DatabaseTrouble:
            log.exception("what came of a call of %s could not be kept", entry.server.key)

    async def _last(self, models: list[AIModel], ask: Ask, tell: Tell | None) -> Any:
        last: Any = None
        async with aclosing(self._answer(models, ask, may_restart=True)) as items:
            async for item in items:
                if not isinstance(item, Switched | Waiting):
                    last = item
                elif tell is not None:
                    await tell(item)
        return last

    def _adapter(self, entry: Entry) -> Adapter:
        """One for each provider as it is now. Where another server could be asked, this one is asked once only."""
        provider, is_hasty = entry.server.provider, entry.others > 0
        key = (provider.pk, provider.updated_at, provider.key.updated_at if provider.key else None, is_hasty)
        if key not in self._adapters:
            connection = provider.connection
            self._adapters[key] = make_adapter(replace(connection, max_attempts=1) if is_hasty else connection)
        return self._adapters[key]


# ── what came of it ───────────────────────────────────────────────────────────────────────────────────────────────


class Attempt:
    """One server being asked once. `keep_outcome` keeps what came of it."""

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.error: ProviderError | None = None
        self.refusals: tuple[Refusal, ...] = ()
        self.has_begun = self.has_spoken = self.has_answered = False
        self._began = time.monotonic()

    @property
    def latency_ms(self) -> int:
        return round((time.monotonic() - self._began) * 1000)

    def hear(self, piece: Any) -> None:
        self.has_begun = True
        if isinstance(piece, Delta):
            self.has_spoken = True
        else:
            self.has_answered = True
            self.refusals = piece.refusals if isinstance(piece, Completion) else ()


@dataclass(frozen=True, slots=True)
class _Failed:
    """Who could not deliver, and why. Without an attempt it was not even asked."""

    server: AIModel
    error: ProviderError
    attempt: Attempt | None = None


def _switched(asked: AIModel, server: AIModel, failed: _Failed | None) -> Switched | None:
    if failed is None:
        return None if server.pk == asked.pk else Switched(asked, server)
    attempt = failed.attempt
    return Switched(
        failed.server,
        server,
        failed.error.code,
        failed.error.message,
        after_first_token=attempt is not None and attempt.has_spoken,
        was_asked=attempt is not None,
        partial=failed.error.extra.get("partial"),
        latency_ms=attempt.latency_ms if attempt else 0,
    )


def keep_outcome(attempt: Attempt) -> None:
    """Two or three short writes at most, and none for an answer of a server without places that never failed."""
    entry = attempt.entry
    try:
        if entry.slot_id is not None:
            places.leave([entry.slot_id])
    finally:
        if attempt.refusals:
            refusals_keep(entry.server, attempt.refusals)
        if attempt.error is not None:
            breaker_failed(entry.server, attempt.error, tried=entry.tried)
            servers.forget_all()
        elif attempt.has_answered and entry.has_failed_before:
            breaker_answered(entry.server)
            servers.forget_all()
        elif not attempt.has_begun:
            entries.give_back(entry)
        if attempt.has_answered:
            states.answered(entry.server)


async def _once(answer: Awaitable[Any]) -> AsyncGenerator[Any]:
    yield await answer
