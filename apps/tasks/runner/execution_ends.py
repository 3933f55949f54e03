"""A prompt at the end of its route: all that came of it, in one transaction.

Together are kept: the audit rows, the rises with what was there before, the figures of providers and models, and the row itself;
what is still set aside is freed. The lock of the team's audit chain comes first, so that ends of one team follow one another.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db.models import F
from django.utils import timezone

from apps.common.db import again_after_deadlock
from apps.providers.models import CreditUsage
from apps.providers.services import quality_record, reservations_release
from apps.tasks.engine.routing.types import Attempt, Escalation, Routed
from apps.tasks.logbook import log_prompt
from apps.tasks.models import AuditHead, EscalationHistory, ProviderMetric, TaskExecution
from apps.tasks.runner.executions import Asked, Diary, Ready
from apps.tasks.runner.route_json import percent, route_json
from apps.tasks.services.audit import AuditEntry, audit_append, audit_lock, plain
from apps.tasks.services.verdicts import verdict_of_prompt

NOT_TRIED = ("resting", "no_free_place", "cancelled")  # that says nothing of how good the model is


@dataclass(frozen=True, slots=True)
class Totals:
    """What all calls of a prompt took. `cost_usd` None: a price among them is unknown."""

    cost_usd: Decimal | None
    input_tokens: int
    output_tokens: int


@again_after_deadlock
def execution_answered(ready: Ready, routed: Routed, diary: Diary, *, rises: Sequence[Escalation] | None = None) -> Totals:
    """Keep an answer and all that led to it. `rises`: of this round; by default all of the route's."""
    head = audit_lock(diary.asker.team_id)
    execution = TaskExecution.objects.select_for_update().get(pk=ready.execution.pk)  # before what points at it
    calls = _calls_of(execution)
    totals = _totals(calls)
    rises = routed.escalations if rises is None else rises
    count = execution.escalation_count + len(rises)
    done = TaskExecution.Status.ESCALATED if count else TaskExecution.Status.COMPLETED
    _append(
        head,
        execution,
        diary,
        status=done,
        model=routed.by.label,
        confidence=routed.confidence,
        escalations=count,
        verified=routed.verified,
        cost_usd=totals.cost_usd,
        input_tokens=totals.input_tokens,
        output_tokens=totals.output_tokens,
        latency_ms=diary.took_ms,
    )
    _keep_rises(execution, rises, ready)
    _keep_metrics(execution, calls, routed, diary)
    reservations_release(execution.public_id)
    execution.status, execution.escalation_count = done, count
    _keep_answer(execution, ready, routed)
    _keep_needs(execution, diary)
    _keep_took(execution, diary, totals)
    execution.save()
    _log_answered(execution, rises)
    if routed.opinion is not None and routed.attempts:
        verdict_of_prompt(execution, _best_of(routed).model, routed.opinion, threshold=ready.settings.divergence_threshold)
    return totals


@again_after_deadlock
def execution_failed(ready: Ready, diary: Diary, *, code: str, message: str) -> Totals:
    """Keep that there is no answer, and what was paid. An answer that was there before stands."""
    head = audit_lock(diary.asker.team_id)
    execution = TaskExecution.objects.select_for_update().get(pk=ready.execution.pk)  # before what points at it
    calls = _calls_of(execution)
    totals = _totals(calls)
    status = _status_without_answer(execution)
    about = {"error_code": code, "message": message, "cost_usd": totals.cost_usd, "latency_ms": diary.took_ms}
    _append(head, execution, diary, status=status, **about)
    _keep_metrics(execution, calls, None, diary)
    reservations_release(execution.public_id)
    if status == TaskExecution.Status.FAILED:
        execution.error_code, execution.error = code[:40], message
        if diary.asked and execution.initial_model_id is None:
            tried = [asked for asked in diary.asked if asked.purpose == "answer"] or diary.asked
            execution.initial_model, execution.initial_provider = tried[0].model, tried[0].model.provider
            execution.current_model, execution.current_provider = tried[-1].model, tried[-1].model.provider
            execution.model_name = str(tried[-1].model)[:250]
    execution.status = status
    _keep_needs(execution, diary)
    _keep_took(execution, diary, totals)
    execution.metadata = {**execution.metadata, "tried": [_asked_json(asked) for asked in diary.asked]}
    execution.held_by = ""
    execution.save()
    log_prompt(execution, "prompt_failed", level="error", message=message, data={"code": code, "message": message})
    return totals


