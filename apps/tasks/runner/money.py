"""A task's calls and the budgets of its team and person: set aside before a call, and said in the engine's words when refused."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.utils import timezone

from apps.providers.adapters.answer import estimated_usage
from apps.providers.calls.servers import servers_of
from apps.providers.contract import ChatRequest, Completion, Message
from apps.providers.errors import OverBudget, PriceUnknown
from apps.providers.models import AIModel, Budget, Reservation
from apps.providers.services import budget_reserve, dearest_usd
from apps.tasks.engine import errors as engine
from apps.tasks.models import Call, Task


def has_budget(task: Task) -> bool:
    """Some budget is in force for the task's calls besides its own."""
    return Budget.objects.in_force_for(team_id=task.team_id, owner_id=task.owner_id, key_id=None).exists()


def asked_row(public_id: str) -> AIModel | None:
    """The row of a model that is about to be asked, with its provider and `has_budgets`, of its team; None when it is gone.

    One query, which had to be asked in any case: where no budget is in force, that costs a call nothing more.
    """
    return AIModel.objects.with_budgets().select_related("provider").filter(public_id=public_id).first()


def set_aside(task: Task, asked: AIModel | None, request: ChatRequest, *, purpose: str, call_id: UUID) -> Reservation | None:
    """The reservation of a call, in the transaction that opens it; None where nothing has to be set aside.

    Raises OverBudget and PriceUnknown of the providers.
    """
    if asked is None or not asked.has_budgets:  # type: ignore[attr-defined]
        return None
    servers = servers_of(asked) if asked.provider.balance_group else [asked]
    return budget_reserve(
        team_id=task.team_id,
        owner_id=task.owner_id,
        amount_usd=dearest_usd(servers, request),
        model_name=str(asked),
        purpose=purpose,
        linked_execution=task.public_id,
        ttl_s=settings.ORQ_TASK_TIME_LIMIT_S,  # no run of a task lasts longer
        public_id=call_id,
    )


def as_stop(refused: OverBudget | PriceUnknown) -> engine.Stop:
    """What ends the run for now: nothing is lost, and it goes on when people have done something about it."""
    if isinstance(refused, OverBudget):
        return engine.OverSharedBudget(refused.message, budget=refused.budget, is_held=refused.is_held)
    return engine.PriceUnknown(refused.message, model=refused.extra["model"])


def cut_off(call: Call) -> Completion | None:
    """What had come of an answer when it was cut, with about what it took: the vendor charges for it. None: not a word had."""
    if not call.text:
        return None
    request = ChatRequest(call.model_name, tuple(Message(said["role"], said["content"]) for said in call.request))
    took_ms = round((timezone.now() - call.started_at).total_seconds() * 1000)
    return Completion(call.text, "unknown", estimated_usage(request, call.text), call.model_name, latency_ms=took_ms)
