"""Templates as JSON. What people send is judged by the services; here only its shape."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.common.api import PublicSerializer
from apps.knowledge import selectors
from apps.knowledge.models import KINDS, Template


class VariableSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=40, help_text="As it stands between {{ and }}.")
    kind = serializers.ChoiceField(choices=[(kind, kind) for kind in KINDS], default="text")
    label: Any = serializers.CharField(max_length=120, required=False, allow_blank=True)
    default = serializers.CharField(max_length=10_000, required=False, allow_blank=True, trim_whitespace=False)
    choices: Any = serializers.ListField(child=serializers.CharField(max_length=200), required=False)
    required: Any = serializers.BooleanField(default=True)


class TemplateChangesSerializer(serializers.Serializer):
    name = serializers.CharField(max_length=80, required=False)
    slug = serializers.CharField(max_length=60, required=False, help_text="What is typed after “/”; of one team, each once.")
    title = serializers.CharField(max_length=200, required=False, allow_blank=True)
    category = serializers.CharField(max_length=60, required=False, allow_blank=True)
    body = serializers.CharField(required=False, trim_whitespace=False)
    variables = VariableSerializer(many=True, required=False)
    seen_version = serializers.IntegerField(required=False, min_value=1, help_text="409 where it is no longer the newest.")


class NewTemplateSerializer(TemplateChangesSerializer):
    name = serializers.CharField(max_length=80)
    body = serializers.CharField(trim_whitespace=False)
    seen_version = None  # type: ignore[assignment]


class TemplateSerializer(PublicSerializer):
    variables = VariableSerializer(many=True, read_only=True)
    owner = serializers.CharField(read_only=True)
    is_seeded = serializers.BooleanField(read_only=True, help_text="It came with the product.")

    class Meta:
        model = Template
        fields = (
            "id", "slug", "name", "title", "category", "body", "variables", "version", "owner", "is_seeded", "created_at",
            "updated_at",
        )  # fmt: skip
        read_only_fields = fields

    def to_representation(self, instance: Template) -> dict[str, Any]:
        return selectors.template_json(instance)


class ValuesSerializer(serializers.Serializer):
    values: Any = serializers.DictField(child=serializers.JSONField(allow_null=True), default=dict)


class RenderedSerializer(serializers.Serializer):
    text = serializers.CharField()


class VersionSerializer(serializers.Serializer):
    number = serializers.IntegerField()
    name = serializers.CharField()
    title = serializers.CharField()
    category = serializers.CharField()
    body = serializers.CharField()
    variables = VariableSerializer(many=True)
    edited_by = serializers.CharField()
    created_at = serializers.DateTimeField()


class TemplateFileSerializer(serializers.Serializer):
    format = serializers.CharField(required=False)
    version = serializers.IntegerField(required=False)
    templates: Any = serializers.ListField(child=serializers.DictField())
