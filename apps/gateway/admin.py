"""Virtual keys in the admin. They are made on their page, where the key is shown once."""

from __future__ import annotations

from django.contrib import admin
from django.http import HttpRequest

from apps.common.admin import BaseAdmin
from apps.gateway.models import VirtualKey


@admin.register(VirtualKey)
class VirtualKeyAdmin(BaseAdmin):
    list_display = ("name", "ending", "owner", "team", "is_active", "expires_at", "last_used_at")
    list_filter = ("is_active",)
    search_fields = ("name", "ending")
    readonly_fields = ("public_id", "ending", "owner", "team", "last_used_at", "created_at", "updated_at")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False
