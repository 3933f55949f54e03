"""REST: keys of AI vendors."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import TeamViewSet, valid
from apps.common.idempotency import idempotent
from apps.providers import selectors, services
from apps.providers.api.parts import check_shown
from apps.providers.models import ProviderKey
from apps.providers.serializers import keys as shapes
from apps.providers.serializers.providers import CheckResultSerializer


class KeyFilter(filters.FilterSet):
    class Meta:
        model = ProviderKey
        fields = ("kind", "is_active", "last_test_ok")


class KeysViewSet(TeamViewSet):
    """Keys of AI vendors, each of which may serve several providers of that vendor. A key can be written, never read."""

    visible = staticmethod(selectors.keys_visible)
    access = staticmethod(selectors.access_key)
    queryset = ProviderKey.objects.all()
    serializer_class = shapes.KeySerializer
    filterset_class = KeyFilter
    search_fields = ("name", "kind", "base_url")
    ordering = ("name", "pk")
    ordering_fields = ("name", "created_at", "last_used_at")

    @extend_schema(request=shapes.NewKeySerializer, responses={201: shapes.KeySerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        """Add a key. It is sent to the place it is given for, and to no other."""
        key = services.key_create(self.actor, **valid(shapes.NewKeySerializer(data=request.data)))
        return Response(self._shown(key), status=status.HTTP_201_CREATED)

    @extend_schema(request=shapes.KeyChangesSerializer, responses=shapes.KeySerializer)
    def partial_update(self, request: Request, id: str) -> Response:
        """Rename it, put another in its place, switch it off. It keeps its vendor and address."""
        asked = valid(shapes.KeyChangesSerializer(data=request.data))
        return Response(self._shown(services.key_update(self.actor, self.get_object(), **asked)))

    @extend_schema(
        parameters=[OpenApiParameter("also_in_use", bool, default=False, description="Remove it although it is in use.")]
    )
    def destroy(self, request: Request, id: str) -> Response:
        """Remove it. 409 names what uses it, unless `also_in_use` says that this may go without a key."""
        services.key_delete(self.actor, self.get_object(), also_in_use=request.query_params.get("also_in_use") in ("1", "true"))
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=CheckResultSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, id: str) -> Response:
        """Ask the vendor whether it is good."""
        result = async_to_sync(services.key_test)(self.actor, self.get_object())
        return Response(check_shown(result))

    def _shown(self, key: ProviderKey) -> dict[str, Any]:
        return self.get_serializer(selectors.access_key(self.actor, key.public_id)).data
