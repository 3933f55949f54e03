"""Virtual keys as JSON. The key itself is given once, by the answer to the request that makes it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.common.api import PublicSerializer
from apps.common.models import MONEY
from apps.gateway import selectors
from apps.gateway.models import VirtualKey
from apps.providers.models import Budget


class _LimitsSerializer(serializers.Serializer):
    models = serializers.ListField(
        child=serializers.CharField(max_length=320),
        source="allowed_models",
        required=False,
        max_length=200,
        help_text="Names of models as the gateway lists them; empty: all.",
    )
    fallbacks = serializers.ListField(
        child=serializers.CharField(max_length=320),
        required=False,
        max_length=8,
        help_text="Models that answer when the one that was asked for fails, in this order.",
    )
    requests_per_minute = serializers.IntegerField(min_value=1, max_value=1_000_000_000, required=False, allow_null=True)
    tokens_per_minute = serializers.IntegerField(min_value=1, max_value=1_000_000_000, required=False, allow_null=True)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)
    cuts_loops = serializers.BooleanField(
        required=False, help_text="Whether answers of models asked for by name are cut when they go round in circles."
    )
    budget = serializers.DecimalField(
        source="budget_usd",
        min_value=0,
        required=False,
        allow_null=True,
        help_text="US dollars that it may spend in a period; null: none of its own.",
        **MONEY,
    )
    budget_period = serializers.ChoiceField(choices=Budget.Period.choices, required=False)


class NewVirtualKeySerializer(_LimitsSerializer):
    name = serializers.CharField(max_length=120)


class VirtualKeyChangesSerializer(_LimitsSerializer):
    name = serializers.CharField(max_length=120, required=False)
    is_active = serializers.BooleanField(required=False)


class VirtualKeySerializer(PublicSerializer):
    owner = serializers.UUIDField(source="owner.public_id", read_only=True, allow_null=True)
    models = serializers.ListField(source="allowed_models", child=serializers.CharField(), read_only=True)
    fallbacks = serializers.ListField(child=serializers.CharField(), read_only=True)
    state = serializers.SerializerMethodField()
    spent = serializers.SerializerMethodField(help_text="US dollars in the last 30 days.")
    calls = serializers.SerializerMethodField(help_text="In the last 30 days.")
    budget = serializers.SerializerMethodField()
    budget_period = serializers.SerializerMethodField()
    budget_spent = serializers.SerializerMethodField()
    budget_renews_at = serializers.SerializerMethodField()

    class Meta:
        model = VirtualKey
        fields = (
            "id", "name", "ending", "owner", "state", "is_active", "models", "fallbacks", "requests_per_minute",
            "tokens_per_minute", "expires_at", "cuts_loops", "budget", "budget_period", "budget_spent", "budget_renews_at",
            "spent", "calls", "last_used_at", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(serializers.ChoiceField(choices=["off", "expired", "good"]))
    def get_state(self, key: VirtualKey) -> str:
        return self._shown(key)["state"]

    @extend_schema_field(serializers.DecimalField(**MONEY))
    def get_spent(self, key: VirtualKey) -> str:
        return f"{self._shown(key)['spent_usd']:f}"

    def get_calls(self, key: VirtualKey) -> int:
        return self._shown(key)["calls"]

    @extend_schema_field(serializers.DecimalField(allow_null=True, **MONEY))
    def get_budget(self, key: VirtualKey) -> str | None:
        budget = self._shown(key)["budget"]
        return f"{budget.limit_usd:f}" if budget else None

    @extend_schema_field(serializers.ChoiceField(choices=Budget.Period.choices, allow_null=True))
    def get_budget_period(self, key: VirtualKey) -> str | None:
        budget = self._shown(key)["budget"]
        return budget.period if budget else None

    @extend_schema_field(serializers.DecimalField(allow_null=True, **MONEY))
    def get_budget_spent(self, key: VirtualKey) -> str | None:
        spent = self._shown(key)["budget_spent_usd"]
        return None if spent is None else f"{spent:f}"

    @extend_schema_field(serializers.DateTimeField(allow_null=True))
    def get_budget_renews_at(self, key: VirtualKey) -> Any:
        return self._shown(key)["budget_renews_at"]

    def _shown(self, key: VirtualKey) -> dict[str, Any]:
        if not hasattr(key, "shown"):
            root: Any = self.root
            if not hasattr(root, "budgets"):
                root.budgets = selectors.budgets_by_key(key.team_id)
            key.shown = selectors.virtual_key_state(key, root.budgets)  # type: ignore[attr-defined]
        return key.shown  # type: ignore[attr-defined]


class MadeVirtualKeySerializer(VirtualKeySerializer):
    key = serializers.CharField(read_only=True, help_text="The key itself, this once.")

    class Meta(VirtualKeySerializer.Meta):
        fields: tuple[str, ...] = (*VirtualKeySerializer.Meta.fields, "key")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]
