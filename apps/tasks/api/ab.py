"""REST: A/B tests of two strategies, and what they found."""

from __future__ import annotations

from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import TeamViewSet, valid
from apps.common.idempotency import idempotent
from apps.tasks.models import ABTest
from apps.tasks.selectors.ab import ab_result, ab_tests_visible, access_ab_test
from apps.tasks.serializers import ab as shapes
from apps.tasks.services.ab import ab_create, ab_delete, ab_design, ab_rename, ab_stop


class ABTestsViewSet(TeamViewSet):
    """Two strategies, each on its share of the prompts that leave the choice to the route. Read by all, changed by admins."""

    visible = staticmethod(ab_tests_visible)
    access = staticmethod(access_ab_test)
    queryset = ABTest.objects.all()
    serializer_class = shapes.ABTestSerializer
    filterset_fields = ("status", "measure")
    search_fields = ("name",)
    ordering = ("-created_at",)
    ordering_fields = ("created_at", "name")

    @extend_schema(responses=shapes.ABTestWithResultSerializer)
    def retrieve(self, request: Request, id: str) -> Response:
        """With what was measured so far, and what may be said of it."""
        test = self.get_object()
        return Response(shapes.ABTestWithResultSerializer(test, context={"result": ab_result(test)}).data)

    @extend_schema(request=shapes.ABTestAskedSerializer, responses={201: shapes.ABTestSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        """Begin a test; admins only, and one at a time. The sample it needs is computed now and does not change."""
        self.actor.must_manage()
        test = ab_create(self.actor, **valid(shapes.ABTestAskedSerializer(data=request.data)))
        return Response(shapes.ABTestSerializer(test).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=shapes.ABNameSerializer, responses=shapes.ABTestSerializer)
    def partial_update(self, request: Request, id: str) -> Response:
        """Give it another name; what is being measured stays as it was begun."""
        self.actor.must_manage()
        test = self.get_object()
        ab_rename(self.actor, test, valid(shapes.ABNameSerializer(data=request.data))["name"])
        return Response(shapes.ABTestSerializer(test).data)

    def destroy(self, request: Request, id: str) -> Response:
        """Its prompts stay, and belong to no test any more."""
        ab_delete(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=shapes.ABTestSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, id: str) -> Response:
        """Prompts take their own strategy again. What was measured stays."""
        test = self.get_object()
        ab_stop(self.actor, test)
        test.refresh_from_db()
        return Response(shapes.ABTestSerializer(test).data)

    @extend_schema(request=shapes.ABDesignAskedSerializer, responses=shapes.ABDesignSerializer)
    @action(detail=False, methods=["post"])
    def sample(self, request: Request) -> Response:
        """How many prompts each side would need. Begins nothing."""
        self.actor.must_manage()
        asked = valid(shapes.ABDesignAskedSerializer(data=request.data))
        return Response(shapes.ABDesignSerializer(ab_design(self.actor.team.pk, asked["measure"], asked["effect"])).data)


router_entries = [("orchestrator/ab-tests", ABTestsViewSet)]
