"""Tasks and routing in Django's admin. What happened is not corrected: steps, calls, prompts and logs can only be read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import TabularInline

from apps.common.admin import BaseAdmin, JournalAdmin
from apps.tasks.audited_admin import AuditedAdmin
from apps.tasks.models import (
    ABTest,
    AuditHead,
    AuditLog,
    CachedAnswer,
    Call,
    CheckingSettings,
    EscalationHistory,
    EscalationRule,
    ExecutionLog,
    ProviderMetric,
    ResultThumb,
    RoutingSettings,
    Step,
    Subtask,
    Task,
    TaskExecution,
    ValidatorOutcome,
    ValidatorRun,
    VerifyingRule,
)


class SubtaskInline(TabularInline):
    model = Subtask
    fields = ("order", "title", "status", "executor", "validator", "tie_breaker", "divergence", "confidence")
    readonly_fields = fields
    extra = 0
    show_change_link = True
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


@admin.register(Task)
class TaskAdmin(BaseAdmin):
    list_display = ("title", "status", "priority", "category", "confidence", "owner", "team", "created_at")
    list_filter = ("status", "priority", "is_sample", "created_at")
    search_fields = ("title", "=public_id", "owner__email")
    readonly_fields = (
        "status",
        "plan",
        "result",
        "confidence",
        "error_code",
        "error",
        "error_data",
        "lease_owner",
        "lease_until",
        "runs",
    )
    inlines = (SubtaskInline,)


@admin.register(Subtask)
class SubtaskAdmin(BaseAdmin):
    list_display = ("title", "task", "order", "status", "executor", "validator", "tie_breaker", "divergence", "confidence")
    list_filter = ("status", "cross_validated", "suspect")
    search_fields = ("title", "=public_id", "task__title")
    readonly_fields = (
        "task",
        "order",
        "status",
        "executor",
        "executor_family",
        "validator",
        "validator_family",
        "tie_breaker",
        "tie_breaker_family",
        "verdict",
        "divergence",
        "divergence_parts",
        "tie_break",
        "confidence",
        "cross_validated",
    )


@admin.register(Step)
class StepAdmin(JournalAdmin):
    list_display = ("key", "task", "stage", "started_at", "finished_at")
    list_filter = ("stage",)
    search_fields = ("key", "task__title", "=task__public_id")


@admin.register(Call)
class CallAdmin(JournalAdmin):
    list_display = ("key", "task", "purpose", "model_name", "status", "started_at", "finished_at")
    list_filter = ("purpose", "status")
    search_fields = ("key", "model_name", "task__title", "=task__public_id", "=public_id")


@admin.register(ExecutionLog)
class ExecutionLogAdmin(JournalAdmin):
    list_display = ("created_at", "level", "event", "task", "subtask", "message")
    list_filter = ("level", "event")
    search_fields = ("message", "task__title", "=task__public_id", "request_id")


# ── routing ───────────────────────────────────────────────────────────────────────────────────────────────────────


@admin.register(TaskExecution)
class TaskExecutionAdmin(JournalAdmin):
    list_display = ("created_at", "status", "task_type", "model_name", "confidence", "escalation_count", "cost_usd", "owner")
    list_filter = ("status", "source", "strategy", "verified", "cache", "created_at")
    search_fields = ("=public_id", "model_name", "owner__email")


@admin.register(EscalationRule)
class EscalationRuleAdmin(AuditedAdmin):
    audited_as = "rule"
    list_display = ("name", "trigger", "threshold", "from_tier", "to_tier", "priority", "is_active", "team")
    list_filter = ("trigger", "is_active")
    search_fields = ("name", "=public_id")


@admin.register(EscalationHistory)
class EscalationHistoryAdmin(JournalAdmin):
    list_display = ("created_at", "from_name", "to_name", "trigger", "rule_name", "previous_confidence")
    list_filter = ("trigger",)
    search_fields = ("from_name", "to_name", "=execution__public_id")


@admin.register(ProviderMetric)
class ProviderMetricAdmin(JournalAdmin):
    list_display = ("date", "provider", "total", "succeeded", "failed", "cost_usd", "unpriced")
    list_filter = ("date",)
    search_fields = ("provider__name",)


@admin.register(AuditLog)
class AuditLogAdmin(JournalAdmin):
    list_display = ("team", "number", "time", "category", "actor_name", "object_type")
    list_filter = ("category", "time")
    search_fields = ("actor_name", "=object_id", "=hash")


@admin.register(AuditHead)
class AuditHeadAdmin(JournalAdmin):
    list_display = ("team", "number", "hash")
    search_fields = ("team__name",)


@admin.register(RoutingSettings)
class RoutingSettingsAdmin(AuditedAdmin):
    audited_as = "routing"
    list_display = ("team", "max_escalations", "max_cost_usd", "exploration", "cache_is_on", "semantic_model")
    search_fields = ("team__name",)


@admin.register(CachedAnswer)
class CachedAnswerAdmin(BaseAdmin):
    list_display = ("created_at", "model_name", "hits", "saved_usd", "expires_at", "team")
    list_filter = ("created_at",)
    search_fields = ("model_name", "=public_id")
    readonly_fields = ("scope", "request_hash", "context_hash", "prompt", "answer", "vector_model", "execution")
    exclude = ("vector",)


@admin.register(ABTest)
class ABTestAdmin(BaseAdmin):
    list_display = ("name", "strategy_a", "strategy_b", "measure", "share_percent", "minimum_sample", "status", "team")
    list_filter = ("status", "measure")
    search_fields = ("name", "=public_id")


# ── how good the checking is ──────────────────────────────────────────────────────────────────────────────────────


@admin.register(ValidatorRun)
class ValidatorRunAdmin(JournalAdmin):
    list_display = ("created_at", "cases", "status", "done", "total", "cost_usd", "owner", "team")
    list_filter = ("status", "cases", "created_at")
    search_fields = ("=public_id", "owner__email")


@admin.register(ValidatorOutcome)
class ValidatorOutcomeAdmin(JournalAdmin):
    list_display = ("created_at", "origin", "author_name", "checker_name", "kind", "accepted", "is_right", "known_by")
    list_filter = ("origin", "known_by", "kind", "accepted", "is_right")
    search_fields = ("author_name", "checker_name", "judge_name", "=public_id")


@admin.register(ResultThumb)
class ResultThumbAdmin(JournalAdmin):
    list_display = ("created_at", "person", "thumb", "team")
    list_filter = ("thumb",)
    search_fields = ("person__email", "=public_id")


@admin.register(VerifyingRule)
class VerifyingRuleAdmin(AuditedAdmin):
    audited_as = "verifying_rule"
    list_display = ("category", "when", "from_complexity", "from_priority", "sample_percent", "team")
    list_filter = ("when",)
    search_fields = ("category", "=public_id")


@admin.register(CheckingSettings)
class CheckingSettingsAdmin(AuditedAdmin):
    audited_as = "checking"
    list_display = ("team", "search", "search_url", "vectors", "vectors_model")
    search_fields = ("team__name",)
