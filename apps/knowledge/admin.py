"""Templates in Django's admin."""

from __future__ import annotations

from django.contrib import admin

from apps.common.admin import BaseAdmin, JournalAdmin
from apps.knowledge.models import Template, TemplateVersion


@admin.register(Template)
class TemplateAdmin(BaseAdmin):
    list_display = ("name", "slug", "category", "version", "owner", "team", "deleted_at")
    list_filter = ("category",)
    search_fields = ("name", "slug", "=public_id")


@admin.register(TemplateVersion)
class TemplateVersionAdmin(JournalAdmin):
    list_display = ("created_at", "template", "number", "edited_by")
    search_fields = ("name", "=template__public_id")