def _keep_answer(execution: TaskExecution, ready: Ready, routed: Routed) -> None:
    """The answer, who gave it, and what is thought of it."""
    first = ready.rows.get(routed.attempts[0].model.id) if routed.attempts else None
    last = ready.rows.get(routed.by.id)
    if execution.initial_model_id is None:
        execution.initial_model = first or last
        execution.initial_provider = execution.initial_model.provider if execution.initial_model else None
    execution.current_model, execution.current_provider = last, last.provider if last else None
    execution.model_name = routed.by.label[:250]
    execution.output = routed.completion.text
    execution.confidence = percent(routed.confidence)
    execution.verified = routed.verified
    execution.divergence = percent(routed.opinion.divergence if routed.opinion else None)
    execution.cache = routed.cached.kind if routed.cached else ""
    execution.saved_usd = routed.cached.saved_usd if routed.cached else None
    execution.metadata = {**_with_earlier_round(execution), **route_json(routed)}
    execution.error_code = execution.error = execution.held_by = ""


def _log_answered(execution: TaskExecution, rises: Sequence[Escalation]) -> None:
    """One line for each rise, and one for the answer; none of them says what was asked."""
    for rise in rises:
        about = {"from": rise.from_model.label, "to": rise.to_model.label, "reason": rise.reason, "trigger": rise.trigger}
        log_prompt(execution, "prompt_escalated", level="warning", message=rise.reason, data=about)
    took = {"latency_ms": execution.execution_time_ms, "cost_usd": execution.cost_usd, "confidence": execution.confidence}
    data = {**plain(took), "model": execution.model_name, "cache": execution.cache}
    log_prompt(execution, "prompt_answered", data=data)


def _with_earlier_round(execution: TaskExecution) -> dict[str, Any]:
    """What is known of the route; where the answer replaces another one, with that one's route among `earlier`."""
    known = dict(execution.metadata)
    round_before = {
        name: known.pop(name) for name in ("attempts", "selection", "verification", "why_not_verified") if name in known
    }
    if round_before:
        known["earlier"] = [*known.get("earlier", []), round_before]
    return known


def _status_without_answer(execution: TaskExecution) -> str:
    """Where an answer was there before this round, it stands."""
    if execution.finished_at is None or execution.error_code:
        return TaskExecution.Status.FAILED
    return TaskExecution.Status.ESCALATED if execution.escalation_count else TaskExecution.Status.COMPLETED


def _append(head: AuditHead, execution: TaskExecution, diary: Diary, **completion: Any) -> None:
    asker, last = diary.asker, ("task_completion", plain(completion), timezone.now())
    entries = [
        AuditEntry(
            category,
            data,
            time,
            actor_id=asker.owner_id,
            actor_name=asker.actor_name,
            object_type="execution",
            object_id=execution.public_id,
        )
        for category, data, time in (*diary.records, last)
    ]
    audit_append(asker.team_id, entries, head=head)


def _calls_of(execution: TaskExecution) -> list[CreditUsage]:
    return list(CreditUsage.objects.filter(linked_execution=execution.public_id).select_related("model").order_by("pk"))


def _totals(calls: Iterable[CreditUsage]) -> Totals:
    calls = list(calls)
    costs = [call.cost_usd for call in calls if call.cost_usd is not None]
    return Totals(
        sum(costs, Decimal(0)) if len(costs) == len(calls) else None,
        sum(call.input_tokens for call in calls),
        sum(call.output_tokens for call in calls),
    )


def _keep_rises(execution: TaskExecution, rises: Sequence[Escalation], ready: Ready) -> None:
    EscalationHistory.objects.bulk_create(
        EscalationHistory(
            execution=execution,
            from_model=ready.rows.get(rise.from_model.id),
            to_model=ready.rows.get(rise.to_model.id),
            from_name=rise.from_model.label[:250],
            to_name=rise.to_model.label[:250],
            trigger=rise.trigger,
            rule_id=rise.rule.id,
            rule_name=rise.rule.name[:120],
            reason=rise.reason,
            previous_confidence=percent(rise.previous.trust.score) if rise.previous.trust else None,
            previous_output=rise.previous.completion.text if rise.previous.completion else "",
            cost_usd=rise.previous.cost_usd,
        )
        for rise in rises
    )


