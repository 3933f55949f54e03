"""Database work from async code, with no connection held while something else is awaited.

Async code never touches the ORM directly: it calls `in_db`, and between two such calls the thread owns no connection, so
that a hundred people who wait for an AI do not hold a hundred connections.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import connections

P = ParamSpec("P")
T = TypeVar("T")


async def in_db(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What `fn` gives, run in the thread of the request or job; its connections are closed afterwards.

    Inside a transaction that the caller opened in that thread, the connection stays open and `fn` is part of it.
    """
    return await sync_to_async(_released, thread_sensitive=True)(fn, *args, **kwargs)


async def release_connections() -> None:
    """Give back the connections of this request or job before a long wait, unless a transaction is open."""
    await in_db(close_idle_connections)


def close_idle_connections() -> None:
    """Give back this thread's connections to a server that are in no transaction.

    SQLite has no server to give anything back to: outside a transaction its open file holds up nobody, and opening it
    again costs more than most of what is asked of it.
    """
    for connection in connections.all(initialized_only=True):
        if not connection.in_atomic_block and connection.vendor != "sqlite":
            connection.close()


def _released(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return fn(*args, **kwargs)
    finally:
        close_idle_connections()
