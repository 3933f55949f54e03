"""REST: signing in, the person, teams, invitations, notifications, health."""

from __future__ import annotations

import uuid
from typing import Any

from django.urls import path, reverse
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, inline_serializer
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.permissions import AllowAny
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from apps.accounts import selectors, services, sessions
from apps.accounts.actor import Actor
from apps.accounts.models import Invitation, Membership, Notification, Role, Team
from apps.common.api import UUID_PATTERN, ActorMixin, PublicSerializer, TeamViewSet, valid
from apps.common.health import PART_STATUSES, STATUSES, health


# ── Tokens ────────────────────────────────────────────────────────────────────────────────────────────────────────
class TokenRequestSerializer(serializers.Serializer):
    email = serializers.EmailField()
    password = serializers.CharField(trim_whitespace=False, max_length=256)


class RefreshSerializer(serializers.Serializer):
    refresh = serializers.CharField(max_length=2_000)


class TokensSerializer(serializers.Serializer):
    access = serializers.CharField()
    refresh = serializers.CharField()


class TokenView(APIView):
    """Tokens for an e-mail and its password. Too many wrong ones lock the e-mail for a while (429)."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(request=TokenRequestSerializer, responses=TokensSerializer, auth=[])
    def post(self, request: Request) -> Response:
        asked = valid(TokenRequestSerializer(data=request.data))
        user = sessions.person_of(request._request, email=asked["email"], password=asked["password"])
        return Response(sessions.tokens_issue(user))


class TokenRefreshView(APIView):
    """New tokens for a refresh token, which counts once."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(request=RefreshSerializer, responses=TokensSerializer, auth=[])
    def post(self, request: Request) -> Response:
        return Response(sessions.tokens_rotate(valid(RefreshSerializer(data=request.data))["refresh"]))


class SignOutView(APIView):
    """Revoke a refresh token. It is its own proof, so that one can sign out when the access token is out of date."""

    authentication_classes = ()
    permission_classes = (AllowAny,)

    @extend_schema(request=RefreshSerializer, responses={204: None}, auth=[])
    def post(self, request: Request) -> Response:
        sessions.tokens_revoke(valid(RefreshSerializer(data=request.data))["refresh"])
        return Response(status=status.HTTP_204_NO_CONTENT)


# ── The person ────────────────────────────────────────────────────────────────────────────────────────────────────
class MyTeamSerializer(serializers.Serializer):
    id = serializers.UUIDField()
    name = serializers.CharField()
    role = serializers.ChoiceField(choices=Role.choices)


class MeSerializer(serializers.Serializer):
    id = serializers.UUIDField(read_only=True)
    email = serializers.EmailField(read_only=True)
    name = serializers.CharField(max_length=120, allow_blank=True, required=False)
    language = serializers.CharField(max_length=10, allow_blank=True, required=False)
    theme = serializers.CharField(max_length=6, required=False)
    is_owner = serializers.BooleanField(read_only=True)
    team = MyTeamSerializer(read_only=True)
    teams = MyTeamSerializer(many=True, read_only=True)


class MeView(ActorMixin, APIView):
    """Who I am, in which team I work (`X-Orq-Team` chooses another), and my settings."""

    @extend_schema(responses=MeSerializer)
    def get(self, request: Request) -> Response:
        return Response(MeSerializer(selectors.me(self.actor)).data)

    @extend_schema(request=MeSerializer, responses=MeSerializer)
    def patch(self, request: Request) -> Response:
        services.profile_update(self.actor, **valid(MeSerializer(data=request.data, partial=True)))
        return Response(MeSerializer(selectors.me(self.actor)).data)


# ── Teams ─────────────────────────────────────────────────────────────────────────────────────────────────────────
class TeamSerializer(PublicSerializer):
    role = serializers.ChoiceField(choices=Role.choices, read_only=True, help_text="Yours.")

    class Meta:
        model = Team
        fields = ("id", "name", "role", "created_at")


class MemberSerializer(PublicSerializer):
    email = serializers.EmailField(source="user.email", read_only=True)
    name = serializers.CharField(source="user.name", read_only=True)

    class Meta:
        model = Membership
        fields = ("id", "email", "name", "role", "created_at")


class TeamsViewSet(TeamViewSet):
    """The teams I am in. Their data is apart."""

    visible = staticmethod(selectors.teams_visible)
    access = staticmethod(selectors.access_team)
    queryset = Team.objects.all()
    serializer_class = TeamSerializer
    ordering_fields = ("name", "created_at")
    search_fields = ("name",)

    def create(self, request: Request) -> Response:
        team = services.team_create(self.actor.user, **self._valid())
        return Response(self._shown(team), status=status.HTTP_201_CREATED)

    def partial_update(self, request: Request, id: str) -> Response:
        team = services.team_rename(self._actor_there(), **self._valid())
        return Response(self._shown(team))

    @extend_schema(responses=MemberSerializer(many=True), filters=False)
    @action(detail=True, methods=["get"])
    def members(self, request: Request, id: str) -> Response:
        """Who is in the team."""
        page = self.paginate_queryset(selectors.members_list(self._actor_there()))
        return self.get_paginated_response(MemberSerializer(page, many=True).data)

    @extend_schema(methods=["PATCH"], request=MemberSerializer, responses=MemberSerializer)
    @extend_schema(methods=["DELETE"], responses={204: None})
    @action(detail=True, methods=["patch", "delete"], url_path=f"members/(?P<member_id>{UUID_PATTERN})")
    def member(self, request: Request, id: str, member_id: str) -> Response:
        """Change the role of a member, or take them out. A team keeps an owner."""
        there = self._actor_there()
        row = selectors.access_member(there, uuid.UUID(member_id))
        if request.method == "DELETE":
            services.member_remove(there, row)
            return Response(status=status.HTTP_204_NO_CONTENT)
        asked = valid(MemberSerializer(row, data=request.data))
        return Response(MemberSerializer(services.member_role_change(there, row, role=asked["role"])).data)

    def _actor_there(self) -> Actor:
        return selectors.actor_in(self.actor, uuid.UUID(self.kwargs["id"]))

    def _valid(self) -> dict[str, Any]:
        return valid(self.get_serializer(data=self.request.data))

    def _shown(self, team: Team) -> dict[str, Any]:
        return self.get_serializer(selectors.access_team(self.actor, team.public_id)).data


