"""REST: accounts at AI vendors."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from apps.common.api import TeamViewSet, valid
from apps.common.idempotency import idempotent
from apps.providers import selectors, services
from apps.providers.models import ExternalAccount
from apps.providers.serializers import accounts as shapes


class AccountFilter(filters.FilterSet):
    class Meta:
        model = ExternalAccount
        fields = ("vendor",)


class AccountsViewSet(TeamViewSet):
    """Accounts at AI vendors: what is left on them as the vendor says, else what was spent as recorded here. Null is unknown."""

    visible = staticmethod(selectors.accounts_visible)
    access = staticmethod(selectors.access_account)
    queryset = ExternalAccount.objects.all()
    serializer_class = shapes.AccountSerializer
    filterset_class = AccountFilter
    search_fields = ("name", "vendor")
    ordering = ("name", "pk")
    ordering_fields = ("name", "created_at")

    @extend_schema(request=shapes.NewAccountSerializer, responses={201: shapes.AccountSerializer})
    @idempotent
    def create(self, request: Request) -> Response:
        """Add an account, with a key that is there already (`key`) or a new one (`secret`)."""
        asked = valid(shapes.NewAccountSerializer(data=request.data, context=self.get_serializer_context()))
        return Response(self._shown(services.account_create(self.actor, **asked)), status=status.HTTP_201_CREATED)

    @extend_schema(request=shapes.AccountChangesSerializer, responses=shapes.AccountSerializer)
    def partial_update(self, request: Request, id: str) -> Response:
        """Change its name, key, limit or the level below which it says so."""
        asked = valid(shapes.AccountChangesSerializer(data=request.data, context=self.get_serializer_context()))
        return Response(self._shown(services.account_update(self.actor, self.get_object(), **asked)))

    def destroy(self, request: Request, id: str) -> Response:
        services.account_delete(self.actor, self.get_object())
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses=shapes.AccountSerializer)
    @action(detail=True, methods=["post"], url_path="sync-credits")
    def sync_credits(self, request: Request, id: str) -> Response:
        """Ask the vendor what is left; 409 where it tells nobody."""
        return Response(self._shown(async_to_sync(services.account_sync)(self.actor, self.get_object())))

    def _shown(self, account: ExternalAccount) -> dict[str, Any]:
        return self.get_serializer(selectors.access_account(self.actor, account.public_id)).data
