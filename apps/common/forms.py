"""What forms have in common: they check the shape, the rules are in the services, and what a service refuses is shown in them."""

from __future__ import annotations

from decimal import Decimal, InvalidOperation
from typing import Any

from django import forms

from apps.common.errors import BadInput


def as_number(text: str) -> Decimal | str:
    """The number that a text is, without zeros at its end, so that it can be shown in any language; else the text."""
    try:
        return Decimal(f"{Decimal(text).normalize():f}")
    except InvalidOperation:
        return text


class RefusableForm(forms.Form):
    """A form that shows what a service refused beside the field it is about, and takes numbers as the language writes them."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for field in self.fields.values():
            is_number = isinstance(field, (forms.DecimalField, forms.FloatField))
            if is_number and not isinstance(field.widget, forms.NumberInput):  # of those the browser knows the language
                field.localize = field.widget.is_localized = True

    def get_initial_for_field(self, field: forms.Field, field_name: str) -> Any:
        value = super().get_initial_for_field(field, field_name)
        return as_number(value) if field.localize and isinstance(value, str) else value

    def refuse(self, error: BadInput) -> None:
        for one in error.errors or [{"field": "", "message": error.message}]:
            self.add_error(one["field"] if one["field"] in self.fields else None, one["message"])

    @property
    def for_service(self) -> dict[str, Any]:
        """What the service that the form is for takes."""
        return dict(self.cleaned_data)
