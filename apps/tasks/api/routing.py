"""REST: prompts through the route, what came of them, rules of escalation, metrics, and the audit log."""

from __future__ import annotations

import uuid
from datetime import timedelta
from typing import Any

from asgiref.sync import async_to_sync
from django_filters import rest_framework as filters
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import ActorMixin, TeamViewSet, valid
from apps.common.errors import BadInput, NotFound
from apps.common.idempotency import idempotent, idempotent_within
from apps.providers.contract import ChatRequest, Message
from apps.tasks import selectors, services
from apps.tasks.api.tasks import days_of
from apps.tasks.models import AuditLog, EscalationRule, TaskExecution
from apps.tasks.runner.by_hand import escalate_by_hand
from apps.tasks.runner.executions import LONGEST_ROUTE_S
from apps.tasks.runner.routing import asker_of, prompt_for, route_prompt
from apps.tasks.serializers import routing as shapes


class ExecutionFilter(filters.FilterSet):
    since = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="created_at", lookup_expr="lt")
    model = filters.UUIDFilter(field_name="current_model__public_id")
    escalated = filters.BooleanFilter(field_name="escalation_count", lookup_expr="gt", method="of_escalated")

    class Meta:
        model = TaskExecution
        fields = ("status", "source", "strategy", "task_type", "verified", "cache", "model", "since", "until", "escalated")

    def of_escalated(self, rows: Any, name: str, value: bool) -> Any:
        return rows.filter(escalation_count__gt=0) if value else rows.filter(escalation_count=0)


class OrchestratorViewSet(ActorMixin, viewsets.GenericViewSet):
    """One prompt to the AI that suits it best, and how that went so far."""

    queryset = TaskExecution.objects.none()
    filter_backends: Any = ()
    pagination_class = None
    serializer_class = shapes.ExecutionSerializer

    @extend_schema(request=shapes.ProcessSerializer, responses={200: shapes.ExecutionSerializer})
    @action(detail=False, methods=["post"])
    @idempotent_within(timedelta(seconds=LONGEST_ROUTE_S + 60))
    def process(self, request: Request) -> Response:
        """Ask. It is analysed, given to a model, weighed, and given to a stronger one where the answer is in doubt."""
        self.actor.must_work()
        asked = valid(shapes.ProcessSerializer(data=request.data))
        said = [*asked.get("context", ()), {"role": "user", "content": asked["input"]}]
        question = ChatRequest(
            model="",
            messages=tuple(Message(one["role"], one["content"]) for one in said),
            max_output_tokens=asked.get("max_output_tokens"),
            temperature=asked.get("temperature"),
        )
        prompt = prompt_for(
            question,
            strategy=asked["strategy"],
            forced_model=_model_id(self.actor, asked.get("force_model", ""), field="force_model"),
            verify=asked["verify"],
            use_cache=asked["use_cache"],
            category=asked.get("category", "").strip().lower(),
        )
        end = async_to_sync(route_prompt)(asker_of(self.actor), prompt)
        return Response(_execution(self.actor, end.execution_id))

    @extend_schema(responses=shapes.RoutedProviderSerializer(many=True))
    @action(detail=False, url_path="providers/status", url_name="providers-status")
    def providers_status(self, request: Request) -> Response:
        """Which providers are up, and what they did today."""
        return Response(shapes.RoutedProviderSerializer(selectors.providers_status(self.actor), many=True).data)

    @extend_schema(
        parameters=[OpenApiParameter("days", int, description="How many days back, today included; 7 by default.")],
        responses=shapes.RoutingMetricsSerializer,
    )
    @action(detail=False)
    def metrics(self, request: Request) -> Response:
        """Figures of the last days: in all, by provider, and day by day."""
        days = days_of(request.query_params.get("days", "7"))
        return Response(shapes.RoutingMetricsSerializer(selectors.routing_metrics(self.actor, days)).data)

    @extend_schema(responses=shapes.RoutingSettingsSerializer, methods=["GET"])
    @extend_schema(request=shapes.RoutingSettingsSerializer, responses=shapes.RoutingSettingsSerializer, methods=["PATCH"])
    @action(detail=False, methods=["get", "patch"], url_path="settings", url_name="settings")
    def routing_settings(self, request: Request) -> Response:
        """GET: bands, most escalations, most cost, exploration. PATCH: change them; admins only."""
        if request.method == "GET":
            return Response(shapes.RoutingSettingsSerializer(selectors.routing_settings_of(self.actor)).data)
        asked = valid(shapes.RoutingSettingsSerializer(data=request.data, partial=True))
        return Response(shapes.RoutingSettingsSerializer(services.routing_settings_update(self.actor, **asked)).data)


