"""Two transactions in step: after each of its writes, one waits until the other has written as often, ended, or waits for a lock.

Whatever two of them can do to each other on MariaDB they do here, every time. SQLite has one writer at a time: there they simply
run beside each other.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable
from typing import Any

from django.db import OperationalError, connection, connections

from apps.common.db import gave_way

WRITES = re.compile(r"INSERT|UPDATE|DELETE|REPLACE|SELECT .* FOR UPDATE", re.S)
PATIENCE_S = 30.0
LOOK_EVERY_S = 0.12  # that table answers the same to who asks again within 0.1 s


class Meeting:
    """Of several threads. `gave_way` has the error of each statement that had to, also of those that were begun again."""

    def __init__(self, *jobs: Callable[[], Any]) -> None:
        self.gave_way: list[str] = []
        self.raised: list[BaseException] = []
        self._jobs = jobs
        self._wrote = [0] * len(jobs)
        self._is_over = [False] * len(jobs)
        self._waits = [False] * len(jobs)
        self._changed = threading.Condition()
        self._in_step = connection.vendor == "mysql"

    def hold(self) -> Meeting:
        threads = [threading.Thread(target=self._run, args=(number,)) for number in range(len(self._jobs))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(2 * PATIENCE_S)
            assert not thread.is_alive(), "they wait for each other for ever"
        return self

    def _run(self, number: int) -> None:
        def watched(execute: Any, sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
            is_write = WRITES.match(sql) is not None
            self._say(number, waits=is_write)  # it may have to, from here until it is through
            try:
                given = execute(sql, params, many, context)
            except OperationalError as error:
                if gave_way(error):
                    self.gave_way.append(f"{error.args[0]} {sql[:60]}")
                self._in_step = False  # the rest is done as it comes
                raise
            finally:
                self._say(number, waits=False)
            if is_write and context["connection"].in_atomic_block:
                self._step(number)
            return given

        try:
            with connection.execute_wrapper(watched):
                self._jobs[number]()
        except BaseException as error:  # a thread's errors are told by whoever joined it
            self.raised.append(error)
        finally:
            connections.close_all()
            with self._changed:
                self._is_over[number] = True
                self._changed.notify_all()

    def _say(self, number: int, *, waits: bool) -> None:
        with self._changed:
            self._waits[number] = waits
            self._changed.notify_all()

    def _step(self, number: int) -> None:
        give_up_at = time.monotonic() + PATIENCE_S
        with self._changed:
            self._wrote[number] += 1
            self._changed.notify_all()
            while self._in_step and not self._may_go_on(number):
                assert time.monotonic() < give_up_at
                self._changed.wait(LOOK_EVERY_S)

    def _may_go_on(self, number: int) -> bool:
        others = [one for one in range(len(self._jobs)) if one != number and not self._is_over[one]]
        behind = [one for one in others if self._wrote[one] < self._wrote[number]]
        return not behind or (any(self._waits[one] for one in behind) and _somebody_waits())


def _somebody_waits() -> bool:
    with connections["default"].cursor() as cursor:
        cursor.execute("SELECT count(*) FROM information_schema.innodb_trx WHERE trx_state = 'LOCK WAIT'")
        return bool(cursor.fetchone()[0])
