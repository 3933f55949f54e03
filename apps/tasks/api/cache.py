"""REST: cached answers, to be looked at and thrown out."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import TeamViewSet
from apps.tasks.models import CachedAnswer
from apps.tasks.selectors.cache import access_cached, cached_card, cached_visible
from apps.tasks.serializers.cache import CachedAnswerSerializer, ClearedSerializer
from apps.tasks.services.cache import cache_clear, cached_remove


class CachedAnswersViewSet(TeamViewSet):
    """Answers that are given again to the same question: one's own, and for admins the whole team's."""

    visible = staticmethod(cached_visible)
    access = staticmethod(access_cached)
    queryset = CachedAnswer.objects.all()
    serializer_class = CachedAnswerSerializer
    search_fields = ("prompt", "model_name")
    ordering = ("-created_at",)
    ordering_fields = ("created_at", "hits", "saved_usd", "expires_at")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(CachedAnswerSerializer([cached_card(row) for row in page or []], many=True).data)

    def retrieve(self, request: Request, id: str) -> Response:
        return Response(CachedAnswerSerializer(cached_card(self.get_object())).data)

    def destroy(self, request: Request, id: str) -> Response:
        """Throw it out: the next time a model is asked."""
        cached_remove(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=ClearedSerializer)
    @action(detail=False, methods=["post"])
    def clear(self, request: Request) -> Response:
        """Throw out all of one's own; an admin's throws out the whole team's."""
        return Response({"cleared": cache_clear(self.actor)})


router_entries = [("response-cache", CachedAnswersViewSet)]
