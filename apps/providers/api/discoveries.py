"""REST: models that turned up by themselves and wait for somebody to take them."""

from __future__ import annotations

from asgiref.sync import async_to_sync
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import TeamViewSet
from apps.providers import selectors, services
from apps.providers.models import ModelDiscovery
from apps.providers.serializers import management as shapes
from apps.providers.serializers.models import ModelSerializer


class DiscoveryFilter(filters.FilterSet):
    provider = filters.UUIDFilter(field_name="provider__public_id")

    class Meta:
        model = ModelDiscovery
        fields = ("provider", "state")


class DiscoveriesViewSet(TeamViewSet):
    """Models that local servers have, or that servers of this machine were found with, without anybody having asked for them."""

    http_method_names = ["get", "post", "head", "options"]
    visible = staticmethod(selectors.discoveries_visible)
    access = staticmethod(selectors.access_discovery)
    queryset = ModelDiscovery.objects.all()
    serializer_class = shapes.DiscoverySerializer
    filterset_class = DiscoveryFilter
    search_fields = ("model_key", "provider__name", "address")
    ordering = ("-found_at", "model_key")

    @extend_schema(request=None, responses=ModelSerializer)
    @action(detail=True, methods=["post"])
    def accept(self, request: Request, id: str) -> Response:
        """Take it among the team's models; a server that was merely found becomes a provider first."""
        model = async_to_sync(services.discovery_accept)(self.actor, self.get_object())
        context = self.get_serializer_context()
        return Response(ModelSerializer(selectors.access_model(self.actor, model.public_id), context=context).data)

    @extend_schema(request=None, responses=shapes.DiscoverySerializer)
    @action(detail=True, methods=["post"])
    def ignore(self, request: Request, id: str) -> Response:
        """Offer it no more. It can be accepted later all the same."""
        return Response(self.get_serializer(services.discovery_ignore(self.actor, self.get_object())).data)
