"""The management of models as JSON. What people send is judged by the services; here only its shape."""

from __future__ import annotations

from typing import Any

from rest_framework import serializers

from apps.common.api import PublicSerializer
from apps.providers.contract import CAPABILITIES, LoadOptions
from apps.providers.models import GROUPS, AIModel, ModelDiscovery, ModelLoad
from apps.providers.selectors.management import STATUSES
from apps.providers.serializers.breakers import BreakerSerializer


class IntegrityCheckSerializer(serializers.Serializer):
    what = serializers.CharField(help_text="listed, bytes, size, hash or header")
    result = serializers.ChoiceField(choices=["ok", "wrong", "unknown"])
    words = serializers.CharField()


class LoadStateSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    state = serializers.ChoiceField(choices=ModelLoad.State.choices)
    state_label = serializers.CharField()
    is_unwanted = serializers.BooleanField(help_text="Somebody asked to give it up.")
    progress = serializers.FloatField(allow_null=True, help_text="0 to 1; null where the server does not say.")
    started_at = serializers.DateTimeField(allow_null=True)
    finished_at = serializers.DateTimeField(allow_null=True)
    message = serializers.CharField()
    options = serializers.DictField()


class ModelStateSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    provider = serializers.CharField()
    provider_id = serializers.UUIDField()
    provider_label = serializers.CharField()
    model = serializers.CharField()
    display_name = serializers.CharField()
    state = serializers.ChoiceField(choices=AIModel.State.choices)
    state_label = serializers.CharField()
    status = serializers.CharField(help_text="One of: " + ", ".join(STATUSES))
    status_label = serializers.CharField()
    mark = serializers.CharField(help_text="Stands beside the words, never alone.")
    is_usable = serializers.BooleanField()
    is_external = serializers.BooleanField()
    can_load = serializers.BooleanField()
    can_unload = serializers.BooleanField()
    size_bytes = serializers.IntegerField(allow_null=True)
    memory_bytes = serializers.IntegerField(allow_null=True, help_text="What it takes now; null where its server does not say.")
    vram_bytes = serializers.IntegerField(allow_null=True, help_text="Of it on the GPU.")
    loaded_context = serializers.IntegerField(allow_null=True)
    load = LoadStateSerializer(allow_null=True, help_text="The load that is under way.")
    last_error = serializers.CharField()
    failed_until = serializers.DateTimeField(allow_null=True)
    breaker = BreakerSerializer()
    checked_at = serializers.DateTimeField(allow_null=True)


class LoadSerializer(serializers.Serializer):
    """Which options a server takes differs: one that it has no word for is refused with 409."""

    context_length = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=100_000_000)
    gpu_layers = serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=10_000)
    kv_cache_on_gpu = serializers.BooleanField(required=False, allow_null=True, default=None)
    flash_attention = serializers.BooleanField(required=False, allow_null=True, default=None)
    batch_size = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=1_000_000)
    experts = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=10_000)
    force = serializers.BooleanField(required=False, default=False, help_text="Try it also when it does not fit into memory.")
    wait = serializers.BooleanField(required=False, default=True, help_text="False: answer at once, and load in the background.")

    def for_service(self) -> dict[str, Any]:
        """What model_load and load_start take."""
        given = dict(self.validated_data)
        context_length, force = given.pop("context_length", None), given.pop("force")
        given.pop("wait")
        return {"context_length": context_length, "options": LoadOptions(**given, despite_memory=force)}


class UnloadSerializer(serializers.Serializer):
    force = serializers.BooleanField(required=False, default=False, help_text="Also when it is answering just now.")


class WaitSerializer(serializers.Serializer):
    timeout_s = serializers.FloatField(required=False, default=60, min_value=0, max_value=600)


class NeedsSerializer(serializers.Serializer):
    needs = serializers.ListField(child=serializers.ChoiceField(choices=CAPABILITIES), required=False)


class SuggestionSerializer(serializers.Serializer):
    model = ModelStateSerializer()
    group = serializers.CharField(help_text="external, loaded or not_loaded")
    reason = serializers.CharField()


class RejectedSerializer(serializers.Serializer):
    id = serializers.UUIDField(source="model.public_id")
    model = serializers.CharField(source="model.key")
    provider = serializers.CharField(source="model.provider.name")
    reason = serializers.CharField()


class SuggestionsSerializer(serializers.Serializer):
    order = serializers.ListField(child=serializers.CharField())
    needs = serializers.ListField(child=serializers.CharField())
    practice_only = serializers.BooleanField()
    suggestion = SuggestionSerializer(allow_null=True, help_text="The first of `alternatives`.")
    alternatives = SuggestionSerializer(many=True)
    rejected = RejectedSerializer(many=True)


class RecommendQuerySerializer(NeedsSerializer):
    category = serializers.CharField(max_length=60, required=False, default="general")
    limit = serializers.IntegerField(required=False, default=5, min_value=1, max_value=50)


class RecommendationSerializer(serializers.Serializer):
    model = ModelStateSerializer()
    points = serializers.IntegerField(help_text="0 to 100: what was measured 60, what people say 20, how soon it can begin 20.")
    reasons = serializers.ListField(child=serializers.CharField())


class RecommendationsSerializer(serializers.Serializer):
    category = serializers.CharField()
    needs = serializers.ListField(child=serializers.CharField())
    recommended = RecommendationSerializer(many=True)
    rejected = RejectedSerializer(many=True)


class ResetSerializer(serializers.Serializer):
    reset = serializers.IntegerField(help_text="How many models were resting or broken.")


class SpaceSerializer(serializers.Serializer):
    name = serializers.CharField(allow_blank=True)
    total_bytes = serializers.IntegerField()
    free_bytes = serializers.IntegerField()
    used_bytes = serializers.IntegerField()
    used_percent = serializers.IntegerField()


class InMemorySerializer(serializers.Serializer):
    id = serializers.UUIDField()
    model = serializers.CharField()
    memory_bytes = serializers.IntegerField(allow_null=True)
    vram_bytes = serializers.IntegerField(allow_null=True)
    size_bytes = serializers.IntegerField(allow_null=True)


class MemorySerializer(serializers.Serializer):
    gpus = SpaceSerializer(many=True, help_text="NVIDIA's, of this machine; empty where it has none.")
    ram = SpaceSerializer()
    loaded = InMemorySerializer(many=True)
    unknown = serializers.ListField(child=serializers.CharField(), help_text="Local servers on other machines.")


class ModelSettingsSerializer(serializers.Serializer):
    suggestion_order = serializers.ListField(child=serializers.ChoiceField(choices=GROUPS), required=False)
    listing_fresh_s = serializers.IntegerField(required=False)


class DiscoverySerializer(PublicSerializer):
    provider = serializers.UUIDField(source="provider.public_id", read_only=True, allow_null=True, default=None)
    provider_name = serializers.CharField(source="provider.name", read_only=True, default="")
    state_label = serializers.CharField(source="get_state_display", read_only=True)
    details = serializers.DictField(read_only=True)

    class Meta:
        model = ModelDiscovery
        fields = (
            "id", "provider", "provider_name", "address", "model_key", "details", "state", "state_label", "found_at", "seen_at",
        )  # fmt: skip
        read_only_fields = fields


class FileChecksSerializer(serializers.Serializer):
    checks = IntegrityCheckSerializer(many=True)
