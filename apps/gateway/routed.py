"""`orq/*`: COMET chooses who answers, and says how it came to that."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from typing import Any

from asgiref.sync import ThreadSensitiveContext

from apps.gateway.admission import Admitted
from apps.gateway.converting import SharedCalls
from apps.gateway.dialects.base import Asked, Dialect, Evidence, Writer, encode
from apps.gateway.holds import PURPOSE
from apps.gateway.loops import cut_as_json
from apps.gateway.names import ROUTED, Catalogue, catalogue_of
from apps.gateway.passing import question_tokens
from apps.gateway.wire import Exchange, Outbox
from apps.providers.contract import Completion, Delta
from apps.tasks.engine.routing.types import StrategyName
from apps.tasks.runner.executions import Asker
from apps.tasks.runner.routing import Finished, Item, prompt_for, stream_route

ALIVE_EVERY_S = 10.0
ALIVE = b": still at work\n\n"
_STRATEGIES: dict[str, StrategyName] = {
    "orq/auto": "auto",
    "orq/cheapest": "cheapest",
    "orq/fastest": "fastest",
    "orq/best": "best",
    "orq/verified": "auto",
}


async def route_it(exchange: Exchange, who: Admitted, asked: Asked, dialect: Dialect, *, shared: SharedCalls) -> None:
    """Answer by the route. Raises what `stream_route` raises, and BadBody."""
    request, left_out = dialect.to_request(asked.body)
    question = question_tokens(asked.raw)
    who.take_tokens(question)
    catalogue = await catalogue_of(who.team_pk)
    asker = Asker(who.team_pk, who.owner_pk, who.key_id, PURPOSE, str(who.actor.user), _models_for(who, catalogue))
    is_verified = asked.model == "orq/verified"
    is_held = (is_verified and not asked.options.get("stream_draft")) or request.json_schema is not None
    prompt = prompt_for(
        request,
        strategy=_STRATEGIES[asked.model],
        verify=is_verified,
        use_cache=asked.options.get("cache") is not False,
        may_restart=is_held or not asked.is_stream,
    )
    async with ThreadSensitiveContext(), shared.lent() as calls:
        items = stream_route(asker, prompt, calls=calls)
        if asked.is_stream:
            await _stream(exchange, asked, dialect, items, left_out, is_held=is_held)
            return
        finished = await _end_of(items)
    evidence = _evidence(finished, left_out)
    body = encode(dialect.whole(finished.routed.completion, asked, evidence))
    who.correct_tokens(question, finished.input_tokens + finished.output_tokens)
    await exchange.answer(200, body, evidence.headers())


def is_routed(name: str) -> bool:
    return name in ROUTED


def _models_for(who: Admitted, catalogue: Catalogue) -> frozenset[str] | None:
    """Of a key that names real models, these alone are asked."""
    named = [catalogue.by_name[name] for name in who.allowed if name in catalogue.by_name]
    is_limited = any(not is_routed(name) for name in who.allowed)
    return frozenset(str(model.public_id) for model in named) if is_limited else None


async def _end_of(items: AsyncGenerator[Item]) -> Finished:
    finished: Finished | None = None
    async with aclosing(items):
        async for item in items:
            if isinstance(item, Finished):
                finished = item
    assert finished is not None, "a route ends with its end"
    return finished


async def _stream(
    exchange: Exchange,
    asked: Asked,
    dialect: Dialect,
    items: AsyncGenerator[Item],
    left_out: tuple[str, ...],
    *,
    is_held: bool,
) -> None:
    """What is shown cannot be taken back. So an answer that is still to be checked, or to fit a schema, is held until it is.

    Only signs of life go out meanwhile; unless the reader asked for the draft, which is then followed by what the check found.
    """
    writer = dialect.writer(asked, asked.model)

    async def produce(outbox: Outbox) -> None:
        alive = asyncio.create_task(_keep_alive(outbox)) if is_held else None
        try:
            await _tell(items, writer, outbox, left_out, is_held=is_held)
        finally:
            if alive is not None:
                alive.cancel()
                with suppress(asyncio.CancelledError):
                    await alive
        outbox.close()

    await exchange.stream(produce, Evidence(asked.model).headers())


async def _tell(items: AsyncGenerator[Item], writer: Writer, outbox: Outbox, left_out: tuple[str, ...], *, is_held: bool) -> None:
    has_begun, shown = False, ""
    async with aclosing(items):
        async for item in items:
            if isinstance(item, Delta) and not is_held:
                if not has_begun:
                    outbox.put(writer.begin())
                    has_begun = True
                shown += item.text
                if data := writer.delta(item):
                    outbox.put(data)
            elif isinstance(item, Finished):
                if not has_begun:
                    outbox.put(writer.begin())
                completion = item.routed.completion
                more: dict[str, Any] = {"cut": cut_as_json(item.cut)} if item.cut else {}
                if shown and shown != completion.text:
                    more["answer"] = completion.text
                outbox.put(writer.end(completion, _evidence(item, left_out, more)))


async def _keep_alive(outbox: Outbox) -> None:
    while True:
        await asyncio.sleep(ALIVE_EVERY_S)
        outbox.put(ALIVE)


def _evidence(finished: Finished, left_out: tuple[str, ...], more: dict[str, Any] | None = None) -> Evidence:
    """`more["answer"]`: what the check came to, where a reader has seen a draft that is another; `cut`: why that was cut."""
    routed = finished.routed
    cached = routed.cached
    completion: Completion = routed.completion
    return Evidence(
        routed.by.label,
        cost_usd=finished.cost_usd,
        is_estimated=completion.usage.is_estimated,
        confidence=routed.confidence,
        escalations=len(routed.escalations),
        divergence=routed.opinion.divergence if routed.opinion else None,
        cache=cached.kind if cached else "miss",
        task=str(finished.execution_id),
        verified="" if routed.verified == "not_asked" else routed.verified,
        why_not_verified=routed.why_not_verified,
        left_out=left_out,
        more=more or {},
    )
