"""Columns that keep sentences of `said`. For the database, and for migrations, they are ordinary texts and JSON."""

from __future__ import annotations

from typing import Any

from django.db import models

from apps.common.models import CheckedJSON
from apps.common.said import MARK, packed, unpacked


class SaidText(models.TextField):
    """A column for a sentence of ours, or of somebody else's. For the database, and for migrations, an ordinary text."""

    def get_prep_value(self, value: Any) -> Any:
        return packed(super().get_prep_value(value))

    def from_db_value(self, value: str | None, expression: Any, connection: Any) -> str | None:
        return unpacked(value)

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.TextField", args, kwargs


class WithSentences:
    """JSON that has sentences in it."""

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        return super().get_db_prep_value(packed(value), connection, prepared)  # type: ignore[misc]

    def from_db_value(self, value: Any, expression: Any, connection: Any) -> Any:
        has_sentences = isinstance(value, str) and ("\\u001e" in value or MARK in value)
        read = super().from_db_value(value, expression, connection)  # type: ignore[misc]
        return unpacked(read) if has_sentences else read


class SaidJSON(WithSentences, models.JSONField):
    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.JSONField", args, kwargs


class CheckedSaidJSON(WithSentences, CheckedJSON):
    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "apps.common.models.CheckedJSON", args, kwargs
