"""What rows have in common. No table of its own."""

from __future__ import annotations

import uuid
from decimal import Decimal
from typing import Any

import msgspec
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _
from jsonschema import Draft202012Validator
from jsonschema.exceptions import best_match

MONEY: dict[str, Any] = {"max_digits": 14, "decimal_places": 8}  # US dollars; a token can cost 0.00000005
PERCENT: dict[str, Any] = {"max_digits": 5, "decimal_places": 2}
HUNDRED = Decimal(100)
LONGEST_REMEMBERED, MOST_REMEMBERED = 1_000, 200


class Row(models.Model):
    """A row that people or programs may name: a public id, and when it was made and changed."""

    public_id = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        abstract = True


class OwnedRow(Row):
    """A row that belongs to people: to the one who made it, and to a team. Look it up through an `access_*` selector."""

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+", verbose_name=_("owner")
    )
    team = models.ForeignKey("accounts.Team", on_delete=models.CASCADE, related_name="+", verbose_name=_("team"))

    class Meta:
        abstract = True


class CheckedJSON(models.JSONField):
    """A JSON column that is checked against its JSON Schema on every write."""

    def __init__(self, *args: Any, schema: dict | None = None, **kwargs: Any) -> None:
        self.checker = Draft202012Validator(schema or {})  # made once: making it costs more than using it
        self._passed: set[bytes] = set()  # small values that were checked before: many rows carry the same
        super().__init__(*args, **kwargs)

    def get_db_prep_save(self, value: Any, connection: Any) -> Any:
        if value is not None and not hasattr(value, "as_sql") and not self._has_passed(value):
            error = best_match(self.checker.iter_errors(value))
            if error is not None:
                where = "/".join(map(str, error.absolute_path)) or self.name
                raise ValidationError({self.name: f"{where}: {error.message}"}) from error
        return super().get_db_prep_save(value, connection)

    def _has_passed(self, value: Any) -> bool:
        """Whether a small value is good; one that was good before is not looked at again."""
        try:
            text = msgspec.json.encode(value)
        except (TypeError, ValueError, OverflowError):
            return False
        if len(text) > LONGEST_REMEMBERED or text in self._passed:
            return text in self._passed
        if is_good := self.checker.is_valid(value):
            if len(self._passed) >= MOST_REMEMBERED:
                self._passed.clear()
            self._passed.add(text)
        return is_good
