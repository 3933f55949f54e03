"""People, teams and tokens in the admin. Passwords and links are set by one-time links, never here."""

from __future__ import annotations

from axes.models import AccessAttempt, AccessAttemptExpiration, AccessFailureLog, AccessLog
from django.contrib import admin
from django.contrib.auth.models import Group
from django.http import HttpRequest
from rest_framework_simplejwt.token_blacklist.models import BlacklistedToken, OutstandingToken

from apps.accounts import models
from apps.common.admin import BaseAdmin, JournalAdmin

for table in (Group, OutstandingToken, BlacklistedToken, AccessAttempt, AccessFailureLog, AccessLog, AccessAttemptExpiration):
    if admin.site.is_registered(table):
        admin.site.unregister(table)  # they come with pages of another look, some with secrets


@admin.register(models.User)
class UserAdmin(BaseAdmin):
    list_display = ("email", "name", "is_active", "is_staff", "is_superuser", "last_login", "created_at")
    list_filter = ("is_active", "is_staff", "is_superuser")
    search_fields = ("email", "name")
    ordering = ("email",)
    fields = (
        "email",
        "name",
        "language",
        "theme",
        "is_active",
        "is_staff",
        "is_superuser",
        "groups",
        "user_permissions",
        "last_login",
    )
    readonly_fields = ("last_login",)
    filter_horizontal = ("groups", "user_permissions")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # people come by invitation, or by `./orq user create`

    def get_readonly_fields(self, request: HttpRequest, obj: models.User | None = None) -> tuple[str, ...]:
        """Only an owner of the installation hands out such rights."""
        found = super().get_readonly_fields(request, obj)
        is_owner = request.user.is_superuser
        return found if is_owner else (*found, "email", "is_staff", "is_superuser", "groups", "user_permissions")


@admin.register(models.Team)
class TeamAdmin(BaseAdmin):
    list_display = ("name", "created_at")
    search_fields = ("name",)
    ordering = ("name",)


@admin.register(models.Membership)
class MembershipAdmin(BaseAdmin):
    list_display = ("user", "team", "role", "created_at")
    list_filter = ("role",)
    search_fields = ("user__email", "team__name")


@admin.register(models.Invitation)
class InvitationAdmin(BaseAdmin):
    list_display = ("email", "team", "role", "invited_by", "expires_at", "accepted_at")
    list_filter = ("role",)
    search_fields = ("email", "team__name")

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False  # its link is told once, to the one who invites


@admin.register(models.Notification)
class NotificationAdmin(JournalAdmin):
    list_display = ("title", "user", "kind", "created_at", "read_at")
    list_filter = ("kind",)
    search_fields = ("title", "user__email")


@admin.register(models.SignIn)
class SignInAdmin(JournalAdmin):
    list_display = ("user", "address", "browser", "created_at")
    search_fields = ("user__email", "address")


@admin.register(models.IdempotentRequest)
class IdempotentRequestAdmin(JournalAdmin):
    list_display = ("path", "user", "key", "status", "started_at")
    search_fields = ("path", "key", "user__email")


@admin.register(Group)
class GroupAdmin(BaseAdmin):
    search_fields = ("name",)
    filter_horizontal = ("permissions",)


@admin.register(OutstandingToken)
class OutstandingTokenAdmin(JournalAdmin):
    list_display = ("jti", "user", "created_at", "expires_at")
    search_fields = ("jti", "user__email")


@admin.register(BlacklistedToken)
class BlacklistedTokenAdmin(JournalAdmin):
    list_display = ("token", "blacklisted_at")
    list_select_related = ("token__user",)
    search_fields = ("token__jti", "token__user__email")


@admin.register(AccessAttempt, AccessFailureLog, AccessLog)
class AccessAdmin(JournalAdmin):
    list_display = ("username", "ip_address", "attempt_time", "path_info")
    search_fields = ("username", "ip_address")
    exclude = ("get_data", "post_data")


@admin.register(AccessAttemptExpiration)
class AccessExpirationAdmin(JournalAdmin):
    list_display = ("access_attempt", "expires_at")
