"""REST: providers and their models."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import TeamViewSet
from apps.common.errors import BadInput
from apps.common.idempotency import idempotent
from apps.providers import selectors, services
from apps.providers import serializers as shapes
from apps.providers.contract import CAPABILITIES, CheckResult
from apps.providers.errors import ProviderError
from apps.providers.models import AIModel, ModelDownload, Provider

# Which field a failure is about, so that a form can show it there.
_FIELD_OF = {
    "authentication": "api_key",
    "address_refused": "base_url",
    "malformed_answer": "base_url",
    "not_an_api": "base_url",
    "timeout": "base_url",
    "unreachable": "base_url",
}


# ── Providers ─────────────────────────────────────────────────────────────────────────────────────────────────────
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
        asked = _valid(shapes.NewProviderSerializer(data=request.data, context=self.get_serializer_context()))
        if asked.pop("check"):
            self._refuse_unless_it_answers(asked)
        provider = services.provider_create(self.actor, **asked)
        return Response(self._shown(provider), status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, id: str) -> Response:
        """Change it. The key stays unless `api_key` is given, and must be given again with an address on another host."""
        provider = self.get_object()
        asked = _valid(self.get_serializer(provider, data=request.data, partial=True))
        return Response(self._shown(services.provider_update(self.actor, provider, **asked)))

    def destroy(self, request: Request, id: str) -> Response:
        services.provider_delete(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=shapes.SwitchSerializer, responses=shapes.ProviderSerializer)
    @action(detail=True, methods=["post"])
    def toggle(self, request: Request, id: str) -> Response:
        """Switch it on or off; without `on`, to the other."""
        asked = _valid(shapes.SwitchSerializer(data=request.data))
        return Response(self._shown(services.provider_toggle(self.actor, self.get_object(), on=asked.get("on"))))

    @extend_schema(request=None, responses=shapes.CheckResultSerializer)
    @action(detail=True, methods=["post"])
    def check(self, request: Request, id: str) -> Response:
        """Ask it whether it is up and the key is good. `field` names what to correct when it is not."""
        result = async_to_sync(services.provider_check)(self.actor, self.get_object())
        return Response(_check_shown(result))

    @extend_schema(request=None, responses=shapes.SyncResultSerializer)
    @action(detail=True, methods=["post"], url_path="models/sync")
    @idempotent
    def sync(self, request: Request, id: str) -> Response:
        """Fetch its list of models. What people set by hand stays; what it no longer lists is kept and not used."""
        provider = self.get_object()
        try:
            result = async_to_sync(services.models_sync)(self.actor, provider)
        except ProviderError as error:
            raise _with_field(error) from error.__cause__
        return Response(shapes.SyncResultSerializer(result).data)

    @extend_schema(responses=shapes.ProviderStateSerializer(many=True))
    @action(detail=False, methods=["get"])
    def status(self, request: Request) -> Response:
        """Which providers are on and up, as their last checks said."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        rows = [selectors.provider_state(provider) for provider in page or ()]
        return self.get_paginated_response(shapes.ProviderStateSerializer(rows, many=True).data)

    @extend_schema(request=None, responses=shapes.FoundSerializer(many=True), filters=False)
    @action(detail=False, methods=["post"], pagination_class=None)
    def discover(self, request: Request) -> Response:
        """Look for LM Studio, Ollama, llama.cpp and vLLM on this machine; those that are added already are left out."""
        found = async_to_sync(services.discover)(self.actor)
        return Response(shapes.FoundSerializer(found, many=True).data)

    def _refuse_unless_it_answers(self, asked: dict[str, Any]) -> None:
        given = {name: asked[name] for name in ("kind", "display_name", "base_url", "api_key", "quirks") if name in asked}
        result = async_to_sync(services.connection_try)(self.actor, **given)
        if not result.ok:
            field = _FIELD_OF.get(result.error_code, "base_url")
            raise BadInput(result.message, errors=[{"field": field, "code": result.error_code, "message": result.message}])

    def _shown(self, provider: Provider) -> dict[str, Any]:
        return self.get_serializer(selectors.access_provider(self.actor, provider.public_id)).data


# ── Models ────────────────────────────────────────────────────────────────────────────────────────────────────────
class ModelFilter(filters.FilterSet):
    provider = filters.UUIDFilter(field_name="provider__public_id")
    capability = filters.ChoiceFilter(choices=[(one, one) for one in CAPABILITIES], method="having")

    class Meta:
        model = AIModel
        fields = ("provider", "tier", "state", "is_active", "is_practice", "family", "capability")

    def having(self, rows: QuerySet, name: str, value: str) -> QuerySet:
        return rows.filter(capabilities__icontains=f'"{value}"')


