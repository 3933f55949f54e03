"""Keys of vendors as JSON. `secret` is written, never read."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.common.api import PublicSerializer
from apps.providers import selectors
from apps.providers.models import ProviderKey

SECRET: dict[str, Any] = {
    "max_length": 4_000,
    "write_only": True,
    "help_text": "The key itself. It is kept encrypted and never given back.",
}


class KeyChangesSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=120, required=False)
    secret = serializers.CharField(required=False, **SECRET)
    is_active = serializers.BooleanField(required=False)
    expires_at = serializers.DateTimeField(required=False, allow_null=True)


class NewKeySerializer(serializers.Serializer):
    name = serializers.CharField(max_length=120)
    kind = serializers.CharField(max_length=30, help_text="The kind of provider that it is for.")
    base_url = serializers.CharField(
        max_length=500,
        required=False,
        allow_blank=True,
        default="",
        help_text="Where it is sent, and nowhere else; left out where the kind knows its vendor's address.",
    )
    secret = serializers.CharField(**SECRET)
    expires_at = serializers.DateTimeField(required=False, allow_null=True, default=None)


class KeyUserSerializer(serializers.Serializer):
    id = serializers.UUIDField(source="public_id")
    name = serializers.CharField()


class KeySerializer(PublicSerializer):
    ending = serializers.CharField(read_only=True, help_text="The last four characters; nothing of a short key.")
    vendor_name = serializers.SerializerMethodField()
    state = serializers.SerializerMethodField()
    providers = KeyUserSerializer(many=True, read_only=True)
    accounts = KeyUserSerializer(many=True, read_only=True)

    class Meta:
        model = ProviderKey
        fields = (
            "id", "name", "kind", "base_url", "vendor_name", "ending", "state", "is_active", "expires_at", "belongs_to_provider",
            "providers", "accounts", "last_tested_at", "last_test_ok", "last_test_message", "last_test_ms", "last_used_at",
            "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_vendor_name(self, key: ProviderKey) -> str:
        return selectors.key_state(key)["vendor_name"]

    @extend_schema_field(serializers.ChoiceField(choices=["off", "expired", "untested", "good", "bad"]))
    def get_state(self, key: ProviderKey) -> str:
        return selectors.key_state(key)["state"]
