"""Keeping that a call went over to another server: the failed attempt as a call of its own, with its text and its cost."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal

from django.utils import timezone

from apps.providers.models import AIModel, Reservation
from apps.providers.services import usage_record
from apps.tasks.engine.moves import Moved
from apps.tasks.models import Call
from apps.tasks.runner.projections import model_rows


def move_store(call: Call, moved: Moved, *, reservation: Reservation | None) -> Decimal | None:
    """Who answers the call from now on, in the caller's transaction. Gives what the failed attempt cost. Twice is once."""
    was_asked, answers = model_rows(moved.from_model, moved.to_model)
    cost = _attempt_store(call, moved, was_asked, reservation) if moved.was_asked else None
    call.model, call.model_name, call.text = answers, moved.to_model.label, ""
    call.save(update_fields=["model", "model_name", "text"])
    return cost


def _attempt_store(call: Call, moved: Moved, model: AIModel | None, reservation: Reservation | None) -> Decimal | None:
    key = f"{call.key}~{call.pk}.{moved.from_model.id[:8]}"
    known = Call.objects.select_related("usage").filter(task=call.task_id, key=key).first()
    if known is not None:
        return known.usage.cost_usd if known.usage else None
    now = timezone.now()
    usage = usage_record(
        team_id=call.task.team_id,
        owner_id=call.task.owner_id,
        model=model,
        purpose=call.purpose,
        completion=moved.partial,
        error_code=moved.code,
        linked_execution=call.task.public_id,
        latency_ms=moved.latency_ms,
        reservation=reservation,
        is_last=False,
    )
    Call.objects.create(
        public_id=usage.public_id,
        task_id=call.task_id,
        subtask_id=call.subtask_id,
        key=key,
        purpose=call.purpose,
        model=model,
        model_name=moved.from_model.label,
        specialized_ai_id=call.specialized_ai_id,
        status=Call.Status.FAILED,
        request=call.request,
        text=moved.partial.text if moved.partial else "",
        error_code=moved.code,
        error=moved.message,
        usage=usage,
        started_at=now - timedelta(milliseconds=moved.latency_ms),
        finished_at=now,
    )
    return usage.cost_usd if moved.partial else None
