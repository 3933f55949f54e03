"""Forms of comparisons and ratings. They check the shape; the rules are in the services."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.actor import Actor
from apps.common.forms import RefusableForm
from apps.providers.models import AIModel
from apps.providers.selectors import models_visible


class CompareForm(RefusableForm):
    prompt = forms.CharField(label=_("Prompt"), max_length=100_000, widget=forms.Textarea(attrs={"rows": 5}))
    models = forms.MultipleChoiceField(label=_("Models"), widget=forms.CheckboxSelectMultiple)
    system = forms.CharField(label=_("System prompt"), required=False, widget=forms.Textarea(attrs={"rows": 3}))
    category = forms.CharField(
        label=_("Category"), max_length=60, required=False, initial="general", help_text=_("Your stars count for this category.")
    )
    max_output_tokens = forms.IntegerField(
        label=_("Most tokens of an answer"), min_value=1, max_value=32_768, initial=1_024, required=False
    )
    temperature = forms.FloatField(label=_("Temperature"), min_value=0, max_value=2, required=False)

    def __init__(self, data: Any = None, *, actor: Actor, initial: dict[str, Any] | None = None) -> None:
        super().__init__(data, initial=initial)
        rows = models_visible(actor).filter(is_active=True, provider__status="active").exclude(state=AIModel.State.INACTIVE)
        able = [model for model in rows.order_by("provider__priority", "provider__name", "key") if model.is_chat]
        self.fields["models"].choices = [(str(model.public_id), _label(model)) for model in able]  # type: ignore[attr-defined]

    @property
    def for_service(self) -> dict[str, Any]:
        """What comparison_start takes."""
        return {**self.cleaned_data, "max_output_tokens": self.cleaned_data["max_output_tokens"] or 1_024}


class RatingForm(forms.Form):
    stars = forms.IntegerField(min_value=1, max_value=5)
    category = forms.CharField(max_length=60, required=False)
    comment = forms.CharField(max_length=2_000, required=False)
    column = forms.IntegerField(min_value=1, required=False)


def _label(model: AIModel) -> str:
    return f"{model} · {model.provider}"
