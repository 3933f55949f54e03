"""What every table has in common in Django's admin, which is for the staff of the installation alone."""

from __future__ import annotations

from typing import Any

from django.db import models
from django.http import HttpRequest
from encrypted_model_fields.fields import EncryptedMixin
from unfold.admin import ModelAdmin

KEPT_BY_THE_DATABASE = ("public_id", "created_at", "updated_at")
SECRETS = ("password", "token", "token_hash", "session_key")


class BaseAdmin(ModelAdmin):
    """A table that staff may look at and correct. Secrets are not on its pages, neither to read nor to write."""

    list_per_page = 50
    show_full_result_count = False
    compressed_fields = True
    warn_unsaved_form = True

    def get_exclude(self, request: HttpRequest, obj: Any = None) -> list[str]:
        given = super().get_exclude(request, obj) or ()
        return sorted({*given, *(field.name for field in self.model._meta.concrete_fields if is_secret(field))})

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        names = {field.name for field in self.model._meta.concrete_fields}
        kept = tuple(name for name in KEPT_BY_THE_DATABASE if name in names)
        return (*super().get_readonly_fields(request, obj), *kept)

    def get_list_select_related(self, request: HttpRequest) -> Any:
        relations = [field.name for field in self.model._meta.concrete_fields if field.is_relation]
        return super().get_list_select_related(request) or relations or False

    @property
    def autocomplete_fields(self) -> tuple[str, ...]:
        """Every relation is searched for, so that no page carries a list of all rows."""
        registered = self.admin_site._registry
        fields = (field for field in self.model._meta.concrete_fields if field.is_relation and field.editable)
        return tuple(field.name for field in fields if getattr(registered.get(field.related_model), "search_fields", ()))

    @property
    def raw_id_fields(self) -> tuple[str, ...]:
        found = (field.name for field in self.model._meta.concrete_fields if field.is_relation and field.editable)
        return tuple(name for name in found if name not in self.autocomplete_fields)


class JournalAdmin(BaseAdmin):
    """A table that only grows: what happened is not corrected."""

    actions = None

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


def is_secret(field: models.Field) -> bool:
    """Encrypted, or worth a password by its name."""
    return isinstance(field, EncryptedMixin) or field.name in SECRETS
