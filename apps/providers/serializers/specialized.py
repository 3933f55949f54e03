"""Specialized AIs and ratings as JSON. What people send is judged by the services; here only its shape."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.common.api import PublicIdField, PublicSerializer
from apps.providers import selectors
from apps.providers.models import ModelRating, SpecializedAI


class SpecializedAIChangesSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=80, required=False)
    role = serializers.ChoiceField(choices=SpecializedAI.Role.choices, required=False)
    system_prompt = serializers.CharField(required=False, help_text="Said to the model before the rules of the step.")
    categories = serializers.ListField(child=serializers.CharField(max_length=60), required=False, help_text="Empty: all.")
    default_model = serializers.UUIDField(required=False, allow_null=True)
    fallbacks = serializers.ListField(child=serializers.UUIDField(), required=False, help_text="In the order to be tried.")
    temperature = serializers.FloatField(required=False, allow_null=True, min_value=0, max_value=2)
    max_output_tokens = serializers.IntegerField(required=False, allow_null=True, min_value=1)
    is_active = serializers.BooleanField(required=False)


class NewSpecializedAISerializer(SpecializedAIChangesSerializer):
    name = serializers.CharField(max_length=80)
    system_prompt = serializers.CharField()


class SpecializedAISerializer(PublicSerializer):
    display_name = serializers.CharField(source="__str__", read_only=True, help_text="In the reader's language.")
    default_model = serializers.SerializerMethodField()
    fallbacks = serializers.SerializerMethodField()
    temperature = serializers.FloatField(read_only=True, allow_null=True)
    max_output_tokens = serializers.IntegerField(read_only=True, allow_null=True)
    is_seeded = serializers.SerializerMethodField(help_text="It came with the product.")
    categories = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = SpecializedAI
        fields = (
            "id", "name", "display_name", "role", "system_prompt", "categories", "default_model", "fallbacks", "temperature",
            "max_output_tokens", "is_active", "is_seeded", "created_at", "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    def get_default_model(self, row: SpecializedAI) -> str | None:
        return str(row.default_model.public_id) if row.default_model else None

    def get_fallbacks(self, row: SpecializedAI) -> list[str]:
        return [str(model.public_id) for model in row.ordered_fallbacks]

    def get_is_seeded(self, row: SpecializedAI) -> bool:
        return row.seed is not None


class RatingSerializer(PublicSerializer):
    model = serializers.UUIDField(source="model.public_id", read_only=True)
    model_name = serializers.CharField(source="model.__str__", read_only=True)
    person = serializers.SerializerMethodField()

    class Meta:
        model = ModelRating
        fields = ("id", "model", "model_name", "person", "category", "stars", "comment", "created_at", "updated_at")
        read_only_fields = fields

    def get_person(self, row: ModelRating) -> str:
        return str(row.owner or "")


class NewRatingSerializer(serializers.Serializer):
    model: Any = PublicIdField(access=selectors.access_model)
    category = serializers.CharField(max_length=60, required=False, default="general")
    stars = serializers.IntegerField(min_value=1, max_value=5)
    comment = serializers.CharField(max_length=2_000, required=False, allow_blank=True, default="")


class RatingChangesSerializer(serializers.Serializer):
    stars = serializers.IntegerField(min_value=1, max_value=5, required=False)
    comment = serializers.CharField(max_length=2_000, required=False, allow_blank=True)
