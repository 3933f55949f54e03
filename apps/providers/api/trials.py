"""REST: benchmarks of models, and comparisons of several on one prompt."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import TeamViewSet, valid
from apps.common.idempotency import idempotent
from apps.providers import selectors, services
from apps.providers.models import Benchmark, Comparison
from apps.providers.serializers import trials as shapes


class _TrialsViewSet(TeamViewSet):
    """Rows of trials, shown by a state of theirs instead of column by column."""

    ordering = ("-created_at",)
    ordering_fields = ("created_at",)
    filter_backends: Any = ()  # the newest first; there is nothing to look for

    def paginated(self, rows: Any, shown: Any) -> Response:
        page = self.paginate_queryset(rows)
        return self.get_paginated_response([shown(row) for row in page or ()])

    def destroy(self, request: Request, id: str) -> Response:
        """Remove it with its answers; what its calls cost stays on record."""
        services.trial_delete(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)


class BenchmarksViewSet(_TrialsViewSet):
    """How models did on the standard questions. One is started with `POST models/{id}/benchmark/`."""

    visible = staticmethod(selectors.benchmarks_visible)
    access = staticmethod(selectors.access_benchmark)
    queryset = Benchmark.objects.all()
    serializer_class = shapes.BenchmarkSerializer

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.paginated(self.get_queryset(), lambda row: shapes.BenchmarkSerializer(selectors.benchmark_state(row)).data)

    @extend_schema(responses=shapes.BenchmarkDetailSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """Its figures so far, with every answer."""
        return Response(_benchmark_whole(self.get_object()))

    @extend_schema(request=None, responses=shapes.BenchmarkDetailSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, id: str) -> Response:
        """Stop it; the answer that is being given is closed at once."""
        services.trial_stop(self.actor, self.get_object())
        return Response(_benchmark_whole(self.get_object()))


class ComparisonsViewSet(_TrialsViewSet):
    """One prompt, answered by several models at the same time. Live on the socket: `compare:subscribe`."""

    visible = staticmethod(selectors.comparisons_visible)
    access = staticmethod(selectors.access_comparison)
    queryset = Comparison.objects.all()
    serializer_class = shapes.ComparisonSerializer

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return self.paginated(self.get_queryset(), _comparison_shown)

    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(_comparison_shown(self.get_object()))

    @extend_schema(request=shapes.NewComparisonSerializer, responses={201: shapes.ComparisonSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        """Start one; a worker asks the models, whoever looks on."""
        row = services.comparison_start(self.actor, **valid(shapes.NewComparisonSerializer(data=request.data)))
        shown = _comparison_shown(selectors.access_comparison(self.actor, row.public_id))
        return Response(shown, status=status.HTTP_201_CREATED)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, id: str) -> Response:
        """Stop the models that still answer; what has come is kept."""
        services.trial_stop(self.actor, self.get_object())
        return Response(_comparison_shown(self.get_object()))

    @extend_schema(request=shapes.RateColumnSerializer)
    @action(detail=True, methods=["post"])
    def rate(self, request: Request, id: str) -> Response:
        """Say how good the answer in a column is; it also becomes your rating of that model in this category."""
        services.comparison_rate(self.actor, self.get_object(), **valid(shapes.RateColumnSerializer(data=request.data)))
        return Response(_comparison_shown(self.get_object()))


class BenchmarkActions:
    """`models/{id}/benchmark/`, for the view set of models."""

    actor: Any
    get_object: Any

    @extend_schema(request=shapes.NewBenchmarkSerializer, responses={201: shapes.BenchmarkDetailSerializer}, methods=["POST"])
    @extend_schema(responses=shapes.BenchmarkSerializer(many=True), methods=["GET"], filters=False)
    @action(detail=True, methods=["get", "post"], pagination_class=None)
    @idempotent
    def benchmark(self, request: Request, id: str) -> Response:
        """GET: its last 20 benchmarks, the newest first. POST: have the standard questions asked of it, `rounds` times each."""
        model = self.get_object()
        if request.method == "GET":
            return Response(shapes.BenchmarkSerializer(selectors.benchmarks_of(model), many=True).data)
        row = services.benchmark_start(self.actor, model, **valid(shapes.NewBenchmarkSerializer(data=request.data)))
        shown = _benchmark_whole(selectors.access_benchmark(self.actor, row.public_id))
        return Response(shown, status=status.HTTP_201_CREATED)


def _benchmark_whole(row: Benchmark) -> dict[str, Any]:
    return shapes.BenchmarkDetailSerializer(selectors.benchmark_state(row, with_answers=True)).data


def _comparison_shown(row: Comparison) -> dict[str, Any]:
    return shapes.ComparisonSerializer(selectors.comparison_state(row)).data
