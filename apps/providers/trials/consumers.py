"""What a socket can ask about trials: to be told of everything that happens to one, from its present state on."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

from channels.db import database_sync_to_async
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.consumers import Answer, Handler, LiveSocket
from apps.common.errors import BadInput
from apps.common.live import LiveMessage
from apps.providers import selectors
from apps.providers.models import Benchmark, Comparison

Snapshot = Callable[[Actor, uuid.UUID], dict[str, Any]]


def _subscribe(kind: str, field: str, access: Callable[[Actor, uuid.UUID], Any], snapshot: Snapshot) -> Handler:
    async def subscribe(socket: LiveSocket, data: dict[str, Any]) -> Answer:
        """Listens first and reads then, so that nothing falls between."""
        public_id = _id(data, field)

        async def check(actor: Actor) -> None:
            await database_sync_to_async(access)(actor, public_id)

        await socket.listen_to(f"{kind}:{public_id}", check)
        return f"{kind}:update", await database_sync_to_async(snapshot)(socket.actor, public_id)

    return subscribe


def _unsubscribe(kind: str, field: str) -> Handler:
    async def unsubscribe(socket: LiveSocket, data: dict[str, Any]) -> Answer:
        public_id = _id(data, field)
        socket.stop_listening_to(f"{kind}:{public_id}")
        return f"{kind}:unsubscribed", {field: str(public_id)}

    return unsubscribe


def _comparison(actor: Actor, public_id: uuid.UUID) -> dict[str, Any]:
    row = selectors.access_comparison(actor, public_id)
    return {"event": "snapshot", "comparison": selectors.comparison_state(row)}


def _benchmark(actor: Actor, public_id: uuid.UUID) -> dict[str, Any]:
    row = selectors.access_benchmark(actor, public_id)
    return {"event": "snapshot", "benchmark": selectors.benchmark_state(row)}


def read_comparison(topic: str, hints: list[dict[str, Any]]) -> list[LiveMessage]:
    """What the listeners of a comparison are told when it changed: its state; texts come as they are written."""
    rows = Comparison.objects.filter(public_id=topic.partition(":")[2]).prefetch_related("answers__model")
    return [
        LiveMessage.of(
            topic, "compare:update", {"event": "state", "comparison": selectors.comparison_state(row, with_texts=False)}
        )
        for row in rows
    ] or [LiveMessage.reload(topic, "compare:update")]


def read_benchmark(topic: str, hints: list[dict[str, Any]]) -> list[LiveMessage]:
    """What the listeners of a benchmark are told when it changed: its figures so far."""
    rows = Benchmark.objects.filter(public_id=topic.partition(":")[2])
    rows = rows.select_related("model__provider").prefetch_related("answers")
    return [
        LiveMessage.of(topic, "benchmark:update", {"event": "state", "benchmark": selectors.benchmark_state(row)}) for row in rows
    ] or [LiveMessage.reload(topic, "benchmark:update")]


def _id(data: dict[str, Any], field: str) -> uuid.UUID:
    try:
        return uuid.UUID(data[field])
    except (KeyError, ValueError, TypeError, AttributeError) as error:
        raise BadInput(_("Say which one: “%s” is its id.") % field, field=field) from error


HANDLERS: dict[str, Handler] = {
    "compare:subscribe": _subscribe("compare", "comparison_id", selectors.access_comparison, _comparison),
    "compare:unsubscribe": _unsubscribe("compare", "comparison_id"),
    "benchmark:subscribe": _subscribe("benchmark", "benchmark_id", selectors.access_benchmark, _benchmark),
    "benchmark:unsubscribe": _unsubscribe("benchmark", "benchmark_id"),
}