class ExecutionsViewSet(TeamViewSet):
    """Prompts that went through the route. A list gives them in brief, a single one with its whole route."""

    visible = staticmethod(selectors.executions_visible)
    access = staticmethod(selectors.access_execution)
    lookup_url_kwarg = "execution_id"  # tasks are something else
    queryset = TaskExecution.objects.all()
    serializer_class = shapes.ExecutionSerializer
    filterset_class = ExecutionFilter
    search_fields = ("input", "model_name")
    ordering = ("-created_at",)
    ordering_fields = ("created_at", "confidence", "complexity", "cost_usd", "execution_time_ms", "escalation_count")

    @extend_schema(responses=shapes.ExecutionCardSerializer(many=True))
    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        rows = [selectors.execution_card(row) for row in page or []]
        return self.get_paginated_response(shapes.ExecutionCardSerializer(rows, many=True).data)

    def retrieve(self, request: Request, execution_id: str) -> Response:
        """With its escalations, each with the answer that was there before."""
        return Response(_shown(self.get_object()))

    @extend_schema(request=shapes.EscalateSerializer, responses={200: shapes.ExecutionSerializer})
    @action(detail=True, methods=["post"])
    @idempotent
    def escalate(self, request: Request, execution_id: str) -> Response:
        """Give a finished answer to a stronger model. Its answer takes the place; the old one stays as history."""
        row = self.get_object()
        self.actor.must_own(row.owner_id)
        asked = valid(shapes.EscalateSerializer(data=request.data))
        model = _model_id(self.actor, asked.get("model", ""), field="model")
        async_to_sync(escalate_by_hand)(asker_of(self.actor, source=row.source), row, model=model)
        return Response(_execution(self.actor, row.public_id))

    @extend_schema(request=shapes.ThumbSerializer, responses=shapes.ExecutionSerializer)
    @action(detail=True, methods=["post"])
    def rate(self, request: Request, execution_id: str) -> Response:
        """Say whether the answer is good: a thumb up, down, or taken back."""
        row = self.get_object()
        services.execution_rate(self.actor, row, thumb=valid(shapes.ThumbSerializer(data=request.data))["thumb"])
        return Response(_shown(row))

    @extend_schema(responses=shapes.AuditEntrySerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None)
    def audit(self, request: Request, execution_id: str) -> Response:
        """Its steps as the audit log has them, the first one first."""
        rows = [selectors.audit_entry(entry) for entry in selectors.audit_of(self.get_object())]
        return Response(shapes.AuditEntrySerializer(rows, many=True).data)


class RuleFilter(filters.FilterSet):
    class Meta:
        model = EscalationRule
        fields = ("trigger", "is_active")


class RulesViewSet(TeamViewSet):
    """When an answer is not the last word. A team without any has those of the product: error, time-out, confidence below 70."""

    visible = staticmethod(selectors.rules_visible)
    access = staticmethod(selectors.access_rule)
    queryset = EscalationRule.objects.all()
    serializer_class = shapes.RuleSerializer
    filterset_class = RuleFilter
    search_fields = ("name", "category")
    ordering = ("priority", "pk")
    ordering_fields = ("priority", "name", "created_at")

    @extend_schema(responses={201: shapes.RuleSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        """Make a rule; admins only."""
        self.actor.must_manage()
        rule = services.rule_create(self.actor, **valid(self.get_serializer(data=request.data)))
        return Response(self.get_serializer(rule).data, status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, id: str) -> Response:
        """Change a rule; admins only."""
        self.actor.must_manage()
        row = self.get_object()
        asked = valid(self.get_serializer(row, data=request.data, partial=True))
        return Response(self.get_serializer(services.rule_update(self.actor, row, **asked)).data)

    def destroy(self, request: Request, id: str) -> Response:
        services.rule_delete(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)


class AuditFilter(filters.FilterSet):
    since = filters.IsoDateTimeFilter(field_name="time", lookup_expr="gte")
    until = filters.IsoDateTimeFilter(field_name="time", lookup_expr="lt")

    class Meta:
        model = AuditLog
        fields = ("category", "object_type", "object_id", "since", "until")


class AuditViewSet(ActorMixin, mixins.ListModelMixin, viewsets.GenericViewSet):
    """The team's audit log, the newest first; for admins. `./orq audit verify` checks its chain."""

    queryset = AuditLog.objects.all()
    serializer_class = shapes.AuditEntrySerializer
    filterset_class = AuditFilter
    search_fields = ("actor_name", "object_type")
    ordering = ("-number",)
    ordering_fields = ("number", "time")

    def get_queryset(self) -> Any:
        return AuditLog.objects.none() if self.is_drawing_the_schema else selectors.audit_visible(self.actor)

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        rows = [selectors.audit_entry(row) for row in page or []]
        return self.get_paginated_response(shapes.AuditEntrySerializer(rows, many=True).data)


def _model_id(actor: Any, name: str, *, field: str) -> str:
    """The public id of a model that a person named; "" where none was."""
    if not name.strip():
        return ""
    try:
        return str(selectors.model_named(actor, name.strip(), field=field).public_id)
    except NotFound as error:
        raise BadInput(error.message, errors=[{"field": field, "code": "does_not_exist", "message": error.message}]) from error


def _execution(actor: Any, public_id: uuid.UUID) -> dict[str, Any]:
    return _shown(selectors.access_execution(actor, public_id))


def _shown(row: TaskExecution) -> dict[str, Any]:
    return shapes.ExecutionSerializer(selectors.execution_detail(row)).data


router_entries = [
    ("orchestrator/tasks", ExecutionsViewSet),
    ("orchestrator", OrchestratorViewSet),
    ("escalation-rules", RulesViewSet),
    ("audit", AuditViewSet),
]
