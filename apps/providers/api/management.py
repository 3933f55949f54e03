"""REST: what state models are in, loading and unloading them, and who could take their place."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.db.models import QuerySet
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import valid
from apps.common.idempotency import idempotent
from apps.providers import selectors, services
from apps.providers.models import AIModel
from apps.providers.selectors.management import FILTERS
from apps.providers.serializers import management as shapes

STATUS = OpenApiParameter("status", str, enum=list(FILTERS), description="What state they are shown in.")


class ModelManagement:
    """Part of the models' view set."""

    actor: Any
    get_object: Any
    get_queryset: Any
    filter_queryset: Any
    paginate_queryset: Any
    get_paginated_response: Any

    @extend_schema(parameters=[STATUS], responses=shapes.ModelStateSerializer(many=True))
    @action(detail=False, methods=["get"], url_path="with-status")
    def with_status(self, request: Request) -> Response:
        """The models with what state each is in, and the load that is under way."""
        rows: QuerySet[AIModel] = self.filter_queryset(selectors.models_managed(self.actor))
        rows = selectors.models_filtered(rows, status=request.query_params.get("status", ""))
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(_shown(page or ()))

    @extend_schema(responses=shapes.ModelStateSerializer)
    @action(detail=True, methods=["get"])
    def status(self, request: Request, id: str) -> Response:
        """What state it is in, and why; how far its load is."""
        return Response(_state(self.get_object()))

    @extend_schema(request=shapes.LoadSerializer, responses={200: shapes.ModelStateSerializer, 202: shapes.ModelStateSerializer})
    @action(detail=True, methods=["post"])
    @idempotent
    def load(self, request: Request, id: str) -> Response:
        """Load it into memory and wait for it, or not (`wait`). 409 where its server loads nothing, or it does not fit."""
        model, asked = self.get_object(), shapes.LoadSerializer(data=request.data)
        given = valid(asked)
        if given["wait"]:
            return Response(_state(async_to_sync(services.model_load)(self.actor, model, **asked.for_service())))
        async_to_sync(services.load_start)(self.actor, model, **asked.for_service())
        return Response(_state(self.get_object()), status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=shapes.ModelStateSerializer)
    @action(detail=True, methods=["post"], url_path="load/cancel")
    def load_cancel(self, request: Request, id: str) -> Response:
        """Give up the load that is under way; 409 when there is none."""
        services.load_cancel(self.actor, self.get_object())
        return Response(_state(self.get_object()))

    @extend_schema(request=shapes.UnloadSerializer, responses=shapes.ModelStateSerializer)
    @action(detail=True, methods=["post"])
    def unload(self, request: Request, id: str) -> Response:
        """Have its memory given back. 409 where its server cannot be told to, or while it answers (unless `force`)."""
        asked = valid(shapes.UnloadSerializer(data=request.data))
        return Response(_state(async_to_sync(services.model_unload)(self.actor, self.get_object(), **asked)))

    @extend_schema(request=shapes.WaitSerializer, responses=shapes.ModelStateSerializer)
    @action(detail=True, methods=["post"])
    def wait(self, request: Request, id: str) -> Response:
        """Wait until it is in memory, whoever loads it, or for `timeout_s`; `state` says which. 409 as for loading."""
        asked = valid(shapes.WaitSerializer(data=request.data))
        return Response(_state(async_to_sync(services.model_wait)(self.actor, self.get_object(), **asked)))

    @extend_schema(parameters=[shapes.NeedsSerializer], responses=shapes.SuggestionsSerializer, filters=False)
    @action(detail=True, methods=["get"], url_path="suggest-alternative", pagination_class=None)
    def suggest_alternative(self, request: Request, id: str) -> Response:
        """Who could answer in its place, in the team's order, and why the others cannot. Without `needs`: all that it can do."""
        needs = valid(shapes.NeedsSerializer(data=request.query_params)).get("needs")
        found = selectors.suggest_alternative(self.actor, self.get_object(), needs=needs)
        rows = [{"model": selectors.model_row(one.model), "group": one.group, "reason": one.reason} for one in found.found]
        answer = {
            "order": found.order,
            "needs": found.needs,
            "practice_only": found.practice_only,
            "suggestion": rows[0] if rows else None,
            "alternatives": rows,
            "rejected": found.rejected,
        }
        return Response(shapes.SuggestionsSerializer(answer).data)

    @extend_schema(request=None, responses=shapes.ModelStateSerializer)
    @action(detail=True, methods=["post"])
    def reset(self, request: Request, id: str) -> Response:
        """Forget that it failed: it may be asked again now."""
        services.model_reset(self.actor, self.get_object())
        return Response(_state(self.get_object()))

    @extend_schema(request=None, responses=shapes.ResetSerializer, filters=False)
    @action(detail=False, methods=["post"], url_path="reset-failed", pagination_class=None)
    def reset_failed(self, request: Request) -> Response:
        """The same for all of the team's models."""
        return Response({"reset": services.models_reset_failed(self.actor)})

    @extend_schema(parameters=[shapes.RecommendQuerySerializer], responses=shapes.RecommendationsSerializer, filters=False)
    @action(detail=False, methods=["get"], pagination_class=None)
    def recommend(self, request: Request) -> Response:
        """Which model to use for a kind of task: by what was measured, people's ratings, free memory and price, with reasons."""
        asked = valid(shapes.RecommendQuerySerializer(data=request.query_params))
        found = selectors.recommend(
            self.actor, category=asked["category"], needs=tuple(asked.get("needs", ())), most=asked["limit"]
        )
        rows = [{"model": selectors.model_row(one.model), "points": one.points, "reasons": one.reasons} for one in found.found]
        answer = {"category": found.category, "needs": found.needs, "recommended": rows, "rejected": found.rejected}
        return Response(shapes.RecommendationsSerializer(answer).data)

    @extend_schema(request=None, responses=shapes.FileChecksSerializer)
    @action(detail=True, methods=["post"])
    def verify(self, request: Request, id: str) -> Response:
        """Look at the file of a model of the built-in engine: whether it is whole, and its hash. 409 for other providers."""
        checks = async_to_sync(services.model_verify)(self.actor, self.get_object())
        return Response(shapes.FileChecksSerializer({"checks": checks}).data)

    @extend_schema(responses=shapes.MemorySerializer, filters=False)
    @action(detail=False, methods=["get"], pagination_class=None)
    def memory(self, request: Request) -> Response:
        """How much memory this machine has for models, and what the loaded ones take."""
        return Response(shapes.MemorySerializer(selectors.memory_overview(self.actor)).data)

    @extend_schema(request=None, responses=shapes.ModelStateSerializer(many=True), filters=False)
    @action(detail=False, methods=["post"], pagination_class=None)
    def refresh(self, request: Request) -> Response:
        """Ask the local servers now what they have and what is in memory; gives what is in memory."""
        async_to_sync(services.listings_refresh)(self.actor)
        return Response(_shown(selectors.models_filtered(selectors.models_managed(self.actor), status="loaded")))

    @extend_schema(methods=["GET"], responses=shapes.ModelSettingsSerializer, filters=False)
    @extend_schema(
        methods=["PATCH"], request=shapes.ModelSettingsSerializer, responses=shapes.ModelSettingsSerializer, filters=False
    )
    @action(detail=False, methods=["get", "patch"], url_path="settings", url_name="settings", pagination_class=None)
    def team_settings(self, request: Request) -> Response:
        """In which order alternatives are suggested, and for how long a list of models is believed."""
        if request.method == "PATCH":
            asked = valid(shapes.ModelSettingsSerializer(data=request.data))
            return Response(shapes.ModelSettingsSerializer(services.model_settings_update(self.actor, **asked)).data)
        return Response(shapes.ModelSettingsSerializer(selectors.model_settings(self.actor)).data)


def _state(model: AIModel) -> dict[str, Any]:
    return shapes.ModelStateSerializer(selectors.model_row(model)).data


def _shown(models: Any) -> Any:
    return shapes.ModelStateSerializer([selectors.model_row(model) for model in models], many=True).data
