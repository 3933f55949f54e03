"""REST: how good the checking is, benchmarks of validators, when steps are checked, and what people think of results."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import ActorMixin, TeamViewSet, valid
from apps.common.idempotency import idempotent
from apps.providers.selectors import access_model
from apps.tasks.models import CheckingSettings, ValidatorRun, VerifyingRule
from apps.tasks.selectors.checking import (
    access_run,
    access_verifying_rule,
    checking_quality,
    checking_settings_of,
    rules_of_checking,
    run_card,
    runs_visible,
)
from apps.tasks.serializers import checking as shapes
from apps.tasks.services.validator_runs import run_delete, run_plan, run_start, run_stop
from apps.tasks.services.verdicts import subtask_rate, task_rate
from apps.tasks.services.verifying import checking_settings_update, verifying_rule_delete, verifying_rule_save


class RatedTask:
    """`rate/` of a task's result."""

    @extend_schema(request=shapes.ResultThumbSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def rate(self, request: Request, id: str) -> Response:
        """Say whether the result is good: a thumb up, down, or taken back. It also tells how good the checker was."""
        me: Any = self
        task_rate(me.actor, me.get_object(), thumb=valid(shapes.ResultThumbSerializer(data=request.data))["thumb"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class RatedSubtask:
    """`rate/` of what a step gave."""

    @extend_schema(request=shapes.ResultThumbSerializer, responses={204: None})
    @action(detail=True, methods=["post"])
    def rate(self, request: Request, id: str) -> Response:
        """Say whether the step's result is good: a thumb up, down, or taken back."""
        me: Any = self
        subtask_rate(me.actor, me.get_object(), thumb=valid(shapes.ResultThumbSerializer(data=request.data))["thumb"])
        return Response(status=status.HTTP_204_NO_CONTENT)


class CheckingViewSet(ActorMixin, viewsets.GenericViewSet):
    """How often checkers are right, and what checking may use."""

    queryset = ValidatorRun.objects.none()
    filter_backends: Any = ()
    pagination_class = None
    serializer_class = shapes.CheckingQualitySerializer

    @extend_schema(
        parameters=[OpenApiParameter("checker", str, description="Only this checker, by its name.")],
        responses=shapes.CheckingQualitySerializer,
    )
    @action(detail=False, methods=["get"])
    def quality(self, request: Request) -> Response:
        """On planted faults, and on real work as far as a judge, a recovery or people made it known."""
        found = checking_quality(self.actor, checker=request.query_params.get("checker", ""))
        return Response(shapes.CheckingQualitySerializer(found.as_json()).data)

    @extend_schema(methods=["get"], responses=shapes.CheckingSettingsSerializer)
    @extend_schema(
        methods=["patch"], request=shapes.CheckingSettingsSerializer(partial=True), responses=shapes.CheckingSettingsSerializer
    )
    @action(detail=False, methods=["get", "patch"], url_path="settings")
    def used(self, request: Request) -> Response:
        """The web look-up and the vectors of meaning; both are off unless an admin switched them on."""
        if request.method == "PATCH":
            self.actor.must_manage()
            asked = valid(shapes.CheckingSettingsSerializer(data=request.data, partial=True))
            if asked.get("vectors_model"):
                asked["vectors_model"] = access_model(self.actor, asked["vectors_model"])
            checking_settings_update(self.actor, **asked)
        return Response(shapes.CheckingSettingsSerializer(_settings(checking_settings_of(self.actor.team.pk))).data)


def _settings(row: CheckingSettings) -> dict[str, Any]:
    names = ("search", "search_url", "search_results", "vectors", "vectors_folder")
    model = row.vectors_model.public_id if row.vectors_model else None
    return {**{name: getattr(row, name) for name in names}, "vectors_model": model}


class ValidatorRunsViewSet(TeamViewSet):
    """Benchmarks of validators: planted faults that models of the team judge. Admins start and stop them."""

    visible = staticmethod(runs_visible)
    access = staticmethod(access_run)
    queryset = ValidatorRun.objects.all()
    serializer_class = shapes.RunSerializer
    ordering_fields = ("created_at", "cost_usd")

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(shapes.RunSerializer([run_card(row) for row in page or []], many=True).data)

    def retrieve(self, request: Request, id: str) -> Response:
        return Response(shapes.RunSerializer(run_card(self.get_object())).data)

    @extend_schema(request=shapes.RunNewSerializer, responses={201: shapes.RunSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        """Start one. It costs what its calls cost; ask for the estimate first."""
        self.actor.must_manage()
        run = run_start(self.actor, **valid(shapes.RunNewSerializer(data=request.data)))
        return Response(shapes.RunSerializer(run_card(run)).data, status=status.HTTP_201_CREATED)

    def destroy(self, request: Request, id: str) -> Response:
        run_delete(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=shapes.RunNewSerializer, responses=shapes.EstimateSerializer)
    @action(detail=False, methods=["post"])
    def estimate(self, request: Request) -> Response:
        """What such a run would take. Nothing is asked of any model."""
        self.actor.must_manage()
        _rows, found = run_plan(self.actor, **valid(shapes.RunNewSerializer(data=request.data)))
        cost = None if found.usd is None else f"{found.usd:.8f}"
        return Response({"verdicts": found.verdicts, "calls": found.calls, "cost": cost})

    @extend_schema(request=None, responses=shapes.RunSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, id: str) -> Response:
        """Its calls are closed at once; what was judged stays."""
        return Response(shapes.RunSerializer(run_card(run_stop(self.actor, self.get_object()))).data)


class VerifyingRulesViewSet(TeamViewSet):
    """When steps of tasks are checked by another AI, by category. Without a rule: always."""

    visible = staticmethod(rules_of_checking)
    access = staticmethod(access_verifying_rule)
    queryset = VerifyingRule.objects.all()
    serializer_class = shapes.VerifyingRuleSerializer
    search_fields = ("category",)
    ordering = ("category", "pk")
    ordering_fields = ("category", "created_at")

    @extend_schema(responses={201: shapes.VerifyingRuleSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        """Make a rule; admins only. It holds for tasks that are made from now on."""
        self.actor.must_manage()
        rule = verifying_rule_save(self.actor, **valid(self.get_serializer(data=request.data)))
        return Response(self.get_serializer(rule).data, status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, id: str) -> Response:
        self.actor.must_manage()
        row = self.get_object()
        asked = valid(self.get_serializer(row, data=request.data, partial=True))
        return Response(self.get_serializer(verifying_rule_save(self.actor, row, **asked)).data)

    def destroy(self, request: Request, id: str) -> Response:
        verifying_rule_delete(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)


router_entries = [
    ("checking", CheckingViewSet),
    ("validator-runs", ValidatorRunsViewSet),
    ("verifying-rules", VerifyingRulesViewSet),
]
