"""REST: budgets."""

from __future__ import annotations

from typing import Any

from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import TeamViewSet, valid
from apps.common.idempotency import idempotent
from apps.providers import selectors, services
from apps.providers.models import Budget
from apps.providers.serializers import budgets as shapes


class BudgetFilter(filters.FilterSet):
    class Meta:
        model = Budget
        fields = ("scope", "period", "is_active")


class BudgetsViewSet(TeamViewSet):
    """The most that a team, a person or a virtual key may spend in a day or a month. Admins see all of them, others their own."""

    visible = staticmethod(selectors.budgets_visible)
    access = staticmethod(selectors.access_budget)
    queryset = Budget.objects.all()
    serializer_class = shapes.BudgetSerializer
    filterset_class = BudgetFilter
    search_fields = ("name", "person__name", "person__email")
    ordering = ("created_at",)
    ordering_fields = ("name", "limit_usd", "created_at")

    @extend_schema(request=shapes.NewBudgetSerializer, responses={201: shapes.BudgetSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        """Set a budget. Admins set any, others one for themselves; what was spent in this day or month already counts."""
        asked = valid(shapes.NewBudgetSerializer(data=request.data, context=self.get_serializer_context()))
        budget = services.budget_create(self.actor, **asked)
        return Response(self._shown(budget), status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, id: str) -> Response:
        """Change it; for whom it is stays."""
        budget = self.get_object()
        asked = valid(self.get_serializer(budget, data=request.data, partial=True))
        return Response(self._shown(services.budget_update(self.actor, budget, **asked)))

    def destroy(self, request: Request, id: str) -> Response:
        services.budget_delete(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    def _shown(self, budget: Budget) -> dict[str, Any]:
        return self.get_serializer(selectors.access_budget(self.actor, budget.public_id)).data
