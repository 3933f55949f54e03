"""One prompt through the route, for REST, the gateway and the chat: `stream_route`, or `route_prompt` for the end alone.

Between two short pieces of database work nothing is held but the upstream connection of the model that answers.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Sequence
from contextlib import aclosing
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Any, TypeVar, cast
from uuid import UUID, uuid4

from apps.accounts.actor import Actor
from apps.common.db import in_db
from apps.common.errors import OrquestradorError
from apps.providers.calls import Calls, Switched, Waiting
from apps.providers.contract import ChatRequest, Delta
from apps.providers.models import AIModel
from apps.tasks.engine.errors import OverSharedBudget, PriceUnknown, RunawayAnswer, TimeLimit
from apps.tasks.engine.route import RouteContext, RoutePort, route
from apps.tasks.engine.routing.types import Routed, RoutedPrompt, StrategyName
from apps.tasks.routing_words import no_answer_because
from apps.tasks.runner.execution_ends import Totals, execution_answered, execution_failed
from apps.tasks.runner.executions import LONGEST_ROUTE_S, Asker, Diary, Ready, execution_begin
from apps.tasks.runner.route_port import DatabasePort

__all__ = ["Asker", "Finished", "Item", "asker_of", "prompt_for", "route_prompt", "stream_route"]

log = logging.getLogger(__name__)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Finished:
    """The end of a route. The sums are of all calls, checks included; `routed.completion.usage` is the answer's alone.

    `cost_usd` None: a price among them is unknown. `first_token_ms` None: nothing was shown before the end. `cut`: why what the
    reader has before the eyes ends where it does; None: it was not cut, though models before it may have been.
    """

    routed: Routed
    execution_id: UUID
    cost_usd: Decimal | None
    input_tokens: int
    output_tokens: int
    latency_ms: int
    first_token_ms: int | None
    cut: RunawayAnswer | None = None


Item = Delta | Switched | Waiting | Finished


def asker_of(actor: Actor, *, source: str = "api", key_id: UUID | None = None) -> Asker:
    return Asker(actor.team.pk, actor.user.pk, key_id, source, str(actor.user))


def prompt_for(
    request: ChatRequest,
    *,
    strategy: StrategyName = "auto",
    forced_model: str = "",
    verify: bool = False,
    use_cache: bool = True,
    may_restart: bool = True,
    category: str = "",
    id: UUID | None = None,
    sources: Sequence[str] = (),
    samples: Sequence[str] = (),
) -> RoutedPrompt:
    """A prompt whose text is what the person said last. `id` becomes the execution's, and may be used once.

    `sources`: documents given with it, besides what its messages hold; `samples`: answers that were given to it before.
    """
    said = next((message.content for message in reversed(request.messages) if message.role == "user"), "")
    return RoutedPrompt(
        id=str(id or uuid4()),
        request=request,
        text=said,
        strategy=strategy,
        forced_model=forced_model,
        verify=verify,
        use_cache=use_cache,
        may_restart=may_restart,
        category=category,
        sources=tuple(sources),
        samples=tuple(samples),
    )


async def stream_route(
    asker: Asker, prompt: RoutedPrompt, *, calls: Calls | None = None, on_asked: Callable[[AIModel], None] | None = None
) -> AsyncGenerator[Item]:
    """Words as they come, and Finished as the last item. Deltas since the last `restarted` are what the reader has before the
    eyes, and in the end the answer, unless `prompt.may_restart` is off: then `Finished` may hold another one.

    Who leaves closes the generator: the upstream call ends at once, and the execution is kept as failed with what was paid.
    `calls`: of the caller's event loop, to use its connections again; its own by default. `on_asked` is told of each model
    that is about to write what is shown.

    Raises NoModel, NoModelAnswered, TimeLimit (`extra["task_id"]` is the execution), and OverBudget and PriceUnknown of the
    providers before anything is spent.
    """

    async def work(show: Callable[[Delta | Switched | Waiting], None]) -> Finished:
        diary = Diary(asker)
        diary.record("task_submission", source=asker.source, strategy=prompt.strategy, verify=prompt.verify, **_asked(prompt))
        ready = await _begun(asker, prompt, diary)
        return await _routed(asker, replace(prompt, strategy=ready.strategy), ready, diary, show, calls, on_asked)

    async with aclosing(shown_while(work)) as items:
        async for item in items:
            yield item


async def route_prompt(asker: Asker, prompt: RoutedPrompt, *, calls: Calls | None = None) -> Finished:
    """The end of the route alone. Raises what `stream_route` raises."""
    async with aclosing(stream_route(asker, prompt, calls=calls)) as items:
        async for item in items:
            last = item
    return cast(Finished, last)


# ── the parts ─────────────────────────────────────────────────────────────────────────────────────────────────────


async def shown_while(
    work: Callable[[Callable[[Delta | Switched | Waiting], None]], Awaitable[Finished]],
) -> AsyncGenerator[Item]:
    """What `work` shows while it is at it, and then what it gives. Closing this cancels it, and waits for its end."""
    out: asyncio.Queue[Item | None] = asyncio.Queue()
    working = asyncio.ensure_future(work(out.put_nowait))
    working.add_done_callback(lambda _: out.put_nowait(None))
    try:
        while (item := await out.get()) is not None:
            yield item
        yield await working
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)


async def _begun(asker: Asker, prompt: RoutedPrompt, diary: Diary) -> Ready:
    return await begun(in_db(execution_begin, asker, prompt), lambda ready: _keep_failure(ready, diary, "cancelled", ""))


async def begun(beginning: Coroutine[Any, Any, T], give_up: Callable[[T], None]) -> T:
    """What it gives; it is known to us also when whoever asked leaves meanwhile, and is given up then."""
    task = asyncio.ensure_future(beginning)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await in_db(give_up, await task)
        raise


async def _routed(
    asker: Asker,
    prompt: RoutedPrompt,
    ready: Ready,
    diary: Diary,
    show: Callable[[Delta | Switched | Waiting], None],
    calls: Calls | None,
    on_asked: Callable[[AIModel], None] | None = None,
) -> Finished:
    began = time.monotonic()
    own = calls or Calls()
    port = DatabasePort(asker, prompt, ready, diary, own, show, on_asked)
    try:
        routed = await within_time(route(prompt, RouteContext(prompt, cast(RoutePort, port))))
        port.show_answer(routed)
        diary.needs, diary.took_ms = routed.needs, _ms_since(began)
        totals = await asyncio.shield(in_db(execution_answered, ready, routed, diary))
    except BaseException as error:
        diary.took_ms = _ms_since(began)
        await asyncio.shield(in_db(keep_error, ready, diary, error))
        if (refused := refused_by_budget(error)) is not None:
            raise refused from None
        in_words(error, ready.execution.public_id)
        raise
    finally:
        if calls is None:
            await asyncio.shield(own.aclose())
    await port.keep_answer(routed, totals.cost_usd)
    return replace(finished(routed, ready, totals, diary), cut=port.cut)


def finished(routed: Routed, ready: Ready, totals: Totals, diary: Diary) -> Finished:
    return Finished(
        routed=routed,
        execution_id=ready.execution.public_id,
        cost_usd=totals.cost_usd,
        input_tokens=totals.input_tokens,
        output_tokens=totals.output_tokens,
        latency_ms=diary.took_ms,
        first_token_ms=diary.first_token_ms,
    )


async def within_time(routing: Awaitable[Routed]) -> Routed:
    try:
        async with asyncio.timeout(LONGEST_ROUTE_S):
            return await routing
    except TimeoutError as error:
        raise TimeLimit("the prompt took too long") from error


def keep_error(ready: Ready, diary: Diary, error: BaseException) -> None:
    """What ended the route, in its row."""
    if isinstance(error, OrquestradorError):
        _keep_failure(ready, diary, error.code, no_answer_because(error.code, error.extra, default=error.message))
    elif isinstance(error, asyncio.CancelledError | GeneratorExit):
        _keep_failure(ready, diary, "cancelled", no_answer_because("cancelled", {}))
    else:
        log.error("a prompt ended unexpectedly", exc_info=error)
        _keep_failure(ready, diary, "unexpected", no_answer_because("unexpected", {}))


def refused_by_budget(error: BaseException) -> BaseException | None:
    """What the providers said of a budget, which the engine told in its own words; None: the error is another."""
    return error.__cause__ if isinstance(error, OverSharedBudget | PriceUnknown) else None


def in_words(error: BaseException, execution_id: UUID) -> None:
    """An error on purpose as callers are told it: in words for people, with the execution that it ended."""
    if isinstance(error, OrquestradorError):
        error.message = no_answer_because(error.code, error.extra, default=error.message)
        error.extra["task_id"] = str(execution_id)


def _keep_failure(ready: Ready, diary: Diary, code: str, message: str) -> None:
    execution_failed(ready, diary, code=code, message=message)


def _asked(prompt: RoutedPrompt) -> dict[str, Any]:
    return {
        "messages": len(prompt.request.messages),
        "characters": len(prompt.text),
        "tools": len(prompt.request.tools),
        "forced_model": prompt.forced_model,
    }


def _ms_since(began: float) -> int:
    return round((time.monotonic() - began) * 1000)
