"""REST: templates of prompts."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import TeamViewSet
from apps.common.idempotency import idempotent
from apps.knowledge import selectors, services
from apps.knowledge import serializers as shapes
from apps.knowledge.models import Template


class TemplatesViewSet(TeamViewSet):
    """Prompts with places to fill in. In a chat one is called with “/” and its short name."""

    visible = staticmethod(selectors.templates_visible)
    access = staticmethod(selectors.access_template)
    queryset = Template.objects.all()
    serializer_class = shapes.TemplateSerializer
    ordering = ("name",)
    ordering_fields = ("name", "created_at", "updated_at")

    def get_queryset(self) -> Any:
        rows = super().get_queryset()
        if self.action != "list":
            return rows
        asked = self.request.query_params
        return selectors.with_category(selectors.with_words(rows, asked.get("search", "")), asked.get("category", ""))

    @extend_schema(
        parameters=[
            OpenApiParameter("search", str, description="Words in a name, its purpose or its text."),
            OpenApiParameter("category", str),
        ]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return super().list(request, *args, **kwargs)

    @extend_schema(request=shapes.NewTemplateSerializer, responses={201: shapes.TemplateSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        """Places in the text that are not among `variables` become texts to fill in."""
        row = services.template_create(self.actor, **_valid(shapes.NewTemplateSerializer, request))
        return Response(self.get_serializer(row).data, status.HTTP_201_CREATED)

    @extend_schema(request=shapes.TemplateChangesSerializer)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change what is given; the version before is kept."""
        row = self.get_object()
        return Response(
            self.get_serializer(
                services.template_update(self.actor, row, **_valid(shapes.TemplateChangesSerializer, request))
            ).data
        )

    def destroy(self, request: Request, id: str) -> Response:
        """Delete it; `restore` brings it back."""
        services.template_delete(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None)
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, id: str) -> Response:
        row = selectors.access_deleted_template(self.actor, id)
        return Response(self.get_serializer(services.template_restore(self.actor, row)).data)

    @extend_schema(request=shapes.ValuesSerializer, responses=shapes.RenderedSerializer)
    @action(detail=True, methods=["post"])
    def render(self, request: Request, id: str) -> Response:
        """Its text with the places filled in."""
        values = _valid(shapes.ValuesSerializer, request)["values"]
        return Response({"text": services.template_render(self.get_object(), values)})

    @extend_schema(responses=shapes.VersionSerializer(many=True))
    @action(detail=True, methods=["get"], pagination_class=None, filter_backends=())
    def versions(self, request: Request, id: str) -> Response:
        """All versions, the newest first."""
        rows = self.get_object().versions.select_related("edited_by")
        return Response([selectors.version_json(row) for row in rows])

    @extend_schema(responses=shapes.TemplateFileSerializer)
    @action(detail=False, methods=["get"], pagination_class=None)
    def export(self, request: Request) -> Response:
        """All of the team's templates as one file."""
        file = Response(selectors.export_json(selectors.templates_visible(self.actor)))
        file["Content-Disposition"] = 'attachment; filename="templates.json"'
        return file

    @extend_schema(
        operation_id="templates_import",
        request=shapes.TemplateFileSerializer,
        responses={201: shapes.TemplateSerializer(many=True)},
    )
    @action(detail=False, methods=["post"], url_path="import")
    @idempotent
    def import_(self, request: Request) -> Response:
        """All templates of a file, or none. One whose short name is taken gets another."""
        made = services.templates_import(self.actor, request.data)
        return Response([selectors.template_json(row) for row in made], status.HTTP_201_CREATED)


def _valid(serializer_class: Any, request: Request) -> dict[str, Any]:
    asked = serializer_class(data=request.data)
    asked.is_valid(raise_exception=True)
    return dict(asked.validated_data)


router_entries = [("templates", TemplatesViewSet)]
