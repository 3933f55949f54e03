"""Providers as JSON. What people send is judged by the services; here only its shape."""

from __future__ import annotations

from rest_framework import serializers

from apps.common.api import PublicIdField, PublicSerializer
from apps.providers import selectors
from apps.providers.models import Provider
from apps.providers.serializers.breakers import BreakerSerializer, TrafficSerializer


class ProviderSerializer(PublicSerializer):
    name = serializers.CharField(max_length=60, required=False)
    display_name = serializers.CharField(max_length=120, required=False)
    base_url = serializers.CharField(max_length=500, required=False, allow_blank=True)
    api_key = serializers.CharField(max_length=4_000, required=False, allow_blank=True, write_only=True)
    key = PublicIdField(
        access=selectors.access_key,
        required=False,
        allow_null=True,
        help_text="A key of the team that was given for its address.",
    )
    key_ending = serializers.CharField(read_only=True, help_text="The last four characters of the key.")
    has_key = serializers.SerializerMethodField()
    quirks = serializers.DictField(required=False)
    priority = serializers.IntegerField(required=False, min_value=1, max_value=32_000)
    balance_group = serializers.CharField(
        max_length=60, required=False, allow_blank=True, help_text="Providers of one group share the calls of common models."
    )
    weight = serializers.IntegerField(required=False, min_value=1, max_value=100)
    max_concurrent = serializers.IntegerField(
        required=False, allow_null=True, min_value=1, max_value=10_000, help_text="Calls at once; null: no limit."
    )
    models_total = serializers.IntegerField(read_only=True)
    models_in_use = serializers.IntegerField(read_only=True)

    class Meta:
        model = Provider
        fields = (
            "id", "name", "display_name", "kind", "base_url", "api_key", "key", "key_ending", "has_key", "status", "is_local",
            "priority", "quirks", "balance_group", "weight", "max_concurrent", "models_total", "models_in_use",
            "last_checked_at", "last_check_ok", "last_check_message", "last_check_ms", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = ("last_checked_at", "last_check_ok", "last_check_message", "last_check_ms")
        extra_kwargs = {"is_local": {"required": False}}

    def get_has_key(self, provider: Provider) -> bool:
        return provider.has_key


class NewProviderSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=60, required=False, help_text="Made from display_name when left out.")
    display_name = serializers.CharField(max_length=120, required=False)
    kind = serializers.CharField(max_length=30)
    base_url = serializers.CharField(max_length=500, required=False, allow_blank=True)
    api_key = serializers.CharField(max_length=4_000, required=False, allow_blank=True, write_only=True)
    key = PublicIdField(
        access=selectors.access_key, required=False, allow_null=True, help_text="Instead of `api_key`: one that is there."
    )
    is_local = serializers.BooleanField(required=False, allow_null=True, default=None)
    priority = serializers.IntegerField(required=False, min_value=1, max_value=32_000)
    quirks = serializers.DictField(required=False)
    check = serializers.BooleanField(required=False, default=False, write_only=True)


class SwitchSerializer(serializers.Serializer):
    on = serializers.BooleanField(required=False)


class CheckResultSerializer(serializers.Serializer):
    ok = serializers.BooleanField()
    message = serializers.CharField()
    latency_ms = serializers.IntegerField(allow_null=True)
    models = serializers.IntegerField(allow_null=True)
    error_code = serializers.CharField(allow_blank=True)
    field = serializers.CharField(allow_null=True, required=False)


class SyncResultSerializer(serializers.Serializer):
    added = serializers.IntegerField()
    updated = serializers.IntegerField()
    gone = serializers.IntegerField()


class ProviderStateSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    display_name = serializers.CharField()
    kind = serializers.CharField()
    is_local = serializers.BooleanField()
    status = serializers.ChoiceField(choices=Provider.Status.choices)
    status_label = serializers.CharField()
    is_up = serializers.BooleanField(allow_null=True, help_text="As the last check said; null: never checked.")
    message = serializers.CharField()
    latency_ms = serializers.IntegerField(allow_null=True)
    checked_at = serializers.DateTimeField(allow_null=True)
    models_total = serializers.IntegerField()
    models_in_use = serializers.IntegerField()
    models_failed = serializers.IntegerField()
    breaker = BreakerSerializer()
    traffic = TrafficSerializer(allow_null=True)


class FoundSerializer(serializers.Serializer):
    kind = serializers.CharField()
    display_name = serializers.CharField()
    base_url = serializers.CharField()
    models = serializers.ListField(child=serializers.CharField())
    preset = serializers.CharField()
    needs_key = serializers.BooleanField()
