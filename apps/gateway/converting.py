"""A request whose model speaks another dialect than the client: put into our words, asked like everything else, and put back."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing, asynccontextmanager

from asgiref.sync import ThreadSensitiveContext

from apps.gateway.admission import Admitted
from apps.gateway.dialects.base import Asked, Dialect, Evidence, encode
from apps.gateway.holds import PURPOSE
from apps.gateway.loops import cut_as_json, cuts_loops
from apps.gateway.names import name_of
from apps.gateway.passing import question_tokens
from apps.gateway.wire import Exchange, Outbox
from apps.providers.calls import Calls, Switched
from apps.providers.contract import ChatRequest, Completion, Delta
from apps.providers.models import AIModel
from apps.providers.services.paid import Caller, paid_stream
from apps.providers.services.usage import cost_of
from apps.tasks.engine.errors import RunawayAnswer
from apps.tasks.runner.route_port import Ear

RENEW_AFTER_S = 600.0


class SharedCalls:
    """One `Calls` for many requests, so that connections are used again; now and then a new one, as providers change."""

    def __init__(self) -> None:
        self._calls: Calls | None = None
        self._made_at = 0.0
        self._users: dict[Calls, int] = {}

    @asynccontextmanager
    async def lent(self) -> AsyncGenerator[Calls]:
        if self._calls is None or time.monotonic() - self._made_at > RENEW_AFTER_S:
            old, self._calls, self._made_at = self._calls, Calls(), time.monotonic()
            if old is not None and not self._users.get(old):
                await old.aclose()
        calls = self._calls
        self._users[calls] = self._users.get(calls, 0) + 1
        try:
            yield calls
        finally:
            self._users[calls] -= 1
            if not self._users[calls]:
                del self._users[calls]
                if calls is not self._calls:
                    await asyncio.shield(calls.aclose())

    async def aclose(self) -> None:
        calls, self._calls = self._calls, None
        if calls is not None:
            await calls.aclose()


async def convert(
    exchange: Exchange,
    who: Admitted,
    asked: Asked,
    dialect: Dialect,
    models: Sequence[AIModel],
    *,
    shared: SharedCalls,
) -> None:
    """Ask the first of `models`, the others if it fails, and answer. Raises what `paid_stream` raises, and BadBody."""
    request, left_out = dialect.to_request(asked.body)
    question = question_tokens(asked.raw)
    who.take_tokens(question)
    caller = Caller(who.team_pk, who.owner_pk, PURPOSE, key_id=who.key_id)
    ending = _Ending(models[0], left_out, Ear(request) if cuts_loops(who, asked) else None)
    async with ThreadSensitiveContext(), shared.lent() as calls:
        items = _items(calls, models, request, caller, ending, may_restart=not asked.is_stream)
        if asked.is_stream:
            await _stream(exchange, asked, dialect, request, items, ending)
        else:
            async with aclosing(items):
                async for _item in items:
                    pass
            evidence = ending.evidence
            body = encode(dialect.whole(ending.completion, asked, evidence))
            await exchange.answer(200, body, evidence.headers())
    usage = ending.completion.usage
    who.correct_tokens(question, usage.input_tokens + usage.output_tokens)


class _Ending:
    """Who answered at last, and what."""

    def __init__(self, model: AIModel, left_out: tuple[str, ...], ear: Ear | None) -> None:
        self.model, self.left_out, self.ear = model, left_out, ear
        self.began = time.monotonic()
        self.completion: Completion
        self.cut: RunawayAnswer | None = None

    @property
    def evidence(self) -> Evidence:
        usage = self.completion.usage
        return Evidence(
            name_of(self.model),
            cost_usd=cost_of(self.model, usage),
            is_estimated=usage.is_estimated,
            left_out=self.left_out,
            more={"cut": cut_as_json(self.cut)} if self.cut else {},
        )


async def _items(
    calls: Calls, models: Sequence[AIModel], request: ChatRequest, caller: Caller, ending: _Ending, *, may_restart: bool
) -> AsyncGenerator[Delta | Completion]:
    stream = paid_stream(calls, models[0], request, caller, fallbacks=models[1:], may_restart=may_restart)
    async with aclosing(stream) as items:
        try:
            async for item in items:
                if isinstance(item, Switched):
                    ending.model = item.to_model
                elif isinstance(item, Completion):
                    ending.completion = item
                    yield item
                elif isinstance(item, Delta):
                    yield item
                    if ending.ear is not None:
                        await ending.ear.hear(item, items)
        except RunawayAnswer as error:
            assert ending.ear is not None
            ending.cut, ending.completion = error, ending.ear.so_far(ending.model.key, ending.began)
            yield ending.completion


async def _stream(
    exchange: Exchange,
    asked: Asked,
    dialect: Dialect,
    request: ChatRequest,
    items: AsyncGenerator[Delta | Completion],
    ending: _Ending,
) -> None:
    """JSON that must fit a schema is sent when it does: a reader cannot take back what did not."""
    writer = dialect.writer(asked, name_of(ending.model))
    is_held = request.json_schema is not None

    async def produce(outbox: Outbox) -> None:
        has_begun = False
        async with aclosing(items):
            async for item in items:
                if not has_begun:
                    outbox.put(writer.begin())
                    has_begun = True
                if isinstance(item, Completion):
                    outbox.put(writer.end(item, ending.evidence))
                elif not is_held and (data := writer.delta(item)):
                    outbox.put(data)
        outbox.close()

    await exchange.stream(produce, Evidence(name_of(ending.model)).headers())
