"""Routed prompts in every state that a page can meet, made with the models alone."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import Any

from django.utils import timezone

from apps.accounts.actor import Actor
from apps.providers.models import AIModel, CreditUsage
from apps.tasks.models import CachedAnswer, EscalationHistory, EscalationRule, ProviderMetric, TaskExecution
from apps.tasks.services.audit import AuditEntry, audit_append
from tests.tasks.scenes import Cast

QUESTION = "Compare PostgreSQL and SQLite for a small shop, in two sentences."


def model_of(row: AIModel) -> dict[str, str]:
    return {"id": str(row.public_id), "provider": row.provider.name, "model": row.key, "label": str(row), "tier": row.tier}


def attempt_of(row: AIModel, confidence: float | None, **more: Any) -> dict[str, Any]:
    signals = [
        {"name": "complexity", "value": 0.4, "contribution": -6.2, "detail": ""},
        {"name": "hedges", "value": 2, "contribution": -3.1, "detail": "perhaps, might"},
        {"name": "form_met", "value": 1, "contribution": 4.8, "detail": ""},
    ]
    plain = {"error_code": "", "error": "", "finish_reason": "stop", "latency_ms": 2_400, "cost_usd": "0.00120000"}
    return {
        "model": model_of(row),
        "confidence": confidence,
        "signals": signals if confidence is not None else [],
        **plain,
        **more,
    }


def route_of(cast: Cast, **more: Any) -> dict[str, Any]:
    considered = [
        {"model": model_of(cast.checker), "reason": "", "is_chosen": True, "price": "0.1", "score": 84.0, "latency_ms": 2_100},
        {"model": model_of(cast.judge), "reason": "", "is_chosen": False, "price": "3", "score": None, "latency_ms": None},
        {"model": model_of(cast.author), "reason": "below_the_band", "is_chosen": False, "price": "0", "score": 61.0},
    ]
    features = [
        {"name": "length", "value": 2.5, "contribution": 6.4},
        {"name": "condition", "value": 1.0, "contribution": 4.1},
        {"name": "small_talk", "value": 1.0, "contribution": -2.2},
    ]
    needs = {
        "complexity": 42.0,
        "task_type": "general",
        "tier": "fast",
        "tokens": 1_060,
        "capabilities": [],
        "features": features,
    }
    return {
        "request": {},
        "needs": needs,
        "selection": {"is_exploring": False, "considered": considered},
        "attempts": [attempt_of(cast.checker, 91.0)],
        "finish_reason": "stop",
        "why_not_verified": "",
        "verification": None,
        **more,
    }


def make_execution(actor: Actor, cast: Cast, *, ago_s: float = 60, **more: Any) -> TaskExecution:
    """A prompt that was answered at once, with its call and its audit entries."""
    began = timezone.now() - timedelta(seconds=ago_s)
    model = more.pop("model", cast.checker)
    given = {
        "input": QUESTION,
        "messages": [{"role": "user", "content": QUESTION}],
        "output": "**SQLite** suits one shop on one machine. **PostgreSQL** suits several tills that write at once.",
        "task_type": "general",
        "initial_model": model,
        "current_model": model,
        "current_provider": model.provider,
        "model_name": str(model),
        "status": "completed",
        "complexity": 42,
        "confidence": 91,
        "execution_time_ms": 2_450,
        "first_token_ms": 310,
        "input_tokens": 412,
        "output_tokens": 188,
        "cost_usd": Decimal("0.0012"),
        "metadata": route_of(cast),
        "started_at": began,
        "finished_at": began + timedelta(seconds=3),
    }
    row = TaskExecution.objects.create(team=actor.team, owner=actor.user, **{**given, **more})
    TaskExecution.objects.filter(pk=row.pk).update(created_at=began)
    CreditUsage.objects.create(
        team=actor.team,
        owner=actor.user,
        model=model,
        provider_name=model.provider.name,
        model_key=model.key,
        purpose="answer",
        linked_execution=row.public_id,
        input_tokens=412,
        output_tokens=188,
        cost_usd=row.cost_usd,
        latency_ms=2_400,
    )
    entries = [
        AuditEntry(category, data, actor_name=str(actor.user), object_type="execution", object_id=row.public_id)
        for category, data in (
            ("task_submission", {"source": "api", "characters": 63}),
            ("complexity_analysis", {"complexity": 42.0, "tier": "fast"}),
            ("provider_selection", {"chosen": str(model), "rejected": {str(cast.author): "below_the_band"}}),
            ("task_completion", {"status": row.status, "cost_usd": "0.0012"}),
        )
    ]
    audit_append(actor.team.pk, entries)
    return row


def make_escalated(actor: Actor, cast: Cast, **more: Any) -> TaskExecution:
    """Answered twice, checked, and settled by a judge."""
    check = {
        "checker": model_of(cast.author),
        "score": 72.0,
        "divergence": 31.0,
        "divergence_parts": {"score": 28.0, "defects": 5.0, "answer": 34.0, "score and answer": 31.0},
        "confidence_parts": [
            {"name": "settled", "points": 80.0, "detail": ""},
            {"name": "hedges", "points": -3.1, "detail": "perhaps"},
        ],
        "summary": "It names both, but gives no reason for the second.",
        "own_answer": "SQLite, as long as one till writes.",
        "defects": [{"problem": "No reason is given for PostgreSQL.", "quote": "suits several tills", "severity": "minor"}],
        "judge": model_of(cast.judge),
        "winner": "author",
        "reason": "The author's answer is complete.",
    }
    attempts = [attempt_of(cast.checker, 52.0), attempt_of(cast.judge, 93.0)]
    route = route_of(cast, attempts=attempts, verification=check)
    given = {
        "status": "escalated",
        "escalation_count": 1,
        "divergence": 31,
        "verified": "yes",
        "metadata": route,
        "model": cast.judge,
    }
    row = make_execution(actor, cast, **{**given, **more})
    EscalationHistory.objects.create(
        execution=row,
        from_model=cast.checker,
        to_model=cast.judge,
        from_name=str(cast.checker),
        to_name=str(cast.judge),
        trigger="low_confidence",
        rule_name="low confidence",
        reason="52 % is below 70 %",
        previous_confidence=52,
        previous_output="Perhaps SQLite might do.",
        cost_usd=Decimal("0.0002"),
    )
    return row


def make_failed(actor: Actor, cast: Cast, **more: Any) -> TaskExecution:
    failed = attempt_of(cast.checker, None, error_code="unreachable", error="Mistral does not answer.", cost_usd=None)
    given = {
        "status": "failed",
        "output": "",
        "confidence": None,
        "error_code": "no_model_answered",
        "error": "Every model failed.",
    }
    return make_execution(actor, cast, **{**given, "metadata": route_of(cast, attempts=[failed]), "cost_usd": None, **more})


def make_cached(actor: Actor, cast: Cast, **more: Any) -> CachedAnswer:
    usage = {"input_tokens": 12, "output_tokens": 3}
    completion = {"text": "Paris.", "finish_reason": "stop", "usage": usage, "model": cast.checker.key}
    by = {**model_of(cast.checker), "family": cast.checker.family}
    given = {
        "scope": f"person:{actor.team.pk}:{actor.user.pk}",
        "request_hash": f"hash-{CachedAnswer.objects.count()}",
        "context_hash": "context",
        "prompt": "What is the capital of France?",
        "answer": {"completion": completion, "by": by, "confidence": 96.0, "verified": "not_asked"},
        "model": cast.checker,
        "model_name": str(cast.checker),
        "cost_usd": Decimal("0.0012"),
        "hits": 3,
        "saved_usd": Decimal("0.0036"),
        "expires_at": timezone.now() + timedelta(hours=20),
    }
    return CachedAnswer.objects.create(team=actor.team, owner=actor.user, **{**given, **more})


def make_rule(actor: Actor, **more: Any) -> EscalationRule:
    given = {"name": "Doubtful answers", "trigger": "low_confidence", "threshold": 75, "priority": 10}
    return EscalationRule.objects.create(team=actor.team, owner=actor.user, **{**given, **more})


def make_days(actor: Actor, cast: Cast, days: int = 5) -> None:
    """Some prompts on each of the last days, and what their providers did."""
    for place in range(days):
        for number in range(1 + place % 3):
            make_execution(actor, cast, ago_s=86_400 * place + 600 * (number + 1))
        if place % 2:
            make_escalated(actor, cast, ago_s=86_400 * place + 3_600)
        date = (timezone.now() - timedelta(days=place)).date()
        ProviderMetric.objects.create(
            provider=cast.checker.provider,
            date=date,
            total=4,
            succeeded=3,
            failed=1,
            latency_ms_sum=7_200,
            confidence_sum=270,
            confidences=3,
            input_tokens=1_200,
            output_tokens=560,
            cost_usd=Decimal("0.0036"),
        )
