"""Accounts at vendors as JSON."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.common.api import PublicIdField, PublicSerializer
from apps.providers import selectors
from apps.providers.models import ExternalAccount
from apps.providers.models.accounts import AMOUNT
from apps.providers.serializers.keys import SECRET


class AccountStateSerializer(serializers.Serializer):
    vendor_name = serializers.CharField()
    tells = serializers.BooleanField(help_text="Whether the vendor can be asked about the account at all.")
    recorded_usd = serializers.DecimalField(**AMOUNT, help_text="What calls cost since the first of the month, as recorded here.")
    left = serializers.DecimalField(
        **AMOUNT, allow_null=True, help_text="In `currency`: the balance, else what is left of the limit."
    )
    is_low = serializers.BooleanField()


class AccountChangesSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=120, required=False)
    key = PublicIdField(access=selectors.access_key, required=False, allow_null=True)
    credit_limit = serializers.DecimalField(**AMOUNT, required=False, allow_null=True, min_value=0)
    alert_below = serializers.DecimalField(**AMOUNT, required=False, allow_null=True, min_value=0)


class NewAccountSerializer(AccountChangesSerializer):
    vendor = serializers.CharField(max_length=40, help_text="The name of a vendor's preset, such as “deepseek”.")
    secret = serializers.CharField(required=False, allow_blank=True, default="", **SECRET)


class AccountSerializer(PublicSerializer):
    key = PublicIdField(access=selectors.access_key, read_only=True)
    state = serializers.SerializerMethodField()

    class Meta:
        model = ExternalAccount
        fields = (
            "id", "name", "vendor", "key", "currency", "balance", "credit_limit", "spent", "alert_below", "state",
            "last_synced_at", "last_error", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    @extend_schema_field(AccountStateSerializer)
    def get_state(self, account: ExternalAccount) -> dict[str, Any]:
        return AccountStateSerializer(selectors.account_state(account, self._spend(account.team_id))).data

    def _spend(self, team_id: int) -> dict[str, Decimal]:
        """Asked for once for the whole list."""
        whole = self.root
        if not hasattr(whole, "spend_of_vendors"):
            whole.spend_of_vendors = selectors.spend_by_vendor(team_id)  # type: ignore[attr-defined]
        return whole.spend_of_vendors  # type: ignore[attr-defined]
