"""The task's memory in the database: steps and calls, each written in one short transaction under the task's lease.

What a restarted task needs is read once, at the start; from then on the copy in memory is kept up with every write.
"""

from __future__ import annotations

import uuid
from datetime import datetime
from decimal import Decimal
from typing import Any

import msgspec
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from apps.common.db import again_after_deadlock, in_db
from apps.common.errors import OrquestradorError
from apps.common.said import plain
from apps.common.shapes import converted
from apps.providers.contract import ChatRequest, Completion
from apps.providers.errors import OverBudget, PriceUnknown
from apps.providers.models import CreditUsage, Reservation
from apps.providers.services import refusal_tell, reservations_release, usage_record
from apps.tasks.engine.errors import read_back
from apps.tasks.engine.moves import Moved
from apps.tasks.engine.types import Answer, ModelRef, Plan, PlannedSubtask
from apps.tasks.logbook import log_write
from apps.tasks.models import Call, Step, Subtask, SubtaskStatus, Task, TaskStatus
from apps.tasks.runner import announce, money, projections
from apps.tasks.runner.leased_writes import Finished, LeasedWrites
from apps.tasks.runner.moves import move_store
from apps.tasks.states import try_move


class DatabaseJournal:
    """The engine's Journal for one task and one holder of its lease."""

    def __init__(self, task: Task, lease_owner: str) -> None:
        self.task = task
        self._steps: dict[str, Any] = {}
        self._answers: dict[str, Answer | OrquestradorError] = {}
        self._began: dict[str, datetime] = {}
        self._calls: dict[str, uuid.UUID] = {}  # our own calls: under the same key another worker may have begun one since
        self._reserved: dict[str, Reservation | None] = {}  # what is set aside for our own calls
        self._writes = LeasedWrites(task, lease_owner)
        self._write = self._writes.write

    def load(self) -> None:
        """Read what earlier runs finished, and set aside what they began and never finished."""
        self._steps = dict(self.task.steps.filter(result__isnull=False).values_list("key", "result"))
        for call in self.task.calls.exclude(status__in=(Call.Status.STARTED, Call.Status.CANCELLED)):
            self._answers[call.key] = _answer_of(call)
        self._let_go_of_lost()

    @again_after_deadlock
    def _let_go_of_lost(self) -> None:
        for call in self.task.calls.filter(status=Call.Status.STARTED):
            _set_aside(call, error_code="lost", error="The run ended before this answer was stored.")
        reservations_release(self.task.public_id)

    # ── stages ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def stage_result(self, key: str, result_type: Any) -> Any | None:
        stored = self._steps.get(key)
        return None if stored is None else converted(stored, result_type)

    async def stage_begin(self, key: str, stage: str, subtask: PlannedSubtask | None) -> None:
        self._began[key] = timezone.now()

    async def stage_finish(self, key: str, stage: str, subtask: PlannedSubtask | None, result: Any) -> None:
        stored = self._steps[key] = plain(result)
        order = subtask.order if subtask else None
        self._writes.add(Finished(key, stage, order, result, stored, self._began[key], timezone.now()))
        if stage in projections.WRITTEN_AT_ONCE:
            await self.flush()

    async def stage_fail(self, key: str, error: OrquestradorError) -> None:
        await self._write(lambda row: Step.objects.filter(task=self.task, key=key).update(error=error.message), None)

    async def flush(self) -> None:
        """Write what waits."""
        await self._writes.flush()

    # ── calls ─────────────────────────────────────────────────────────────────────────────────────────────────────

    async def call_result(self, key: str) -> Answer | OrquestradorError | None:
        return self._answers.get(key)

    async def call_begin(
        self,
        key: str,
        purpose: str,
        subtask: PlannedSubtask | None,
        model: ModelRef,
        request: ChatRequest,
        *,
        spoken_as: str = "",
    ) -> None:
        # A write that is repeated, because nobody heard whether it was done, is done once.
        public_id = self._calls[key] = uuid.uuid4()

        def write(row: Subtask | None) -> Reservation | None:
            step = key.partition("#")[0]
            opened = Step(task=self.task, subtask=row, key=step, stage=purpose, started_at=self._began[step])
            Step.objects.bulk_create([opened], ignore_conflicts=True)  # the first call of a stage makes it visible
            asked = money.asked_row(model.id)
            speaks_as = projections.specialized_ai_row(spoken_as)
            call = Call(
                public_id=public_id,
                task=self.task,
                subtask=row,
                key=key,
                purpose=purpose,
                model=asked,
                model_name=model.label,
                specialized_ai=speaks_as,
                request=[{"role": message.role, "content": message.content} for message in request.messages],
            )
            Call.objects.bulk_create([call], ignore_conflicts=True)
            is_first = key.endswith(".1")  # of this model in this stage; more follow where it continues, or reads in parts
            projections.call_begun(self.task, row, purpose, model, asked, speaks_as=speaks_as, is_first=is_first)
            return money.set_aside(self.task, asked, request, purpose=purpose, call_id=public_id)

        try:
            self._reserved[key] = await self._write(write, subtask, tell=True)
        except (OverBudget, PriceUnknown) as refused:
            if isinstance(refused, OverBudget):
                await in_db(refusal_tell, refused)
            raise money.as_stop(refused) from refused

    async def call_partial(self, key: str, text: str) -> None:
        await self._write(lambda row: Call.objects.filter(public_id=self._calls[key]).update(text=text), None)

    async def call_moved(self, key: str, moved: Moved) -> Decimal | None:
        def write(row: Subtask | None) -> Decimal | None:
            call = Call.objects.select_related("task").get(public_id=self._calls[key])
            return move_store(call, moved, reservation=self._reserved.get(key))

        return await self._write(write, None, tell=moved.was_asked)

    async def call_finish(self, key: str, model: ModelRef, completion: Completion) -> Decimal | None:
        answer = Answer(model, completion)

        def write(row: Subtask | None) -> Decimal | None:
            call = Call.objects.select_related("model__provider", "usage").get(public_id=self._calls[key])
            usage = call.usage or self._usage(call, key, completion=completion)
            call.status, call.finished_at = Call.Status.DONE, timezone.now()
            call.text, call.answer, call.usage = completion.text, msgspec.to_builtins(answer), usage
            call.save(update_fields=["status", "finished_at", "text", "answer", "usage"])
            return usage.cost_usd

        cost = await self._write(write, None)
        self._answers[key] = answer
        return cost

    async def call_fail(self, key: str, error: OrquestradorError) -> Decimal | None:
        partial: Completion | None = error.extra.get("partial")

        def write(row: Subtask | None) -> Decimal | None:
            call = Call.objects.select_related("model__provider", "usage").get(public_id=self._calls[key])
            usage = call.usage or self._usage(call, key, completion=partial, error_code=error.code)
            call.status, call.finished_at, call.usage = Call.Status.FAILED, timezone.now(), usage
            call.error_code, call.error = error.code, error.message
            call.text = partial.text if partial else call.text
            call.save(update_fields=["status", "finished_at", "usage", "error_code", "error", "text"])
            return usage.cost_usd if partial else None

        cost = await self._write(write, None)
        self._answers[key] = error
        return cost

    async def call_cancel(self, key: str, text: str) -> None:
        """Keep what had come of an answer that we cut ourselves. Also works when the lease is gone."""

        @again_after_deadlock
        def write() -> None:
            started = Call.objects.filter(public_id=self._calls[key], status=Call.Status.STARTED)
            call = started.select_related("model__provider").first()
            if call is not None:
                call.text = text
                call.usage = self._usage(call, key, completion=money.cut_off(call), error_code="cancelled")
                _set_aside(call, error_code="cancelled", error="")

        await in_db(write)

    # ── money, plan, subtasks, log ────────────────────────────────────────────────────────────────────────────────

    async def spent_usd(self) -> Decimal:
        def total() -> Decimal:
            rows = CreditUsage.objects.filter(linked_execution=self.task.public_id)
            return rows.aggregate(total=Sum("cost_usd"))["total"] or Decimal(0)

        return await in_db(total)

    async def approved_plan(self) -> Plan | None:
        def read(row: Subtask | None) -> Plan | None:
            self.task.refresh_from_db(fields=["plan_approved_at", "approve_plan", "status"])
            if self.task.approve_plan and self.task.plan_approved_at is None:
                return None
            try_move(self.task, TaskStatus.RUNNING)
            return plan_of(self.task)

        return await self._write(read, None, tell=True)

    async def subtask_fail(self, subtask: PlannedSubtask, error: OrquestradorError) -> None:
        def write(row: Subtask | None) -> None:
            assert row is not None
            row.status, row.finished_at = SubtaskStatus.FAILED, timezone.now()
            row.error_code, row.error, row.error_data = error.code, error.message, _plain(error.extra)
            self._log("subtask_failed", row, level="error", code=error.code, message=error.message, **row.error_data)

        await self._write(write, subtask, tell=True)

    async def subtask_skip(self, subtask: PlannedSubtask) -> None:
        def write(row: Subtask | None) -> None:
            assert row is not None
            row.status = SubtaskStatus.SKIPPED

        await self._write(write, subtask, tell=True)

    async def note(self, event: str, subtask: PlannedSubtask | None, **data: Any) -> None:
        await self._write(lambda row: self._log(event, row, **data), subtask)

    # ── below ─────────────────────────────────────────────────────────────────────────────────────────────────────

    def _usage(self, call: Call, key: str, *, completion: Completion | None, error_code: str = "") -> CreditUsage:
        return usage_record(
            team_id=self.task.team_id,
            owner_id=self.task.owner_id,
            model=call.model,
            purpose=call.purpose,
            completion=completion,
            error_code=error_code,
            linked_execution=self.task.public_id,
            latency_ms=round((timezone.now() - call.started_at).total_seconds() * 1000),
            reservation=self._reserved.get(key),
        )

    def _log(self, event: str, row: Subtask | None, *, level: str = "info", message: str = "", **data: Any) -> None:
        log_write(self.task, event, subtask=row, level=level, message=message, data=_plain(data))
        transaction.on_commit(lambda: announce.noted(self.task, level=level, event=event, message=message))