class ModelsViewSet(TeamViewSet):
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
        asked = _valid(self.get_serializer(data=request.data))
        model = services.model_create(self.actor, asked.pop("provider"), **asked)
        return Response(self.get_serializer(model).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=shapes.ModelChangesSerializer)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change what people may set. No sync changes it back."""
        model = self.get_object()
        asked = _valid(shapes.ModelChangesSerializer(model, data=request.data, partial=True))
        return Response(self.get_serializer(services.model_update(self.actor, model, **asked)).data)

    def destroy(self, request: Request, id: str) -> Response:
        services.model_delete(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(responses=shapes.ModelStateSerializer(many=True))
    @action(detail=False, methods=["get"], url_path="with-status")
    def with_status(self, request: Request) -> Response:
        """The models with what state each is in."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        rows = [selectors.model_state(model) for model in page or ()]
        return self.get_paginated_response(shapes.ModelStateSerializer(rows, many=True).data)

    @extend_schema(responses=shapes.ModelStateSerializer)
    @action(detail=True, methods=["get"])
    def status(self, request: Request, id: str) -> Response:
        """What state it is in, and why."""
        return Response(shapes.ModelStateSerializer(selectors.model_state(self.get_object())).data)

    @extend_schema(request=shapes.LoadSerializer, responses=shapes.ModelStateSerializer)
    @action(detail=True, methods=["post"])
    @idempotent
    def load(self, request: Request, id: str) -> Response:
        """Load it into memory and wait for it; 409 where its provider cannot be told to."""
        asked = _valid(shapes.LoadSerializer(data=request.data))
        model = async_to_sync(services.model_load)(self.actor, self.get_object(), **asked)
        return Response(shapes.ModelStateSerializer(selectors.model_state(model)).data)

    @extend_schema(request=None, responses=shapes.ModelStateSerializer)
    @action(detail=True, methods=["post"])
    def unload(self, request: Request, id: str) -> Response:
        """Have its memory given back; 409 where its provider cannot be told to."""
        model = async_to_sync(services.model_unload)(self.actor, self.get_object())
        return Response(shapes.ModelStateSerializer(selectors.model_state(model)).data)

    @extend_schema(request=shapes.WaitSerializer, responses=shapes.ModelStateSerializer)
    @action(detail=True, methods=["post"])
    def wait(self, request: Request, id: str) -> Response:
        """Wait until it is in memory, whoever loads it, or for `timeout_s`; `state` says which. 409 as for loading."""
        asked = _valid(shapes.WaitSerializer(data=request.data))
        model = async_to_sync(services.model_wait)(self.actor, self.get_object(), **asked)
        return Response(shapes.ModelStateSerializer(selectors.model_state(model)).data)

    @extend_schema(parameters=[OpenApiParameter("days", int, default=30)], responses=shapes.ModelStatsSerializer)
    @action(detail=True, methods=["get"])
    def stats(self, request: Request, id: str) -> Response:
        """What it was asked in the last days, what it cost, and how good it proved to be."""
        asked = _valid(shapes.DaysSerializer(data=request.query_params))
        return Response(shapes.ModelStatsSerializer(selectors.model_stats(self.get_object(), days=asked["days"])).data)


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
        asked = _valid(shapes.NewDownloadSerializer(data=request.data, context=self.get_serializer_context()))
        download = async_to_sync(services.download_start)(self.actor, asked.pop("provider"), **asked)
        return Response(self.get_serializer(download).data, status=status.HTTP_201_CREATED)


def _valid(serializer: serializers.BaseSerializer) -> dict[str, Any]:
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data


def _check_shown(result: CheckResult) -> dict[str, Any]:
    return dict(shapes.CheckResultSerializer(result).data, field=None if result.ok else _FIELD_OF.get(result.error_code))


def _with_field(error: ProviderError) -> ProviderError:
    """The same error, naming the field to correct where there is one."""
    if field := _FIELD_OF.get(error.code):
        error.errors = [{"field": field, "code": error.code, "message": error.message}]  # type: ignore[attr-defined]
    return error


router_entries = [("providers", ProvidersViewSet), ("models/downloads", DownloadsViewSet), ("models", ModelsViewSet)]
