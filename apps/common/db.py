"""Database work from async code, with no connection held while something else is awaited.

Async code never touches the ORM directly: it calls `in_db`, and between two such calls the thread owns no connection, so
that a hundred people who wait for an AI do not hold a hundred connections.
"""

from __future__ import annotations

import functools
import logging
import random
import time
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from asgiref.sync import sync_to_async
from django.db import OperationalError, connections, transaction
from django.db.backends.base.base import BaseDatabaseWrapper

log = logging.getLogger(__name__)

# MariaDB and MySQL: the transaction was chosen to give way (deadlock), waited too long for a row, or met a newer row than
# it had read. Nothing of it has been stored, and the same again usually passes.
# https://mariadb.com/kb/en/mariadb-error-code-reference/ (2026-11)
GAVE_WAY = (1213, 1205, 1020)
MOST_TRIES = 6
FIRST_REST_S = 0.02

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
    for alias, about in connections.settings.items():
        connection = None if "sqlite" in about["ENGINE"] else connections[alias]
        if connection is not None and not connection.in_atomic_block:
            connection.close()


def again_after_deadlock(fn: Callable[P, T]) -> Callable[P, T]:
    """Run `fn` as one transaction, and the whole of it again when the database made it give way to another one.

    Inside a transaction of the caller it is simply part of that one, since only the outermost can be begun again. `fn` must
    do nothing but database work: what it does besides would be done twice.
    """

    @functools.wraps(fn)
    def whole(*args: P.args, **kwargs: P.kwargs) -> T:
        if transaction.get_connection().in_atomic_block:
            return fn(*args, **kwargs)
        return _until_it_passes(transaction.atomic(fn), *args, **kwargs)

    return whole


def statements_again(sender: object, connection: BaseDatabaseWrapper, **more: object) -> None:
    """For `connection_created`: a statement that is a transaction by itself is begun again like any other that gave way."""
    if connection.vendor == "mysql" and _statement_again not in connection.execute_wrappers:
        connection.execute_wrappers.append(_statement_again)


def gave_way(error: OperationalError) -> bool:
    return bool(error.args) and error.args[0] in GAVE_WAY


def is_busy(error: BaseException) -> bool:
    """Nothing is broken: others were at the same rows for too long, and what was asked for may be asked for again."""
    return isinstance(error, OperationalError) and (gave_way(error) or "database is locked" in str(error))


def _statement_again(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    if context["connection"].in_atomic_block:
        return execute(sql, params, many, context)
    return _until_it_passes(execute, sql, params, many, context)


def _until_it_passes(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    for tried in range(1, MOST_TRIES):
        try:
            return fn(*args, **kwargs)
        except OperationalError as error:
            if not gave_way(error):
                raise
            log.info("the database made a change give way to another one (%s); trying again", error)
            time.sleep(random.uniform(0.5, 1.5) * FIRST_REST_S * 2**tried)
    return fn(*args, **kwargs)


def _released(fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
    try:
        return fn(*args, **kwargs)
    finally:
        close_idle_connections()
