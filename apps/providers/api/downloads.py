"""REST: models that local servers were told to fetch."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import TeamViewSet, valid
from apps.common.idempotency import idempotent
from apps.providers import selectors, services
from apps.providers.models import ModelDownload
from apps.providers.serializers import models as shapes


class DownloadFilter(filters.FilterSet):
    provider = filters.UUIDFilter(field_name="provider__public_id")

    class Meta:
        model = ModelDownload
        fields = ("provider", "state")


class DownloadsViewSet(TeamViewSet):
    """Models that local servers were told to fetch. Reading asks the servers about those under way."""

    visible = staticmethod(selectors.downloads_visible)
    access = staticmethod(selectors.access_download)
    queryset = ModelDownload.objects.all()
    serializer_class = shapes.DownloadSerializer
    filterset_class = DownloadFilter
    ordering = ("-created_at",)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """How far the team's downloads are, the newest first."""
        async_to_sync(services.downloads_refresh)(self.actor)
        return super().list(request, *args, **kwargs)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """How far one download is."""
        async_to_sync(services.downloads_refresh)(self.actor)
        return super().retrieve(request, *args, **kwargs)

    @extend_schema(request=shapes.NewDownloadSerializer, responses={201: shapes.DownloadSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        """Have a local server fetch a model; 409 where its provider cannot be told to."""
        asked = valid(shapes.NewDownloadSerializer(data=request.data, context=self.get_serializer_context()))
        download = async_to_sync(services.download_start)(self.actor, asked.pop("provider"), **asked)
        return Response(self.get_serializer(download).data, status=status.HTTP_201_CREATED)