class InvitationSerializer(PublicSerializer):
    invited_by = serializers.CharField(source="invited_by.email", read_only=True, default=None, allow_null=True)

    class Meta:
        model = Invitation
        fields: tuple[str, ...] = ("id", "email", "role", "invited_by", "expires_at", "created_at")
        read_only_fields = ("expires_at",)
        extra_kwargs = {"email": {"required": True, "allow_blank": False}}


class NewInvitationSerializer(InvitationSerializer):
    link = serializers.CharField(read_only=True, help_text="Told this once.")

    class Meta(InvitationSerializer.Meta):
        fields = (*InvitationSerializer.Meta.fields, "link")


class InvitationsViewSet(TeamViewSet):
    """Invitations to my team that nobody has accepted yet; only admins see them."""

    visible = staticmethod(selectors.invitations_visible)
    access = staticmethod(selectors.access_invitation)
    queryset = Invitation.objects.all()
    serializer_class = InvitationSerializer
    ordering_fields = ("email", "expires_at", "created_at")
    search_fields = ("email",)

    @extend_schema(responses={201: NewInvitationSerializer})
    def create(self, request: Request) -> Response:
        """The answer carries the link, this once; whoever opens it joins."""
        asked = valid(self.get_serializer(data=request.data))
        invitation, token = services.invite_create(self.actor, **asked)
        invitation.link = request.build_absolute_uri(reverse("accounts:invitation", args=[token]))  # type: ignore[attr-defined]
        return Response(NewInvitationSerializer(invitation).data, status=status.HTTP_201_CREATED)

    def destroy(self, request: Request, id: str) -> Response:
        services.invite_revoke(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)


# ── Notifications ─────────────────────────────────────────────────────────────────────────────────────────────────
class NotificationSerializer(PublicSerializer):
    class Meta:
        model = Notification
        fields = ("id", "kind", "title", "body", "url", "created_at", "read_at")


class NotificationFilter(filters.FilterSet):
    unread = filters.BooleanFilter(field_name="read_at", lookup_expr="isnull")

    class Meta:
        model = Notification
        fields = ("unread", "kind")


class NotificationsViewSet(TeamViewSet):
    """What I should know."""

    visible = staticmethod(selectors.notifications_visible)
    access = staticmethod(selectors.access_notification)
    queryset = Notification.objects.all()
    serializer_class = NotificationSerializer
    filterset_class = NotificationFilter
    search_fields = ("title", "body")

    @extend_schema(request=None, responses=NotificationSerializer)
    @action(detail=True, methods=["post"])
    def read(self, request: Request, id: str) -> Response:
        """Mark one as read."""
        row = self.get_object()
        services.notifications_read(self.actor, only=row.public_id)
        return Response(self.get_serializer(self.get_object()).data)

    @extend_schema(
        operation_id="notifications_read_all",
        request=None,
        responses=inline_serializer("NotificationsRead", {"read": serializers.IntegerField()}),
    )
    @action(detail=False, methods=["post"], url_path="read-all")
    def read_all(self, request: Request) -> Response:
        """Mark all as read."""
        return Response({"read": services.notifications_read(self.actor)})


# ── Health ────────────────────────────────────────────────────────────────────────────────────────────────────────
class PartSerializer(serializers.Serializer):
    status = serializers.ChoiceField(choices=PART_STATUSES)
    detail = serializers.CharField()


class HealthSerializer(serializers.Serializer):
    status = serializers.ChoiceField(choices=STATUSES)
    version = serializers.CharField(required=False, help_text="For those signed in.")
    parts = serializers.DictField(child=PartSerializer(), required=False, help_text="For those signed in.")


class HealthView(APIView):
    """200 when the installation can serve, 503 when it cannot. Strangers are told no more than up or down."""

    permission_classes = (AllowAny,)

    def perform_authentication(self, request: Request) -> None:
        """Not before we know that the database answers."""

    @extend_schema(responses={200: HealthSerializer, 503: HealthSerializer})
    def get(self, request: Request) -> Response:
        found = health()
        can_serve = found["status"] != "down"
        if not (can_serve and request.user.is_authenticated):
            found = {"status": "up" if can_serve else "down"}
        return Response(found, status=200 if can_serve else 503, headers={"Cache-Control": "no-store"})


router_entries = [
    ("teams", TeamsViewSet),
    ("invitations", InvitationsViewSet),
    ("notifications", NotificationsViewSet),
]
api_urlpatterns = [
    path("health/", HealthView.as_view(), name="health"),
    path("auth/token/", TokenView.as_view(), name="token"),
    path("auth/token/refresh/", TokenRefreshView.as_view(), name="token-refresh"),
    path("auth/sign-out/", SignOutView.as_view(), name="sign-out"),
    path("me/", MeView.as_view(), name="me"),
]
