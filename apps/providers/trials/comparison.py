"""A comparison: one prompt, all models at the same time. One that fails says why, and the others go on."""

from __future__ import annotations

import asyncio
from functools import partial

from apps.common.db import in_db
from apps.common.errors import OrquestradorError
from apps.providers.calls import Calls
from apps.providers.contract import ChatRequest, Message
from apps.providers.errors import Unreachable
from apps.providers.models import AnswerStatus, Comparison, ComparisonAnswer
from apps.providers.trials import live
from apps.providers.trials.asking import answer


async def run_comparison(comparison: Comparison) -> None:
    """Ask every model that has not answered yet."""
    columns = await in_db(_load, comparison)
    calls = Calls()
    try:
        async with asyncio.TaskGroup() as group:
            for column in columns:
                group.create_task(_one(column, comparison, calls))
    finally:
        await calls.aclose()


async def _one(column: ComparisonAnswer, comparison: Comparison, calls: Calls) -> None:
    model = column.model
    if model is None:
        await in_db(_fail, column, Unreachable(f"The model {column.model_name} was removed."))
        return
    show = partial(_show, comparison, column)
    request = request_for(comparison)
    try:
        await answer(column, comparison, model, request, purpose="compare", calls=calls, show=show)
    except OrquestradorError:
        pass  # stored in the column, where its reader finds it
    finally:
        live.changed(comparison)


def request_for(comparison: Comparison) -> ChatRequest:
    system = (Message("system", comparison.system),) if comparison.system else ()
    return ChatRequest(
        "",  # each model's own name is put in when it is asked
        (*system, Message("user", comparison.prompt)),
        max_output_tokens=comparison.max_output_tokens,
        temperature=comparison.temperature,
    )


def _show(comparison: Comparison, column: ComparisonAnswer, at: int, delta: str, restarted: bool) -> None:
    live.said(comparison, column, at, delta, restarted=restarted)


def _load(comparison: Comparison) -> list[ComparisonAnswer]:
    return list(comparison.answers.open().select_related("model__provider").order_by("position"))


def _fail(column: ComparisonAnswer, error: OrquestradorError) -> None:
    column.status, column.error_code, column.error = AnswerStatus.FAILED, error.code, error.message
    column.save(update_fields=["status", "error_code", "error"])
