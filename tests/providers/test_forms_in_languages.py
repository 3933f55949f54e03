"""Numbers in forms are written, and understood, as the language of the page writes them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.utils import translation

from apps.providers.budget_form import BudgetForm
from apps.tasks.form_fields import PercentField
from apps.tasks.models import RoutingSettings
from apps.tasks.route_forms import RoutingForm
from tests.factories import make_actor


@pytest.mark.parametrize(("language", "written"), [("pt-br", "60,5"), ("pt-br", "60.5"), ("en", "60.5")])
def test_a_percentage_is_understood(language, written):
    with translation.override(language):
        assert PercentField().clean(written) == Decimal("60.5")


@pytest.mark.django_db
def test_money_is_understood_and_shown():
    actor = make_actor()
    with translation.override("pt-br"):
        form = BudgetForm({"limit_usd": "1.234,50", "period": "month", "alert_percent": "80", "scope": "team"}, actor=actor)
        form.is_valid()
        assert form.cleaned_data["limit_usd"] == Decimal("1234.5")
        row = RoutingSettings(team=actor.team, max_cost_usd=Decimal("0.25000000"), exploration=Decimal("2.50"))
        shown = str(RoutingForm(row=row))
    assert 'value="0,25"' in shown and 'value="2,5"' in shown
