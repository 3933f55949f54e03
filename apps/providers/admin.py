"""Providers, models and what they were used for, in the admin."""

from __future__ import annotations

from typing import Any

from django.contrib import admin
from django.http import HttpRequest

from apps.common.admin import BaseAdmin, JournalAdmin
from apps.providers.models import (
    AIModel,
    Benchmark,
    BenchmarkAnswer,
    Breaker,
    Budget,
    CallSlot,
    Comparison,
    ComparisonAnswer,
    CreditUsage,
    ExternalAccount,
    ModelDiscovery,
    ModelDownload,
    ModelLoad,
    ModelRating,
    ModelSettings,
    Provider,
    ProviderKey,
    QualityMetric,
    Reservation,
    SpecializedAI,
    SpecializedAIFallback,
)
from apps.providers.services.prices import FIELDS, prices_set_by


@admin.register(Provider)
class ProviderAdmin(BaseAdmin):
    """Without address and key: they are changed on the provider's own page, which never lets a key follow to another host."""

    list_display = ("display_name", "team", "kind", "base_url", "status", "is_local", "last_check_ok", "last_checked_at")
    list_filter = ("status", "kind", "is_local", "last_check_ok")
    search_fields = ("name", "display_name", "base_url", "team__name")
    ordering = ("team", "priority", "name")
    exclude = ("key",)
    readonly_fields = (
        "team", "kind", "base_url", "key_ending", "allows_private_address",
        "last_checked_at", "last_check_ok", "last_check_message", "last_check_ms",
    )  # fmt: skip

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(AIModel)
class AIModelAdmin(BaseAdmin):
    list_display = ("key", "provider", "family", "tier", "price_input", "price_output", "is_active", "state", "checked_at")
    list_filter = ("tier", "state", "is_active", "is_practice")
    search_fields = ("key", "display_name", "family", "provider__name")
    ordering = ("provider", "key")
    readonly_fields = ("human_edits", "is_practice", "state", "last_error", "checked_at", "skill")

    def save_model(self, request: HttpRequest, obj: AIModel, form: Any, change: bool) -> None:
        """What staff set here no sync changes."""
        obj.human_edits = sorted({*obj.human_edits, *form.changed_data})
        if set(form.changed_data) & set(FIELDS):
            by_hand = {field: getattr(obj, field) for field in ("price_batch", "price_tiers")}
            prices_set_by(request.actor, obj)  # type: ignore[attr-defined]
            for field, value in by_hand.items():  # here they can be entered, so they are part of what was set
                setattr(obj, field, value)
        super().save_model(request, obj, form, change)


@admin.register(ProviderKey)
class ProviderKeyAdmin(JournalAdmin):
    """Looked at only, and without the key: it is changed on its own page."""

    list_display = ("name", "team", "owner", "kind", "base_url", "ending", "is_active", "last_test_ok", "last_used_at")
    list_filter = ("kind", "is_active", "last_test_ok")
    search_fields = ("name", "team__name", "owner__email")
    ordering = ("team", "name")
    exclude = ("secret",)


@admin.register(ExternalAccount)
class ExternalAccountAdmin(JournalAdmin):
    list_display = ("name", "team", "vendor", "balance", "spent", "currency", "alert_below", "last_synced_at", "last_error")
    list_filter = ("vendor",)
    search_fields = ("name", "team__name")
    ordering = ("team", "name")


@admin.register(ModelDownload)
class ModelDownloadAdmin(JournalAdmin):
    list_display = ("created_at", "provider", "name", "quantization", "state", "downloaded_bytes", "total_bytes", "last_error")
    list_filter = ("state",)
    search_fields = ("name", "provider__name")
    ordering = ("-created_at",)


@admin.register(CreditUsage)
class CreditUsageAdmin(JournalAdmin):
    list_display = (
        "created_at",
        "team",
        "owner",
        "provider_name",
        "model_key",
        "purpose",
        "output_tokens",
        "cost_usd",
        "error_code",
    )
    list_filter = ("purpose", "is_estimated", "error_code")
    search_fields = ("model_key", "provider_name", "owner__email", "linked_execution")
    ordering = ("-created_at",)
    date_hierarchy = "created_at"


@admin.register(QualityMetric)
class QualityMetricAdmin(JournalAdmin):
    list_display = ("model", "category", "executions", "successes", "validations", "validation_score_mean", "cost_usd")
    list_select_related = ("model__provider",)
    search_fields = ("model__key", "category")


@admin.register(Budget)
class BudgetAdmin(BaseAdmin):
    list_display = ("__str__", "team", "person", "period", "limit_usd", "spent_usd", "period_started_at", "is_active")
    list_filter = ("scope", "period", "is_active")
    search_fields = ("name", "team__name", "person__email", "key_id")
    ordering = ("team", "scope", "period")
    readonly_fields = (
        "team",
        "owner",
        "scope",
        "person",
        "key_id",
        "period",
        "is_active",
        "period_started_at",
        "spent_usd",
        "alerted_at",
        "refused_at",
    )

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # on the page of budgets, which counts at once what was spent already