def _keep_metrics(execution: TaskExecution, calls: Sequence[CreditUsage], routed: Routed | None, diary: Diary) -> None:
    """What each provider and each model did in this round."""
    fresh = [call for call in calls if call.created_at >= diary.began_at and call.model is not None]
    confidences = {attempt.model.id: attempt.confidence for attempt in routed.attempts if attempt.trust} if routed else {}
    for provider_id in sorted({call.model.provider_id for call in fresh if call.model}):
        mine = [call for call in fresh if call.model and call.model.provider_id == provider_id]
        known = [confidences[str(call.model.public_id)] for call in mine if call.model and _is_weighed(call, confidences)]
        provider_metric_add(provider_id, mine, known)
    category = diary.needs.category if diary.needs else execution.task_type
    for asked in diary.asked:
        if asked.purpose != "answer" or not category or asked.error_code in NOT_TRIED:
            continue
        usage = asked.completion.usage if asked.completion else None
        quality_record(
            asked.model,
            category,
            success=asked.completion is not None,
            score=_score_of(asked, routed),
            latency_ms=asked.latency_ms,
            tokens=usage.input_tokens + usage.output_tokens if usage else 0,
            cost=asked.cost_usd,
        )


def _is_weighed(call: CreditUsage, confidences: dict[str, float]) -> bool:
    return call.purpose == "answer" and not call.error_code and str(call.model.public_id) in confidences  # type: ignore[union-attr]


def _score_of(asked: Asked, routed: Routed | None) -> Decimal | None:
    """How the author did, 0-100, as the judge ruled, else how far the checker agreed; None: nobody checked this answer."""
    if routed is None or routed.opinion is None or routed.opinion.divergence is None or asked.completion is None:
        return None
    best = _best_of(routed)
    if best.model.id != str(asked.model.public_id):
        return None
    ruling = routed.opinion.settlement.ruling
    score = 100.0 - routed.opinion.divergence if ruling is None else 100.0 * (ruling.winner == "author")
    return percent(score)


def _best_of(routed: Routed) -> Attempt:
    """The one that was checked."""
    return max((attempt for attempt in routed.attempts if attempt.completion), key=lambda attempt: attempt.confidence)


def provider_metric_add(provider_id: int, calls: Sequence[CreditUsage], confidences: Sequence[float]) -> None:
    """Add calls of one provider, made today (UTC), to its day, in the caller's transaction. Answers count; checks cost."""
    answers = [call for call in calls if call.purpose == "answer"]
    succeeded = [call for call in answers if not call.error_code]
    row = ProviderMetric.objects.filter(provider=provider_id, date=timezone.now().date())
    changes = {
        "total": F("total") + len(answers),
        "succeeded": F("succeeded") + len(succeeded),
        "failed": F("failed") + len(answers) - len(succeeded),
        "latency_ms_sum": F("latency_ms_sum") + sum(call.latency_ms for call in succeeded),
        "confidence_sum": F("confidence_sum") + sum((percent(one) or Decimal(0) for one in confidences), Decimal(0)),
        "confidences": F("confidences") + len(confidences),
        "input_tokens": F("input_tokens") + sum(call.input_tokens for call in calls),
        "output_tokens": F("output_tokens") + sum(call.output_tokens for call in calls),
        "cost_usd": F("cost_usd") + sum((call.cost_usd or Decimal(0) for call in calls), Decimal(0)),
        "unpriced": F("unpriced") + sum(call.cost_usd is None for call in calls),
    }
    if not row.update(**changes):
        ProviderMetric.objects.get_or_create(provider_id=provider_id, date=timezone.now().date())
        row.update(**changes)


def _keep_needs(execution: TaskExecution, diary: Diary) -> None:
    if diary.needs is not None:
        execution.task_type = diary.needs.category[:60]
        execution.complexity = percent(diary.needs.complexity.score)


def _keep_took(execution: TaskExecution, diary: Diary, totals: Totals) -> None:
    execution.execution_time_ms = (execution.execution_time_ms or 0) + diary.took_ms
    execution.first_token_ms = execution.first_token_ms or diary.first_token_ms
    execution.input_tokens, execution.output_tokens = totals.input_tokens, totals.output_tokens
    execution.cost_usd = totals.cost_usd
    execution.finished_at = timezone.now()


def _asked_json(asked: Asked) -> dict[str, Any]:
    return plain(
        {
            "model": str(asked.model),
            "purpose": asked.purpose,
            "error_code": asked.error_code,
            "latency_ms": asked.latency_ms,
            "cost_usd": asked.cost_usd,
        }
    )
