"""Tasks in Django's admin. What happened is not corrected: steps, calls and log entries can only be read."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest
from unfold.admin import TabularInline

from apps.common.admin import BaseAdmin, JournalAdmin
from apps.tasks.models import Call, ExecutionLog, Step, Subtask, Task


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
