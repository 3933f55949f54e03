"""Routed prompts, rules of escalation, and the audit log, for pages and the API.

What people ask is theirs: everybody sees their own prompts, admins also what came by the API and the gateway; nobody another
person's chat. Percentages are JSON numbers; money is a text with eight decimals, or None where a price is unknown.
"""

from __future__ import annotations

import uuid
from collections.abc import Sequence
from typing import Any

from django.db.models import Q, QuerySet
from django.utils.translation import gettext as _

from apps.accounts.actor import Actor
from apps.common.errors import NotFound
from apps.common.lookups import access_row
from apps.common.searching import with_words
from apps.providers.models import AIModel, CreditUsage
from apps.providers.selectors import access_model, models_visible
from apps.tasks.models import AuditLog, EscalationRule, RoutingSettings, TaskExecution
from apps.tasks.routing_words import no_answer_because, not_verified_because, passed_over_because
from apps.tasks.selectors.spent import money, percent
from apps.tasks.selectors.tasks import model_reference
from apps.tasks.workings import weighed_json

SEATS = ("initial_model__provider", "current_model__provider")


# ── looking up ────────────────────────────────────────────────────────────────────────────────────────────────────


def executions_visible(actor: Actor) -> QuerySet[TaskExecution]:
    """The prompts that the actor may see, with their models, the newest first."""
    whose = Q(owner=actor.user)
    if actor.can_manage:
        whose |= Q(source__in=TaskExecution.SEEN_BY_MANAGERS)
    return TaskExecution.objects.filter(whose, team=actor.team).select_related(*SEATS)


def access_execution(actor: Actor, public_id: uuid.UUID | str) -> TaskExecution:
    """The prompt, or NotFound."""
    return access_row(executions_visible(actor), public_id, _("There is no such prompt."))


def rules_visible(actor: Actor) -> QuerySet[EscalationRule]:
    """The team's rules, in the order in which they are looked at."""
    rows = EscalationRule.objects.filter(team=actor.team)
    return rows.select_related("from_model__provider__key", "to_model__provider__key").order_by("priority", "pk")


def rules_filtered(actor: Actor, *, search: str = "", trigger: str = "", state: str = "") -> QuerySet[EscalationRule]:
    """Those with the words in their name or category, of the trigger, in force (`on`) or not (`off`)."""
    rows = with_words(rules_visible(actor), search, "name", "category")
    if trigger:
        rows = rows.filter(trigger=trigger)
    return rows.filter(is_active=state == "on") if state in ("on", "off") else rows


def access_rule(actor: Actor, public_id: uuid.UUID | str) -> EscalationRule:
    return access_row(rules_visible(actor), public_id, _("There is no such rule."))


def audit_visible(actor: Actor) -> QuerySet[AuditLog]:
    """The team's audit log, the newest first; for admins."""
    actor.must_manage()
    return AuditLog.objects.filter(team=actor.team).order_by("-number")


def model_named(actor: Actor, name: str, *, field: str) -> AIModel:
    """A chat model of the team by its public id, or as `provider/model`. Raises NotFound."""
    try:
        model: AIModel | None = access_model(actor, uuid.UUID(name))
    except ValueError:
        provider, _slash, key = name.partition("/")
        model = models_visible(actor).filter(provider__name=provider, key=key).first()
    if model is None or not model.is_chat:
        raise NotFound(_("There is no such model that can chat. Name it by its id, or as provider/model."), field=field)
    return model


# ── as they are shown ─────────────────────────────────────────────────────────────────────────────────────────────


def execution_card(row: TaskExecution) -> dict[str, Any]:
    """A prompt in brief. For a row of `executions_visible`: no query."""
    return {
        "task_id": row.public_id,
        "status": row.status,
        "status_label": str(row.get_status_display()),
        "source": row.source,
        "input": row.input,
        "strategy": row.strategy,
        "task_type": row.task_type,
        "provider_name": row.current_model.provider.name if row.current_model else "",
        "model": row.model_name,
        "complexity": percent(row.complexity),
        "confidence_score": percent(row.confidence),
        "divergence": percent(row.divergence),
        "verified": row.verified,
        "escalation_count": row.escalation_count,
        "execution_time_ms": row.execution_time_ms,
        "first_token_ms": row.first_token_ms,
        "input_tokens": row.input_tokens,
        "output_tokens": row.output_tokens,
        "cost": money(row.cost_usd),
        "cache": row.cache,
        "thumb": row.thumb,
        "error_code": row.error_code,
        "error": no_answer_because(row.error_code, {}, default=row.error) if row.error_code == "lost" else row.error,
        "created_at": row.created_at,
        "finished_at": row.finished_at,
    }


