"""Running subtasks as their dependencies allow, with no barrier between them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from apps.common.errors import OrquestradorError
from apps.tasks.engine.errors import Stop, SubtasksFailed
from apps.tasks.engine.types import Inputs, Outcome, PlannedSubtask

if TYPE_CHECKING:
    from apps.tasks.engine.context import Context

Work = Callable[[PlannedSubtask, Inputs, "Context"], Awaitable[Outcome]]


class Crew:
    """One that fails stops only those that need it."""

    def __init__(self, ctx: Context, subtasks: tuple[PlannedSubtask, ...], work: Work) -> None:
        self.ctx, self.work = ctx, work
        self.waiting = {subtask.order: subtask for subtask in subtasks}
        self.running: dict[asyncio.Task[Outcome], PlannedSubtask] = {}
        self.done: Inputs = {}
        self.failed: dict[int, OrquestradorError] = {}
        self.stop: Stop | None = None

    async def run(self) -> Inputs:
        try:
            while True:
                await self._skip_hopeless()
                if self.stop is None:
                    self._start_ready()
                if not self.running:
                    break
                await self._collect()
        finally:
            await self._cancel_rest()
        if self.stop is not None:
            raise self.stop
        if self.failed:
            raise SubtasksFailed("subtasks failed", failed={order: _told(error) for order, error in self.failed.items()})
        return self.done

    def _start_ready(self) -> None:
        for subtask in [s for s in self.waiting.values() if all(need in self.done for need in s.depends_on)]:
            del self.waiting[subtask.order]
            inputs = {need: self.done[need] for need in subtask.depends_on}
            self.running[asyncio.create_task(self._one(subtask, inputs))] = subtask

    async def _one(self, subtask: PlannedSubtask, inputs: Inputs) -> Outcome:
        async with self.ctx.run.slots:
            return await self.work(subtask, inputs, self.ctx.at(subtask))

    async def _collect(self) -> None:
        finished, _ = await asyncio.wait(self.running, return_when=asyncio.FIRST_COMPLETED)
        for task in finished:
            subtask = self.running.pop(task)
            try:
                self.done[subtask.order] = task.result()
            except Stop as stop:
                self.stop = self.stop or stop
            except OrquestradorError as error:
                self.failed[subtask.order] = error
                await self.ctx.run.journal.subtask_fail(subtask, error)

    async def _skip_hopeless(self) -> None:
        hopeless = set(self.failed)
        for subtask in sorted(self.waiting.values(), key=lambda s: s.order):
            if hopeless.intersection(subtask.depends_on):
                hopeless.add(subtask.order)
                del self.waiting[subtask.order]
                await self.ctx.run.journal.subtask_skip(subtask)

    async def _cancel_rest(self) -> None:
        for task in self.running:
            task.cancel()
        if self.running:
            await asyncio.gather(*self.running, return_exceptions=True)


def _told(error: OrquestradorError) -> dict[str, Any]:
    """What a screen needs to say why a step failed, in whatever language."""
    named: dict[str, Any] = {name: error.extra[name] for name in ("tried", "rejected") if name in error.extra}
    return {"code": error.code, "message": error.message, **named}
