"""The form of a virtual key. It checks the shape; the rules are in the services."""

from __future__ import annotations

from datetime import UTC, datetime, time
from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.common.forms import RefusableForm
from apps.common.models import MONEY
from apps.gateway.models import VirtualKey
from apps.providers.budget_form import PERIOD_WORDS
from apps.providers.models import Budget

_LINES = forms.Textarea(attrs={"rows": 3, "spellcheck": "false", "autocomplete": "off"})


class VirtualKeyForm(RefusableForm):
    """A new key, or changes to one: then it can be switched off, too."""

    name = forms.CharField(label=_("Name"), max_length=120, help_text=_("Of the program or the person that will use it."))
    budget_usd = forms.DecimalField(
        label=_("It may spend, US$"),
        required=False,
        min_value=Decimal(0),
        help_text=_("Empty: no budget of its own; those of the team and of yours hold all the same."),
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
        **MONEY,
    )
    budget_period = forms.ChoiceField(label=_("Per"), choices=list(PERIOD_WORDS.items()), initial=Budget.Period.MONTH)
    allowed_models = forms.CharField(
        label=_("Models"),
        required=False,
        widget=_LINES,
        help_text=_("One a line, such as orq/auto or openai/gpt-5.6. Empty: all of the team's."),
    )
    fallbacks = forms.CharField(
        label=_("Asked when a model fails"), required=False, widget=_LINES, help_text=_("One a line, in this order.")
    )
    requests_per_minute = forms.IntegerField(label=_("Requests a minute"), required=False, min_value=1)
    tokens_per_minute = forms.IntegerField(label=_("Tokens a minute"), required=False, min_value=1)
    expires_on = forms.DateField(
        label=_("Last day"), required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    cuts_loops = forms.BooleanField(
        label=_("Cut answers that go round in circles"),
        required=False,
        initial=True,
        help_text=_("Of models asked for by name, while they stream. Off: what a model says goes on, whatever it costs."),
    )
    is_active = forms.BooleanField(label=_("In use"), required=False, initial=True)

    def __init__(self, data: Any = None, *, key: VirtualKey | None = None, budget: Budget | None = None) -> None:
        super().__init__(data, initial=_of(key, budget) if key else {})
        if key is None:
            del self.fields["is_active"]

    @property
    def for_service(self) -> dict[str, Any]:
        """What virtual_key_create and virtual_key_update take."""
        given = dict(self.cleaned_data)
        for field in ("allowed_models", "fallbacks"):
            given[field] = given[field].split()
        day = given.pop("expires_on")
        if "is_active" not in self.fields or "expires_on" in self.changed_data:
            given["expires_at"] = datetime.combine(day, time(23, 59, 59), tzinfo=UTC) if day else None
        return given


def _of(key: VirtualKey, budget: Budget | None) -> dict[str, Any]:
    same = ("name", "requests_per_minute", "tokens_per_minute", "cuts_loops", "is_active")
    return {
        **{field: getattr(key, field) for field in same},
        "allowed_models": "\n".join(key.allowed_models),
        "fallbacks": "\n".join(key.fallbacks),
        "expires_on": key.expires_at.astimezone(UTC).date() if key.expires_at else None,
        "budget_usd": f"{budget.limit_usd.normalize():f}" if budget else None,
        "budget_period": budget.period if budget else Budget.Period.MONTH,
    }
