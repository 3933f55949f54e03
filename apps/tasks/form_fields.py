"""Fields that the forms of several pages have: a percentage, and a model to be chosen."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from django import forms

from apps.common.forms import as_number
from apps.providers.models import AIModel


def decimal_widget() -> forms.TextInput:
    return forms.TextInput(attrs={"inputmode": "decimal"})


class PercentField(forms.DecimalField):
    """From 0 to 100, or from `min_value` on."""

    def __init__(self, *, min_value: int = 0, **about: Any) -> None:
        limits: dict[str, Any] = {"min_value": Decimal(min_value), "max_value": Decimal(100)}
        super().__init__(max_digits=5, decimal_places=2, localize=True, widget=decimal_widget(), **limits, **about)


class ModelField(forms.ChoiceField):
    """One of the models that the form offers, or none. Cleaned it is the row; its initial value is a public id."""

    def __init__(self, **about: Any) -> None:
        super().__init__(required=False, **about)
        self._rows: dict[str, AIModel] = {}

    def offer(self, models: Iterable[AIModel], *, nothing: str) -> None:
        """`nothing`: what an empty choice is called."""
        self._rows = {str(model.public_id): model for model in models}
        self.choices = [("", nothing), *model_choices(self._rows.values())]

    def clean(self, value: Any) -> AIModel | None:
        return self._rows.get(super().clean(value))


def model_choices(models: Iterable[AIModel]) -> list[tuple[str, str]]:
    return [(str(model.public_id), f"{model} · {model.provider}") for model in models]


def id_of(model: AIModel | None) -> str:
    """As a `ModelField` has it."""
    return str(model.public_id) if model else ""


def entered(row: Any, name: str) -> Any:
    """A row's value as a person would enter it: 60, not 60.00."""
    value = getattr(row, name)
    return as_number(str(value)) if isinstance(value, Decimal) else value