def plan_of(task: Task) -> Plan:
    """The plan as the rows have it, a person's changes included."""
    rows = task.subtasks.order_by("order").prefetch_related("depends_on").select_related("asked_executor")
    return Plan(
        tuple(
            PlannedSubtask(
                order=row.order,
                title=row.title,
                description=row.description,
                category=row.category,
                depends_on=tuple(sorted(need.order for need in row.depends_on.all())),
                acceptance_criteria=tuple(row.acceptance_criteria),
                asked_executor=str(row.asked_executor.public_id) if row.asked_executor else None,
                round=row.round,
            )
            for row in rows
        )
    )


def _answer_of(call: Call) -> Answer | OrquestradorError:
    if call.status == Call.Status.DONE:
        return converted(call.answer, Answer)
    return read_back(call.error_code, call.error)


def _set_aside(call: Call, *, error_code: str, error: str) -> None:
    """Free the key of a call that gave no answer, so that it can be asked again; the row stays as history."""
    call.status, call.error_code, call.error = Call.Status.CANCELLED, error_code, error
    call.finished_at = timezone.now()
    call.key = f"{call.key}~{call.pk}"
    call.save(update_fields=["status", "error_code", "error", "finished_at", "key", "text", "usage"])


def _plain(data: dict[str, Any]) -> dict[str, Any]:
    return {name: plain(value) for name, value in data.items() if not isinstance(value, Completion)}
