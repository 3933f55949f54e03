"""The form of a specialized AI. It checks the shape; the rules are in the service."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.actor import Actor
from apps.common.forms import RefusableForm
from apps.providers.models import AIModel, SpecializedAI
from apps.providers.selectors import models_visible

FALLBACKS = 3  # fields on the page; more can be set by REST, and stay as they are


class SpecializedAIForm(RefusableForm):
    name = forms.CharField(label=_("Name"), max_length=80)
    role = forms.ChoiceField(
        label=_("Role"),
        choices=SpecializedAI.Role.choices,
        help_text=_("Authors are chosen by category; planner, checker and judge may be as well."),
    )
    system_prompt = forms.CharField(
        label=_("System prompt"),
        widget=forms.Textarea(attrs={"rows": 14}),
        help_text=_("Who it is and how it works. The rules of the step follow it. Tiny practice models never hear it."),
    )
    categories = forms.CharField(
        label=_("Categories"),
        required=False,
        help_text=_("Separated by commas, for example: code, programming. Empty: for every category that has none of its own."),
    )
    default_model = forms.ChoiceField(
        label=_("Preferred model"),
        required=False,
        help_text=_("It is taken where it can be asked; otherwise the fallbacks in their order, then the usual choice."),
    )
    temperature = forms.FloatField(label=_("Temperature"), required=False, min_value=0, max_value=2)
    max_output_tokens = forms.IntegerField(label=_("Most tokens of an answer"), required=False, min_value=1)
    is_active = forms.BooleanField(label=_("In use"), required=False, initial=True)

    def __init__(self, data: Any = None, *, actor: Actor, row: SpecializedAI | None = None) -> None:
        self.kept = [str(model.public_id) for model in row.ordered_fallbacks][FALLBACKS:] if row else []
        super().__init__(data, initial=_initial(row) if row else None)
        models = [model for model in models_visible(actor).order_by("provider__priority", "key") if model.is_chat]
        choices = [("", _("none"))] + [(str(model.public_id), _label(model)) for model in models]
        self.fields["default_model"].choices = choices  # type: ignore[attr-defined]
        for number in range(1, FALLBACKS + 1):
            label = _("Fallback %d") % number
            self.fields[f"fallback_{number}"] = forms.ChoiceField(label=label, required=False, choices=choices)

    @property
    def fallback_fields(self) -> list[Any]:
        return [self[f"fallback_{number}"] for number in range(1, FALLBACKS + 1)]

    @property
    def for_service(self) -> dict[str, Any]:
        """What specialized_ai_create and specialized_ai_update take."""
        given = {name: self.cleaned_data[name] for name in self.base_fields}
        chosen = [self.cleaned_data[f"fallback_{number}"] for number in range(1, FALLBACKS + 1)]
        return {**given, "fallbacks": [one for one in chosen if one] + self.kept}


def _initial(row: SpecializedAI) -> dict[str, Any]:
    fallbacks = {f"fallback_{number}": str(model.public_id) for number, model in enumerate(row.ordered_fallbacks[:FALLBACKS], 1)}
    return {
        "name": row.name,
        "role": row.role,
        "system_prompt": row.system_prompt,
        "categories": ", ".join(row.categories),
        "default_model": str(row.default_model.public_id) if row.default_model else "",
        "temperature": row.temperature,
        "max_output_tokens": row.max_output_tokens,
        "is_active": row.is_active,
        **fallbacks,
    }


def _label(model: AIModel) -> str:
    return f"{model} · {model.provider}"
