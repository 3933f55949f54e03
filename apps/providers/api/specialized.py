"""REST: specialized AIs, and what people think of models."""

from __future__ import annotations

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import TeamViewSet, valid
from apps.common.idempotency import idempotent
from apps.providers import selectors, services
from apps.providers.models import ModelRating, SpecializedAI
from apps.providers.serializers import specialized as shapes
from apps.providers.serializers.providers import SwitchSerializer


class SpecializedAIFilter(filters.FilterSet):
    class Meta:
        model = SpecializedAI
        fields = ("role", "is_active")


class SpecializedAIsViewSet(TeamViewSet):
    """Named roles with a system prompt, categories and preferred models, in which the orchestrator's models speak."""

    visible = staticmethod(selectors.specialized_ais_visible)
    access = staticmethod(selectors.access_specialized_ai)
    queryset = SpecializedAI.objects.all()
    serializer_class = shapes.SpecializedAISerializer
    filterset_class = SpecializedAIFilter
    search_fields = ("name", "system_prompt")
    ordering = ("name",)
    ordering_fields = ("name", "role", "created_at")

    @extend_schema(request=shapes.NewSpecializedAISerializer, responses={201: shapes.SpecializedAISerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        asked = valid(shapes.NewSpecializedAISerializer(data=request.data))
        row = services.specialized_ai_create(self.actor, **asked)
        return Response(self._shown(row), status=status.HTTP_201_CREATED)

    @extend_schema(request=shapes.SpecializedAIChangesSerializer)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change what is given. Tasks at work go on with what they have stored."""
        row = self.get_object()
        asked = valid(shapes.SpecializedAIChangesSerializer(data=request.data))
        return Response(self._shown(services.specialized_ai_update(self.actor, row, **asked)))

    def destroy(self, request: Request, id: str) -> Response:
        """Delete it; it can be brought back with `restore`."""
        services.specialized_ai_delete(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=SwitchSerializer)
    @action(detail=True, methods=["post"])
    def toggle(self, request: Request, id: str) -> Response:
        """Take it into use or out of it; without `on`, to the other."""
        asked = valid(SwitchSerializer(data=request.data))
        return Response(self._shown(services.specialized_ai_toggle(self.actor, self.get_object(), on=asked.get("on"))))

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, id: str) -> Response:
        """Bring back one that was deleted."""
        row = selectors.access_deleted_specialized_ai(self.actor, id)
        return Response(self._shown(services.specialized_ai_restore(self.actor, row)))

    def _shown(self, row: SpecializedAI) -> dict:
        return self.get_serializer(selectors.access_specialized_ai(self.actor, row.public_id)).data


class RatingFilter(filters.FilterSet):
    model = filters.UUIDFilter(field_name="model__public_id")

    class Meta:
        model = ModelRating
        fields = ("model", "category", "stars")


class RatingsViewSet(TeamViewSet):
    """What the team's people think of its models: one rating for each person, model and category."""

    visible = staticmethod(selectors.ratings_visible)
    access = staticmethod(selectors.access_rating)
    queryset = ModelRating.objects.all()
    serializer_class = shapes.RatingSerializer
    filterset_class = RatingFilter
    ordering = ("-created_at",)
    ordering_fields = ("created_at", "stars")

    @extend_schema(request=shapes.NewRatingSerializer, responses={201: shapes.RatingSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        """Rate a model in a category; takes the place of your earlier rating."""
        asked = valid(shapes.NewRatingSerializer(data=request.data, context=self.get_serializer_context()))
        row = services.model_rate(self.actor, asked.pop("model"), **asked)
        return Response(self.get_serializer(row).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=shapes.RatingChangesSerializer)
    def partial_update(self, request: Request, id: str) -> Response:
        row = self.get_object()
        asked = valid(shapes.RatingChangesSerializer(data=request.data))
        return Response(self.get_serializer(services.rating_update(self.actor, row, **asked)).data)

    def destroy(self, request: Request, id: str) -> Response:
        services.rating_delete(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)
