"""Budgets as JSON. What people send is judged by the services; here only its shape."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.accounts.models import User
from apps.accounts.selectors import members_list
from apps.common.api import PublicIdField, PublicSerializer
from apps.common.errors import NotFound
from apps.common.models import MONEY
from apps.providers import selectors
from apps.providers.models import Budget


def _member(actor: Any, public_id: Any) -> User:
    found = members_list(actor).filter(user__public_id=public_id).first()
    if found is None:
        raise NotFound()
    return found.user


class BudgetPersonSerializer(serializers.Serializer):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField(source="short_name")


class BudgetStateSerializer(serializers.Serializer):
    title = serializers.CharField(help_text="What it is called, in the language of the request.")
    whose = serializers.CharField(help_text="For whom it is, in the language of the request.")
    spent_usd = serializers.DecimalField(**MONEY, help_text="In the day or month of now.")
    held_usd = serializers.DecimalField(**MONEY, help_text="What calls under way have set aside.")
    left_usd = serializers.DecimalField(**MONEY, help_text="What a new call can still cost.")
    percent = serializers.DecimalField(max_digits=5, decimal_places=2, help_text="The spent share, 0 to 100.")
    is_spent = serializers.BooleanField()
    is_nearly_spent = serializers.BooleanField(help_text="Spent beyond alert_percent.")
    started_at = serializers.DateTimeField(help_text="Days and months are counted in UTC.")
    renews_at = serializers.DateTimeField()
    may_change = serializers.BooleanField(help_text="Whether you may.")


class BudgetSerializer(PublicSerializer):
    person = BudgetPersonSerializer(read_only=True, allow_null=True)
    limit_usd = serializers.DecimalField(**MONEY)
    alert_percent = serializers.IntegerField(min_value=1, max_value=100, required=False)
    is_active = serializers.BooleanField(required=False)
    state = serializers.SerializerMethodField()

    class Meta:
        model = Budget
        fields = (
            "id", "name", "scope", "person", "key_id", "period", "limit_usd", "alert_percent", "is_active", "state",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("scope", "key_id")

    @extend_schema_field(BudgetStateSerializer)
    def get_state(self, budget: Budget) -> dict[str, Any]:
        return BudgetStateSerializer(selectors.budget_state(self.context["request"].actor, budget)).data


class NewBudgetSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    scope = serializers.ChoiceField(
        choices=[Budget.Scope.TEAM, Budget.Scope.PERSON], help_text="The budget of a virtual key is set with the key."
    )
    person = PublicIdField(access=_member, required=False, allow_null=True, help_text="The id of a person of the team.")
    period = serializers.ChoiceField(choices=Budget.Period.choices)
    limit_usd = serializers.DecimalField(**MONEY)
    alert_percent = serializers.IntegerField(min_value=1, max_value=100, required=False)
    is_active = serializers.BooleanField(required=False)
