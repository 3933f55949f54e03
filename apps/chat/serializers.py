"""Conversations and messages as JSON."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from apps.chat import selectors
from apps.chat.attaching import attached_json
from apps.chat.models import Attachment, Conversation, Message
from apps.common.api import PublicIdField, PublicSerializer
from apps.providers.selectors import access_model, access_specialized_ai


@extend_schema_field({"type": "string", "description": 'A model\'s id, or "auto".'})
class ModelOrAuto(PublicIdField):
    def to_internal_value(self, data: Any) -> Any:
        return None if data in ("auto", "", None) else super().to_internal_value(data)


class ConversationSerializer(serializers.ModelSerializer):
    id = serializers.UUIDField(source="public_id", read_only=True)
    title = serializers.CharField(max_length=200, required=False, allow_blank=True)
    model = ModelOrAuto(access=access_model, required=False, allow_null=True)
    specialized_ai = PublicIdField(access=access_specialized_ai, required=False, allow_null=True)
    owner = serializers.CharField(source="owner.short_name", read_only=True, default="")

    class Meta:
        model = Conversation
        fields = (
            "id", "title", "model", "strategy", "specialized_ai", "system_prompt", "is_pinned", "is_archived", "is_shared",
            "owner", "created_at", "last_message_at",
        )  # fmt: skip
        read_only_fields = ("created_at", "last_message_at")

    def to_representation(self, instance: Conversation) -> dict[str, Any]:
        return selectors.conversation_json(instance)


class MessageSerializer(serializers.ModelSerializer):
    id = serializers.UUIDField(source="public_id", read_only=True)
    conversation = serializers.UUIDField(source="conversation.public_id", read_only=True)
    parent = serializers.UUIDField(source="parent.public_id", read_only=True, allow_null=True)  # type: ignore[assignment]
    confidence = serializers.FloatField(read_only=True, allow_null=True)
    cost = serializers.CharField(read_only=True, allow_null=True)
    model = serializers.JSONField(read_only=True, allow_null=True)
    check = serializers.JSONField(read_only=True, allow_null=True)
    thumb = serializers.ChoiceField(choices=["up", "down"], read_only=True, allow_null=True, help_text="What you think of it.")
    stage = serializers.JSONField(
        read_only=True,
        allow_null=True,
        help_text='While a model is being loaded: {"name", "model", "percent", "since", "alternative"}.',
    )
    notes = serializers.ListField(child=serializers.DictField(), read_only=True, help_text="What was done otherwise, by code.")
    execution = serializers.UUIDField(read_only=True, allow_null=True)
    seq = serializers.IntegerField(read_only=True)

    class Meta:
        model = Message
        fields = (
            "id", "conversation", "parent", "role", "content", "seq", "attachments", "status", "model", "confidence",
            "escalations", "input_tokens", "output_tokens", "is_estimated", "cost", "latency_ms", "first_token_ms",
            "execution", "error_code", "error", "thumb", "stage", "notes", "check", "created_at", "finished_at",
        )  # fmt: skip
        read_only_fields = fields

    def to_representation(self, instance: Message) -> dict[str, Any]:
        return selectors.message_json(instance)


class NewMessageSerializer(serializers.Serializer):
    content = serializers.CharField(allow_blank=True, trim_whitespace=False)
    attachments = serializers.ListField(child=PublicIdField(access=selectors.access_attachment), required=False)
    instead_of = PublicIdField(access=selectors.access_message, required=False, allow_null=True)


class EditedMessageSerializer(serializers.Serializer):
    content = serializers.CharField(allow_blank=True, trim_whitespace=False)
    attachments = serializers.ListField(
        child=PublicIdField(access=selectors.access_attachment), required=False, help_text="Without it the files stay."
    )


class RemovedSerializer(serializers.Serializer):
    removed = serializers.IntegerField(help_text="How many messages went, this one among them.")
    message = serializers.CharField(help_text="The same for people.")


class SentSerializer(serializers.Serializer):
    question = MessageSerializer()
    answer = MessageSerializer()


class RegenerateSerializer(serializers.Serializer):
    model = ModelOrAuto(access=access_model, required=False, allow_null=True)


class RateSerializer(serializers.Serializer):
    thumb = serializers.ChoiceField(choices=["up", "down"], allow_null=True)
    comment = serializers.CharField(max_length=2_000, required=False, allow_blank=True, default="")


class UploadSerializer(serializers.Serializer):
    file = serializers.FileField()


class AttachmentSerializer(PublicSerializer):
    characters = serializers.IntegerField(read_only=True, allow_null=True, help_text="Of the text that was read; null: an image.")
    tokens = serializers.IntegerField(read_only=True, allow_null=True, help_text="About how much of a context it takes.")

    class Meta:
        model = Attachment
        fields = ("id", "name", "kind", "size", "media_type", "pages", "characters", "tokens")
        read_only_fields = fields

    def to_representation(self, instance: Attachment) -> dict[str, Any]:
        return attached_json(instance)
