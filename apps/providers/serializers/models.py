"""Models and their downloads as JSON. What people send is judged by the services; here only its shape."""

from __future__ import annotations

import dataclasses

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.common.api import PublicIdField, PublicSerializer
from apps.providers import selectors
from apps.providers.contract import ACCEPTS, CAPABILITIES, TIERS
from apps.providers.models import AIModel, ModelDownload
from apps.providers.serializers.management import IntegrityCheckSerializer
from apps.providers.services.accepts import accepts_list


class ModelChangesSerializer(serializers.ModelSerializer):
    accepts = serializers.DictField(
        required=False, help_text="What the model accepts, set by hand; goes before what the product knows and what was refused."
    )
    capabilities = serializers.ListField(child=serializers.ChoiceField(choices=CAPABILITIES), required=False)
    tier = serializers.ChoiceField(choices=TIERS, required=False)

    class Meta:
        model = AIModel
        fields = (
            "display_name", "family", "tier", "capabilities", "context_window", "price_input", "price_output", "price_cached",
            "price_cache_write", "price_cache_write_1h",
            "is_active", "accepts",
        )  # fmt: skip
        extra_kwargs = {"family": {"required": False}, "is_active": {"required": False}}


class AcceptedSerializer(serializers.Serializer):
    flag = serializers.ChoiceField(choices=list(ACCEPTS))
    value = serializers.JSONField()
    origin = serializers.ChoiceField(choices=["file", "refusal", "person"])
    said = serializers.CharField(help_text="The vendor's own words, where it refused.")
    at = serializers.CharField(help_text="When it refused.")


class ModelSerializer(PublicSerializer, ModelChangesSerializer):
    provider = PublicIdField(access=selectors.access_provider)
    provider_name = serializers.CharField(source="provider.name", read_only=True)
    key = serializers.CharField(max_length=190)
    state = serializers.ChoiceField(source="shown_state", choices=AIModel.State.choices, read_only=True)
    state_label = serializers.SerializerMethodField()
    last_error = serializers.CharField(source="trouble", read_only=True, help_text="Why it is not asked, or what failed last.")
    failed_until = serializers.DateTimeField(read_only=True, allow_null=True)
    accepted = serializers.SerializerMethodField()
    human_edits = serializers.ListField(child=serializers.CharField(), read_only=True, help_text="Fields that no sync changes.")

    class Meta:
        model = AIModel
        fields = (
            "id", "provider", "provider_name", "key", *ModelChangesSerializer.Meta.fields,
            "price_batch", "price_tiers", "price_source", "accepted",
            "quantization", "size_bytes", "is_practice", "skill", "state", "state_label", "last_error", "failed_until",
            "checked_at", "human_edits", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = (
            "price_batch", "price_tiers", "price_source", "quantization", "size_bytes", "is_practice", "skill",
            "checked_at",
        )  # fmt: skip
        extra_kwargs = ModelChangesSerializer.Meta.extra_kwargs
        validators: list = []  # the service says it in words, also for a name that differs in case alone

    @extend_schema_field(AcceptedSerializer(many=True))
    def get_accepted(self, model: AIModel) -> list[dict]:
        """What it accepts as it holds now, and who says so."""
        return [dataclasses.asdict(one) for one in accepts_list(model)]

    @extend_schema_field(serializers.CharField())
    def get_state_label(self, model: AIModel) -> str:
        return selectors.state_label(model)


class NewDownloadSerializer(serializers.Serializer):
    provider = PublicIdField(access=selectors.access_provider)
    name = serializers.CharField(
        max_length=500, help_text="A name of the server's catalogue, or the address of a model at Hugging Face."
    )
    quantization = serializers.CharField(
        max_length=40, required=False, allow_blank=True, default="", help_text="Only with an address at Hugging Face."
    )


class DownloadSerializer(PublicSerializer):
    provider = serializers.UUIDField(source="provider.public_id", read_only=True)
    provider_name = serializers.CharField(source="provider.name", read_only=True)
    state_label = serializers.CharField(source="get_state_display", read_only=True)
    percent = serializers.FloatField(read_only=True, allow_null=True, help_text="Null as long as the size is unknown.")
    integrity_label = serializers.CharField(source="get_integrity_display", read_only=True)
    integrity_checks = IntegrityCheckSerializer(many=True, read_only=True)

    class Meta:
        model = ModelDownload
        fields = (
            "id", "provider", "provider_name", "name", "quantization", "state", "state_label", "downloaded_bytes", "total_bytes",
            "percent", "bytes_per_second", "last_error", "integrity", "integrity_label", "integrity_checks", "checked_at",
            "created_at",
        )  # fmt: skip
        read_only_fields = fields


class DaysSerializer(serializers.Serializer):
    days = serializers.IntegerField(required=False, default=30, min_value=1, max_value=3_650)


class QualitySerializer(serializers.Serializer):
    category = serializers.CharField()
    executions = serializers.IntegerField()
    success_rate = serializers.DecimalField(max_digits=5, decimal_places=2, allow_null=True)
    validation_score = serializers.DecimalField(max_digits=5, decimal_places=2, allow_null=True)
    latency_ms = serializers.IntegerField(allow_null=True)
    tokens = serializers.IntegerField()
    cost_usd = serializers.DecimalField(max_digits=14, decimal_places=8)


class ModelStatsSerializer(serializers.Serializer):
    days = serializers.IntegerField()
    calls = serializers.IntegerField()
    failed = serializers.IntegerField()
    input_tokens = serializers.IntegerField()
    output_tokens = serializers.IntegerField()
    cost_usd = serializers.DecimalField(max_digits=20, decimal_places=8, allow_null=True)
    calls_without_price = serializers.IntegerField()
    latency_ms = serializers.IntegerField(allow_null=True)
    first_token_ms = serializers.IntegerField(allow_null=True)
    tokens_per_second = serializers.FloatField(allow_null=True)
    quality = QualitySerializer(many=True)
