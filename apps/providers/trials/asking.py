"""Asking one model for one answer of a trial: money set aside, text shown and kept while it comes, the outcome stored."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from typing import Any, Protocol

from django.utils import timezone

from apps.common.db import again_after_deadlock, in_db
from apps.common.errors import OrquestradorError
from apps.providers.calls import Switched
from apps.providers.contract import ChatRequest, Completion, Delta
from apps.providers.errors import OverBudget
from apps.providers.models import AIModel, AnswerStatus, ComparisonAnswer, Reservation, Trial, TrialAnswer
from apps.providers.services.budget_alerts import refusal_tell
from apps.providers.services.estimates import call_usd
from apps.providers.services.reservations import budget_reserve
from apps.providers.services.usage import usage_record

SHOW_EVERY_S = 0.1
KEEP_EVERY_S = 1.0

# Where in the answer the piece belongs, the piece, and whether what came before is void.
Show = Callable[[int, str, bool], None]


class Door(Protocol):
    """Where a model can be asked: `Calls`, or one server alone."""

    def stream(self, model: AIModel, request: ChatRequest) -> AsyncGenerator[Any]: ...


async def answer(
    row: TrialAnswer, trial: Trial, model: AIModel, request: ChatRequest, *, purpose: str, calls: Door, show: Show | None = None
) -> Completion:
    """The answer, stored in `row` with its figures. What fails is stored there too, and raised.

    Cancelling closes the call upstream at once; the row keeps what had come.
    """
    hearing = _Hearing(row, show)
    reservation: Reservation | None = None
    await in_db(_begin, row)
    try:
        reservation = await in_db(_reserve, trial, model, request, purpose)
        completion = await hearing.listen(calls, model, request)
    except asyncio.CancelledError:
        await asyncio.shield(in_db(_keep_cut, row, trial, model, purpose, reservation, hearing))
        raise
    except OrquestradorError as error:
        await in_db(_keep_failure, row, trial, model, purpose, reservation, hearing, error)
        raise
    await in_db(_keep, row, trial, model, purpose, reservation, completion)
    return completion


class _Hearing:
    """Listens to one answer. `text` is what has come so far."""

    def __init__(self, row: TrialAnswer, show: Show | None) -> None:
        self.row, self.show = row, show
        self.text = ""
        self.was_asked = False
        self._shown, self._restarted = 0, False
        self._began = self._last_shown = self._last_kept = time.monotonic()

    @property
    def latency_ms(self) -> int:
        return round((time.monotonic() - self._began) * 1000)

    async def listen(self, calls: Door, model: AIModel, request: ChatRequest) -> Completion:
        self.was_asked = True
        async with aclosing(calls.stream(model, request)) as items:
            async for item in items:
                match item:
                    case Completion():
                        self._show_rest()
                        return item
                    case Delta():
                        await self._hear(item)
                    case Switched() if isinstance(self.row, ComparisonAnswer):  # another server of this model answers
                        self.row.provider_name = str(item.to_model.provider)
        raise RuntimeError("a stream ended without a completion")

    async def _hear(self, delta: Delta) -> None:
        if delta.restarted:
            self.text, self._shown, self._restarted = "", 0, True
        self.text += delta.text
        now = time.monotonic()
        if now - self._last_shown >= SHOW_EVERY_S:
            self._last_shown = now
            self._show_rest()
        if now - self._last_kept >= KEEP_EVERY_S:
            self._last_kept = now
            await in_db(_keep_text, self.row, self.text)

    def _show_rest(self) -> None:
        fresh = self.text[self._shown :]
        if self.show is None or not (fresh or self._restarted):
            return
        at = len(self.text[: self._shown].encode("utf-16-le")) // 2  # as browsers count
        self.show(at, fresh, self._restarted)
        self._shown, self._restarted = len(self.text), False


def _reserve(trial: Trial, model: AIModel, request: ChatRequest, purpose: str) -> Reservation | None:
    return budget_reserve(
        team_id=trial.team_id,
        owner_id=trial.owner_id,
        amount_usd=call_usd(model, request),
        model_name=str(model),
        purpose=purpose,
        linked_execution=trial.public_id,
    )


def _begin(row: TrialAnswer) -> None:
    row.status, row.text, row.error, row.error_code = AnswerStatus.STREAMING, "", "", ""
    row.started_at = timezone.now()
    row.save(update_fields=["status", "text", "error", "error_code", "started_at"])


def _keep_text(row: TrialAnswer, text: str) -> None:
    type(row)._default_manager.filter(pk=row.pk).update(text=text)


@again_after_deadlock
def _keep(
    row: TrialAnswer, trial: Trial, model: AIModel, purpose: str, reservation: Reservation | None, completion: Completion
) -> None:
    _fill(row, completion)
    row.status, row.finished_at = AnswerStatus.DONE, timezone.now()
    row.usage = usage_record(
        team_id=trial.team_id,
        owner_id=trial.owner_id,
        model=_still_there(model),
        purpose=purpose,
        completion=completion,
        linked_execution=trial.public_id,
        reservation=reservation,
    )
    row.cost_usd = row.usage.cost_usd
    _save(row)


def _keep_failure(
    row: TrialAnswer,
    trial: Trial,
    model: AIModel,
    purpose: str,
    reservation: Reservation | None,
    hearing: _Hearing,
    error: OrquestradorError,
) -> None:
    if isinstance(error, OverBudget):
        refusal_tell(error)
    partial: Completion | None = error.extra.get("partial")
    row.text = hearing.text
    if partial is not None:
        _fill(row, partial)
    row.error_code, row.error = error.code, error.message
    _end(row, trial, model, purpose, reservation, hearing, AnswerStatus.FAILED, error.code, partial)


def _keep_cut(
    row: TrialAnswer, trial: Trial, model: AIModel, purpose: str, reservation: Reservation | None, hearing: _Hearing
) -> None:
    row.text = hearing.text
    _end(row, trial, model, purpose, reservation, hearing, AnswerStatus.CANCELLED, "cancelled", None)


@again_after_deadlock
def _end(
    row: TrialAnswer,
    trial: Trial,
    model: AIModel,
    purpose: str,
    reservation: Reservation | None,
    hearing: _Hearing,
    status: str,
    error_code: str,
    partial: Completion | None,
) -> None:
    row.status, row.finished_at = status, timezone.now()
    if hearing.was_asked:
        row.usage = usage_record(
            team_id=trial.team_id,
            owner_id=trial.owner_id,
            model=_still_there(model),
            purpose=purpose,
            completion=partial,
            error_code=error_code,
            linked_execution=trial.public_id,
            latency_ms=hearing.latency_ms,
            reservation=reservation,
        )
        is_known = partial is not None or not row.usage.is_estimated  # what a vendor counts of a cut answer nobody knows
        row.cost_usd = row.usage.cost_usd if is_known else None
    _save(row)


def _fill(row: TrialAnswer, completion: Completion) -> None:
    row.text = completion.text
    row.first_token_ms, row.latency_ms = completion.first_token_ms, completion.latency_ms
    row.input_tokens, row.output_tokens = completion.usage.input_tokens, completion.usage.output_tokens
    row.is_estimated = completion.usage.is_estimated


def _save(row: TrialAnswer) -> None:
    """Unless the trial was deleted meanwhile."""
    if type(row)._default_manager.filter(pk=row.pk).exists():
        row.save()


def _still_there(model: AIModel) -> AIModel | None:
    return model if AIModel.objects.filter(pk=model.pk).exists() else None
