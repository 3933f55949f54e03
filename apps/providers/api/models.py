"""REST: models."""

from __future__ import annotations

from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import TeamViewSet, valid
from apps.common.idempotency import idempotent
from apps.providers import selectors, services
from apps.providers.api.management import ModelManagement
from apps.providers.api.trials import BenchmarkActions
from apps.providers.contract import CAPABILITIES
from apps.providers.models import AIModel
from apps.providers.serializers import models as shapes


class ModelFilter(filters.FilterSet):
    provider = filters.UUIDFilter(field_name="provider__public_id")
    capability = filters.ChoiceFilter(choices=[(one, one) for one in CAPABILITIES], method="having")

    class Meta:
        model = AIModel
        fields = ("provider", "tier", "state", "is_active", "is_practice", "family", "capability")

    def having(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(capabilities__icontains=f'"{value}"')


class ModelsViewSet(BenchmarkActions, ModelManagement, TeamViewSet):
    """Models of the team's providers. Prices are US dollars for a million tokens; null means unknown, not free."""

    visible = staticmethod(selectors.models_visible)
    access = staticmethod(selectors.access_model)
    queryset = AIModel.objects.all()
    serializer_class = shapes.ModelSerializer
    filterset_class = ModelFilter
    search_fields = ("key", "display_name", "family", "provider__name")
    ordering = ("provider__priority", "provider__name", "key")
    ordering_fields = ("key", "display_name", "tier", "price_input", "price_output", "context_window", "created_at")

    @idempotent
    def create(self, request: Request) -> Response:
        """Add a model that its provider does not list."""
        asked = valid(self.get_serializer(data=request.data))
        model = services.model_create(self.actor, asked.pop("provider"), **asked)
        return Response(self.get_serializer(model).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=shapes.ModelChangesSerializer)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change what people may set. No sync changes it back."""
        model = self.get_object()
        asked = valid(shapes.ModelChangesSerializer(model, data=request.data, partial=True))
        return Response(self.get_serializer(services.model_update(self.actor, model, **asked)).data)

    def destroy(self, request: Request, id: str) -> Response:
        services.model_delete(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(parameters=[OpenApiParameter("days", int, default=30)], responses=shapes.ModelStatsSerializer)
    @action(detail=True, methods=["get"])
    def stats(self, request: Request, id: str) -> Response:
        """What it was asked in the last days, what it cost, and how good it proved to be."""
        asked = valid(shapes.DaysSerializer(data=request.query_params))
        return Response(shapes.ModelStatsSerializer(selectors.model_stats(self.get_object(), days=asked["days"])).data)
