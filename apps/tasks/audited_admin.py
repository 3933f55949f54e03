"""What staff change in Django's admin is in the team's audit log, as it is when people change it on their pages."""

from __future__ import annotations

from typing import Any

from django.db import models, transaction
from django.http import HttpRequest

from apps.common.admin import BaseAdmin
from apps.tasks.services.audit import AuditEntry, audit_append, audit_lock

UNTOLD = ("id", "public_id", "created_at", "updated_at", "team", "owner")


class AuditedAdmin(BaseAdmin):
    """Rows of a team. `audited_as` is what the log calls them: `rule` gives `rule_created`, `rule_changed`, `rule_deleted`."""

    audited_as: str

    def get_readonly_fields(self, request: HttpRequest, obj: Any = None) -> tuple[str, ...]:
        """A row stays in its team: the chain of another one knows nothing of it."""
        fixed = ("team",) if obj is not None else ()
        return (*super().get_readonly_fields(request, obj), *fixed)

    def save_model(self, request: HttpRequest, obj: Any, form: Any, change: bool) -> None:
        with transaction.atomic():
            audit_lock(obj.team_id)  # first, as everywhere
            before = _said(type(obj)._default_manager.get(pk=obj.pk)) if change else {}
            after = _said(obj)
            changes = {name: [before.get(name), value] for name, value in after.items() if before.get(name) != value}
            super().save_model(request, obj, form, change)
            self._tell(request, obj, "changed" if change else "created", changes=changes)

    def delete_model(self, request: HttpRequest, obj: Any) -> None:
        with transaction.atomic():
            self._tell(request, obj, "deleted", **{self.audited_as: _said(obj)})
            super().delete_model(request, obj)

    def delete_queryset(self, request: HttpRequest, queryset: models.QuerySet[Any]) -> None:
        with transaction.atomic():
            for obj in queryset.order_by("team_id", "pk"):
                self.delete_model(request, obj)

    def _tell(self, request: HttpRequest, obj: Any, what: str, **data: Any) -> None:
        said = {"what": f"{self.audited_as}_{what}", "name": str(obj), "where": "admin", **data}
        person: Any = request.user
        entry = AuditEntry(
            "settings",
            said,
            actor_id=person.pk,
            actor_name=str(person),
            object_type=self.audited_as,
            object_id=getattr(obj, "public_id", None),
        )
        audit_append(obj.team_id, [entry])


def _said(obj: models.Model) -> dict[str, Any]:
    """What a row says, by field; other rows by what they are called."""
    names = [field.name for field in obj._meta.concrete_fields if field.name not in UNTOLD]
    shown = {name: getattr(obj, name) for name in names}
    return {name: str(value) if isinstance(value, models.Model) else value for name, value in shown.items()}
