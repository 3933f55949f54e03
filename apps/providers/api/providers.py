"""REST: providers."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import TeamViewSet, valid
from apps.common.errors import BadInput
from apps.common.idempotency import idempotent
from apps.providers import selectors, services
from apps.providers.api.parts import FIELD_OF, check_shown, with_field
from apps.providers.errors import ProviderError
from apps.providers.models import Provider
from apps.providers.serializers import providers as shapes


class ProviderFilter(filters.FilterSet):
    class Meta:
        model = Provider
        fields = ("kind", "status", "is_local")


class ProvidersViewSet(TeamViewSet):
    """Services that serve models. A key can be written, never read."""

    visible = staticmethod(selectors.providers_visible)
    access = staticmethod(selectors.access_provider)
    queryset = Provider.objects.all()
    serializer_class = shapes.ProviderSerializer
    filterset_class = ProviderFilter
    search_fields = ("name", "display_name", "base_url")
    ordering = ("priority", "name")
    ordering_fields = ("name", "display_name", "priority", "created_at")

    @extend_schema(request=shapes.NewProviderSerializer, responses={201: shapes.ProviderSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        """Add a provider. With `check` it is asked first, and nothing is saved unless it answers as it should."""
        asked = valid(shapes.NewProviderSerializer(data=request.data, context=self.get_serializer_context()))
        if asked.pop("check"):
            self._refuse_unless_it_answers(asked)
        provider = services.provider_create(self.actor, **asked)
        return Response(self._shown(provider), status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, id: str) -> Response:
        """Change it. The key stays unless `api_key` is given, and must be given again with an address on another host."""
        provider = self.get_object()
        asked = valid(self.get_serializer(provider, data=request.data, partial=True))
        return Response(self._shown(services.provider_update(self.actor, provider, **asked)))

    def destroy(self, request: Request, id: str) -> Response:
        services.provider_delete(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=shapes.SwitchSerializer, responses=shapes.ProviderSerializer)
    @action(detail=True, methods=["post"])
    def toggle(self, request: Request, id: str) -> Response:
        """Switch it on or off; without `on`, to the other."""
        asked = valid(shapes.SwitchSerializer(data=request.data))
        return Response(self._shown(services.provider_toggle(self.actor, self.get_object(), on=asked.get("on"))))

    @extend_schema(request=None, responses=shapes.CheckResultSerializer)
    @action(detail=True, methods=["post"])
    def check(self, request: Request, id: str) -> Response:
        """Ask it whether it is up and the key is good. `field` names what to correct when it is not."""
        result = async_to_sync(services.provider_check)(self.actor, self.get_object())
        return Response(check_shown(result))

    @extend_schema(request=None, responses=shapes.SyncResultSerializer)
    @action(detail=True, methods=["post"], url_path="models/sync")
    @idempotent
    def sync(self, request: Request, id: str) -> Response:
        """Fetch its list of models. What people set by hand stays; what it no longer lists is kept and not used."""
        provider = self.get_object()
        try:
            result = async_to_sync(services.models_sync)(self.actor, provider)
        except ProviderError as error:
            raise with_field(error) from error.__cause__
        return Response(shapes.SyncResultSerializer(result).data)

    @extend_schema(responses=shapes.ProviderStateSerializer(many=True))
    @action(detail=False, methods=["get"])
    def status(self, request: Request) -> Response:
        """Which providers are on and up, as their last checks said."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or ()
        traffic = selectors.traffic_of(page)
        rows = [selectors.provider_state(provider, traffic[provider.pk]) for provider in page]
        return self.get_paginated_response(shapes.ProviderStateSerializer(rows, many=True).data)

    @extend_schema(request=None, responses=shapes.ProviderStateSerializer)
    @action(detail=True, methods=["post"])
    def reset(self, request: Request, id: str) -> Response:
        """Forget what it and its models failed of: they are asked again at once."""
        provider = self.get_object()
        services.breaker_reset(self.actor, provider=provider)
        provider = selectors.access_provider(self.actor, provider.public_id)
        return Response(shapes.ProviderStateSerializer(selectors.provider_state(provider)).data)

    @extend_schema(request=None, responses=shapes.FoundSerializer(many=True), filters=False)
    @action(detail=False, methods=["post"], pagination_class=None)
    def discover(self, request: Request) -> Response:
        """Look for LM Studio, Ollama, llama.cpp and vLLM on this machine; those that are added already are left out."""
        found = async_to_sync(services.discover)(self.actor)
        return Response(shapes.FoundSerializer(found, many=True).data)

    def _refuse_unless_it_answers(self, asked: dict[str, Any]) -> None:
        given = {name: asked[name] for name in ("kind", "display_name", "base_url", "api_key", "key", "quirks") if name in asked}
        result = async_to_sync(services.connection_try)(self.actor, **given)
        if not result.ok:
            field = FIELD_OF.get(result.error_code, "base_url")
            raise BadInput(result.message, errors=[{"field": field, "code": result.error_code, "message": result.message}])

    def _shown(self, provider: Provider) -> dict[str, Any]:
        return self.get_serializer(selectors.access_provider(self.actor, provider.public_id)).data