def execution_detail(row: TaskExecution) -> dict[str, Any]:
    """A prompt with its answer, the whole route, its rises and its calls. Two queries."""
    found = row.metadata
    return {
        **execution_card(row),
        "success": row.is_answered,
        "output": row.output,
        "messages": row.messages,
        "request": found.get("request", {}),
        "initial_model": model_reference(row.initial_model),
        "current_model": model_reference(row.current_model),
        "needs": found.get("needs"),
        "candidates": [_candidate(one) for one in found.get("selection", {}).get("considered", [])],
        "is_exploring": found.get("selection", {}).get("is_exploring", False),
        "attempts": found.get("attempts", []),
        "hallucination": execution_hallucination(row),
        "tool_calls": found.get("tool_calls", []),
        "finish_reason": found.get("finish_reason"),
        "verification": found.get("verification"),
        "why_not_verified": not_verified_because(found.get("why_not_verified", "")),
        "cached": found.get("cached"),
        "escalations": execution_escalations(row),
        "calls": execution_calls(row),
    }


def execution_hallucination(row: TaskExecution) -> dict[str, Any] | None:
    """The score of hallucination of the answer that stands, as programs and the chat have it. No query.

    None where the answer is not that of a weighed attempt: from the cache, or the checker's own.
    """
    attempts, verification = row.metadata.get("attempts", []), row.metadata.get("verification") or {}
    if verification.get("winner") == "checker":
        return None
    wrote = [one for one in attempts if not one["error_code"] and one["model"]["label"] == row.model_name]
    return weighed_json(wrote[-1].get("hallucination")) if wrote else None


def execution_escalations(row: TaskExecution) -> list[dict[str, Any]]:
    """Its rises, the first one first, each with what was there before. One query."""
    return [
        {
            "id": rise.public_id,
            "from": rise.from_name,
            "to": rise.to_name,
            "trigger": rise.trigger,
            "trigger_label": str(rise.get_trigger_display()),
            "rule": rise.rule_name,
            "reason": rise.reason,
            "previous_confidence": percent(rise.previous_confidence),
            "previous_output": rise.previous_output,
            "cost": money(rise.cost_usd),
            "created_at": rise.created_at,
        }
        for rise in row.escalations.order_by("pk")
    ]


def execution_calls(row: TaskExecution) -> list[dict[str, Any]]:
    """Every call that was made for it, checks included, in their order. One query."""
    calls = CreditUsage.objects.filter(linked_execution=row.public_id, team=row.team_id).order_by("pk")
    return [
        {
            "provider": call.provider_name,
            "model": call.model_key,
            "purpose": call.purpose,
            "input_tokens": call.input_tokens,
            "output_tokens": call.output_tokens,
            "is_estimated": call.is_estimated,
            "cost": money(call.cost_usd),
            "latency_ms": call.latency_ms,
            "first_token_ms": call.first_token_ms,
            "error_code": call.error_code,
            "created_at": call.created_at,
        }
        for call in calls
    ]


def _candidate(found: dict[str, Any]) -> dict[str, Any]:
    return {**found, "reason_label": passed_over_because(found["reason"]) if found["reason"] else ""}


def audit_entry(row: AuditLog) -> dict[str, Any]:
    """One entry of the log. No query."""
    return {
        "number": row.number,
        "time": row.time,
        "category": row.category,
        "category_label": str(row.get_category_display()),
        "actor": row.actor_name,
        "object_type": row.object_type,
        "object_id": row.object_id,
        "data": row.data,
        "previous_hash": row.previous_hash,
        "hash": row.hash,
    }


def audit_of(execution: TaskExecution) -> Sequence[AuditLog]:
    """The steps of one prompt in their order. One query."""
    return list(AuditLog.objects.filter(team=execution.team_id, object_id=execution.public_id).order_by("number"))


def routing_settings_of(actor: Actor) -> RoutingSettings:
    """The team's settings; those of the code, not stored, where it has set none."""
    return RoutingSettings.objects.filter(team=actor.team).first() or RoutingSettings(team=actor.team)
