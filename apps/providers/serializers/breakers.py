"""Breakers and traffic as JSON."""

from __future__ import annotations

from rest_framework import serializers

from apps.providers.selectors.breakers import STATES


class BreakerSerializer(serializers.Serializer):
    state = serializers.ChoiceField(
        choices=STATES,
        help_text="open: it rests until `until`. half_open: one call is trying it. due: the next call tries it.",
    )
    label = serializers.CharField()  # type: ignore[assignment]  # a field of that name, not the field's own label
    scope = serializers.ChoiceField(choices=["", "model", "provider"], help_text="Whose failure it is.")
    until = serializers.DateTimeField(allow_null=True)
    error_code = serializers.CharField()
    reason = serializers.CharField()
    failures = serializers.IntegerField(help_text="In a row.")
    rests = serializers.IntegerField(help_text="In a row.")
    failed_at = serializers.DateTimeField(allow_null=True)


class TrafficSerializer(serializers.Serializer):
    in_flight = serializers.IntegerField(allow_null=True, help_text="Calls under way; null where nobody counts them.")
    waiting = serializers.IntegerField(help_text="Calls that wait for a free place.")
    most = serializers.IntegerField(allow_null=True, help_text="Calls at once; null: no limit.")