@admin.register(Reservation)
class ReservationAdmin(JournalAdmin):
    list_display = ("created_at", "team", "owner", "purpose", "amount_usd", "left_usd", "cost_usd", "expires_at", "settled_at")
    search_fields = ("owner__email", "linked_execution", "key_id")
    ordering = ("-created_at",)
    date_hierarchy = "created_at"


@admin.register(ModelLoad)
class ModelLoadAdmin(JournalAdmin):
    list_display = ("created_at", "model", "owner", "state", "progress", "started_at", "finished_at", "message")
    list_select_related = ("model__provider", "owner")
    list_filter = ("state",)
    search_fields = ("model__key", "model__provider__name")
    ordering = ("-created_at",)


@admin.register(ModelDiscovery)
class ModelDiscoveryAdmin(JournalAdmin):
    list_display = ("found_at", "team", "provider", "address", "model_key", "state", "seen_at")
    list_select_related = ("team", "provider")
    list_filter = ("state",)
    search_fields = ("model_key", "provider__name", "address")
    ordering = ("-found_at",)


@admin.register(ModelSettings)
class ModelSettingsAdmin(BaseAdmin):
    list_display = ("team", "suggestion_order", "listing_fresh_s", "updated_at")
    search_fields = ("team__name",)


@admin.register(SpecializedAI)
class SpecializedAIAdmin(BaseAdmin):
    """Without adding: a team's people make theirs on its own page, where models of other teams cannot be chosen."""

    list_display = ("name", "team", "role", "default_model", "is_active", "seed", "updated_at")
    list_filter = ("role", "is_active", "seed")
    search_fields = ("name", "team__name", "system_prompt")
    list_select_related = ("team", "default_model__provider")
    ordering = ("team", "name")
    readonly_fields = ("team", "default_model", "seed", "deleted_at")
    exclude = ("owner", "name_in_use")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False


@admin.register(ModelRating)
class ModelRatingAdmin(JournalAdmin):
    list_display = ("updated_at", "team", "owner", "model", "category", "stars")
    list_filter = ("stars",)
    search_fields = ("model__key", "category", "owner__email")
    list_select_related = ("team", "owner", "model__provider")
    ordering = ("-updated_at",)


@admin.register(Benchmark)
class BenchmarkAdmin(JournalAdmin):
    list_display = ("created_at", "team", "owner", "model", "rounds", "status", "error")
    list_filter = ("status",)
    search_fields = ("model__key",)
    list_select_related = ("team", "owner", "model__provider")
    ordering = ("-created_at",)


@admin.register(Comparison)
class ComparisonAdmin(JournalAdmin):
    list_display = ("created_at", "team", "owner", "category", "status", "error")
    list_filter = ("status",)
    search_fields = ("category", "owner__email")
    list_select_related = ("team", "owner")
    ordering = ("-created_at",)


@admin.register(SpecializedAIFallback)
class SpecializedAIFallbackAdmin(JournalAdmin):
    list_display = ("specialized_ai", "position", "model")
    list_select_related = ("specialized_ai", "model__provider")
    search_fields = ("specialized_ai__name", "model__key")


@admin.register(BenchmarkAnswer)
class BenchmarkAnswerAdmin(JournalAdmin):
    list_display = ("benchmark", "question", "round", "status", "is_correct", "first_token_ms", "latency_ms", "error_code")
    list_filter = ("status", "question", "is_correct")
    search_fields = ("benchmark__model__key",)


@admin.register(ComparisonAnswer)
class ComparisonAnswerAdmin(JournalAdmin):
    list_display = ("comparison", "position", "model_name", "status", "stars", "first_token_ms", "latency_ms", "error_code")
    list_filter = ("status", "stars")
    search_fields = ("model_name",)
    list_select_related = ("comparison",)


@admin.register(Breaker)
class BreakerAdmin(JournalAdmin):
    """To have it asked again at once, delete its row."""

    list_display = ("__str__", "state", "until", "failures", "trips", "error_code", "failed_at")
    list_select_related = ("provider", "model__provider")
    list_filter = ("state", "error_code")
    search_fields = ("provider__name", "model__key", "message")
    ordering = ("-failed_at",)

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return admin.ModelAdmin.has_delete_permission(self, request, obj)


@admin.register(CallSlot)
class CallSlotAdmin(JournalAdmin):
    list_display = ("created_at", "provider", "model", "is_waiting", "expires_at")
    list_select_related = ("provider", "model__provider")
    list_filter = ("is_waiting",)
    search_fields = ("provider__name", "model__key")
    ordering = ("created_at",)
