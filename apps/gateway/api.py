"""REST: virtual keys of the gateway."""

from __future__ import annotations

from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import TeamViewSet, valid
from apps.gateway import selectors, services
from apps.gateway import serializers as shapes
from apps.gateway.models import VirtualKey


class VirtualKeyFilter(filters.FilterSet):
    class Meta:
        model = VirtualKey
        fields = ("is_active",)


class VirtualKeysViewSet(TeamViewSet):
    """Keys that programs use at `/v1/`. Each acts for whoever made it, within its own limits."""

    visible = staticmethod(selectors.virtual_keys_visible)
    access = staticmethod(selectors.access_virtual_key)
    queryset = VirtualKey.objects.all()
    serializer_class = shapes.VirtualKeySerializer
    filterset_class = VirtualKeyFilter
    search_fields = ("name", "ending")
    ordering = ("name", "pk")
    ordering_fields = ("name", "created_at", "last_used_at")

    @extend_schema(request=shapes.NewVirtualKeySerializer, responses={201: shapes.MadeVirtualKeySerializer})
    def create(self, request: Request) -> Response:
        """Make a key. The answer is the only one that has it: what is kept is its hash."""
        key, text = services.virtual_key_create(self.actor, **valid(shapes.NewVirtualKeySerializer(data=request.data)))
        return Response({**self._shown(key), "key": text}, status=status.HTTP_201_CREATED)

    @extend_schema(request=shapes.VirtualKeyChangesSerializer, responses=shapes.VirtualKeySerializer)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change its name, its limits or its budget, or switch it off and on."""
        asked = valid(shapes.VirtualKeyChangesSerializer(data=request.data))
        return Response(self._shown(services.virtual_key_update(self.actor, self.get_object(), **asked)))

    def destroy(self, request: Request, id: str) -> Response:
        """Revoke it for good; what was spent with it stays on record."""
        services.virtual_key_delete(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _shown(self, key: VirtualKey) -> dict[str, Any]:
        return self.get_serializer(selectors.access_virtual_key(self.actor, key.public_id)).data


router_entries = [("gateway/keys", VirtualKeysViewSet)]
