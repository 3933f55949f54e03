"""Cached answers as JSON."""

from __future__ import annotations

from rest_framework import serializers

from apps.tasks.models import TaskExecution


class CachedAnswerSerializer(serializers.Serializer):
    """An answer that is given again. `cost` and `saved` are US dollars; `cost` null: a price was unknown."""

    id = serializers.UUIDField()
    prompt = serializers.CharField()
    answer = serializers.CharField()
    model = serializers.CharField()
    confidence = serializers.FloatField(allow_null=True)
    verified = serializers.ChoiceField(choices=TaskExecution.Verified.choices)
    owner = serializers.CharField(allow_null=True)
    is_shared = serializers.BooleanField()
    cost = serializers.CharField(allow_null=True)
    hits = serializers.IntegerField()
    saved = serializers.CharField()
    last_hit_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    expires_at = serializers.DateTimeField()


class ClearedSerializer(serializers.Serializer):
    """How many answers were thrown out."""

    cleared = serializers.IntegerField()
