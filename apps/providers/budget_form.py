"""The form of a budget. It checks the shape; the rules are in the services."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from apps.accounts.actor import Actor
from apps.accounts.models import User
from apps.accounts.selectors import members_list
from apps.common.forms import RefusableForm
from apps.common.models import MONEY
from apps.providers.models import Budget

PERIOD_WORDS = {Budget.Period.DAY: _("Day"), Budget.Period.MONTH: _("Month")}
TEAM = "team"


class BudgetForm(RefusableForm):
    """A new budget, or changes to one: then for whom it is is not asked."""

    limit_usd = forms.DecimalField(
        label=_("Limit, US$"),
        min_value=Decimal(0),
        help_text=_("0 lets only free models through."),
        widget=forms.TextInput(attrs={"inputmode": "decimal"}),
        **MONEY,
    )
    period = forms.ChoiceField(
        label=_("Per"), choices=list(PERIOD_WORDS.items()), help_text=_("Days and months begin at midnight, UTC.")
    )
    alert_percent = forms.IntegerField(label=_("Warn at, % of the limit"), min_value=1, max_value=100, initial=80)
    name = forms.CharField(label=_("Name"), max_length=120, required=False)
    is_active = forms.BooleanField(label=_("In force"), required=False, initial=True)
    field_order = ("whose", "limit_usd", "period", "alert_percent", "name", "is_active")

    def __init__(self, data: Any = None, *, actor: Actor, budget: Budget | None = None) -> None:
        super().__init__(data, initial=_of(budget) if budget else {"period": Budget.Period.MONTH})
        self.people: dict[str, User] = {}
        if budget is None:
            self._ask_for_whom(actor)

    def _ask_for_whom(self, actor: Actor) -> None:
        """The team and everybody in it for admins, oneself for others."""
        members = members_list(actor) if actor.can_manage else members_list(actor).filter(user=actor.user)
        self.people = {str(member.user.public_id): member.user for member in members}
        people = [(key, str(person)) for key, person in self.people.items()]
        choices = [(TEAM, _("The whole team")), *people] if actor.can_manage else people
        self.fields["whose"] = forms.ChoiceField(label=_("For"), choices=choices)
        self.order_fields(self.field_order)

    @property
    def for_service(self) -> dict[str, Any]:
        """What budget_create or budget_update takes."""
        given = dict(self.cleaned_data)
        whose = given.pop("whose", None)
        if whose is None:
            return given
        return given | ({"scope": "team"} if whose == TEAM else {"scope": "person", "person": self.people[whose]})


def _of(budget: Budget) -> dict[str, Any]:
    fields = ("period", "alert_percent", "name", "is_active")
    return {"limit_usd": f"{budget.limit_usd.normalize():f}", **{field: getattr(budget, field) for field in fields}}
