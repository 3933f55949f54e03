"""Everything that changes people, teams and invitations, and tells people things."""

from apps.accounts.notifying import notification_send_mail, notifications_delete, notifications_read, notify
from apps.accounts.services.actors import actor_for
from apps.accounts.services.invitations import invite_accept, invite_create, invite_revoke
from apps.accounts.services.links import token_hash
from apps.accounts.services.people import (
    language_clean,
    password_change,
    password_check,
    password_set,
    profile_update,
    sessions_end_others,
    user_create,
    user_deactivate,
)
from apps.accounts.services.teams import member_remove, member_role_change, personal_team_ensure, team_create, team_rename
from apps.accounts.services.welcome import (
    owner_ensure,
    password_link_create,
    user_invited_create,
    welcome_accept,
    welcome_link_create,
)

__all__ = [
    "actor_for",
    "invite_accept",
    "invite_create",
    "invite_revoke",
    "language_clean",
    "member_remove",
    "member_role_change",
    "notification_send_mail",
    "notifications_delete",
    "notifications_read",
    "notify",
    "owner_ensure",
    "password_change",
    "password_check",
    "password_link_create",
    "password_set",
    "personal_team_ensure",
    "profile_update",
    "sessions_end_others",
    "team_create",
    "team_rename",
    "token_hash",
    "user_create",
    "user_deactivate",
    "user_invited_create",
    "welcome_accept",
    "welcome_link_create",
]
