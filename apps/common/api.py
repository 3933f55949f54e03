"""What every REST view shares: one error handler, the actor, look-up by public id through `access_*` selectors."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any, ClassVar

from django.db.models import Model, QuerySet
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.response import Response
from rest_framework.views import set_rollback

from apps.common.errors import NotFound
from apps.common.problems import CONTENT_TYPE, problem_of

UUID_PATTERN = "[0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"


def problem_response(error: Exception, context: dict[str, Any]) -> Response:
    """DRF's exception handler: every error of every view as problem details (RFC 9457)."""
    problem = problem_of(error)
    set_rollback()
    request = context.get("request")
    body = problem.as_dict(request_id=getattr(request, "request_id", ""))
    return Response(body, status=problem.status, headers=problem.all_headers, content_type=CONTENT_TYPE)


class ActorMixin:
    """`self.actor`: the person of this request, acting in one team, after whatever way of signing in."""

    request: Any

    @property
    def actor(self) -> Any:
        return self.request.actor

    @property
    def is_drawing_the_schema(self) -> bool:
        return getattr(self, "swagger_fake_view", False)


class TeamViewSet(ActorMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet):
    """Rows of the actor's team, named by public id. Writing methods are added by each view set and call services.

    A subclass gives `visible` (a selector: actor → queryset), `access` (a selector: actor, id → row or NotFound), both as
    staticmethods, `serializer_class`, `queryset` (for the schema alone), and `ordering_fields`.
    """

    lookup_field = "public_id"
    lookup_url_kwarg = "id"
    lookup_value_regex = UUID_PATTERN
    visible: Any
    access: Any
    ordering_fields: ClassVar[tuple[str, ...]] = ("created_at",)

    def get_queryset(self) -> QuerySet:
        if self.is_drawing_the_schema:
            return super().get_queryset().none()
        return type(self).visible(self.actor)

    def get_object(self) -> Any:
        row = type(self).access(self.actor, uuid.UUID(self.kwargs[self.lookup_url_kwarg]))
        self.check_object_permissions(self.request, row)
        return row


class PublicSerializer(serializers.ModelSerializer):
    """A row as JSON, whose `id` is its public id."""

    id = serializers.UUIDField(source="public_id", read_only=True)


@extend_schema_field({"type": "string", "format": "uuid"})
class PublicIdField(serializers.Field):
    """A reference by public id. What is written is looked up with the actor's eyes, so that another team's row is unknown.

    `access`: an `access_*` selector.
    """

    default_error_messages = {
        "invalid": _("This is not an id."),
        "does_not_exist": _("There is nothing here under that id."),
    }

    def __init__(self, *, access: Callable[[Any, uuid.UUID], Model], **kwargs: Any) -> None:
        self.access = access
        super().__init__(**kwargs)

    def to_internal_value(self, data: Any) -> Model:
        try:
            public_id = uuid.UUID(str(data))
        except ValueError:
            self.fail("invalid")
        try:
            return self.access(self.context["request"].actor, public_id)
        except NotFound:
            self.fail("does_not_exist")

    def to_representation(self, value: Model) -> str:
        return str(value.public_id)  # type: ignore[attr-defined]


def valid(serializer: serializers.BaseSerializer) -> dict[str, Any]:
    """What was sent, as the serializer gives it. Raises its ValidationError."""
    serializer.is_valid(raise_exception=True)
    return serializer.validated_data
