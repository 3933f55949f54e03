"""Pages of people and teams."""

from __future__ import annotations

from django.urls import path

from apps.accounts.views import invitations, links, notifications, profile, sign_in, teams

app_name = "accounts"
urlpatterns = [
    path("sign-in/", sign_in.sign_in, name="sign_in"),
    path("sign-out/", sign_in.sign_out, name="sign_out"),
    path("welcome/<str:token>/", links.welcome, name="welcome"),
    path("invitations/<str:token>/", links.invitation, name="invitation"),
    path("settings/profile/", profile.profile, name="profile"),
    path("settings/password/", profile.password, name="password"),
    path("settings/appearance/", profile.appearance, name="appearance"),
    path("settings/sessions/<uuid:id>/end/", profile.session_end, name="session_end"),
    path("settings/sessions/end-others/", profile.sessions_end_others, name="sessions_end_others"),
    path("settings/team/", teams.team, name="team"),
    path("settings/team/export/", teams.members_export, name="members_export"),
    path("settings/team/invitations/", invitations.invitation_list, name="invitations"),
    path("settings/team/invitations/bulk/", invitations.invitations_bulk, name="invitations_bulk"),
    path("settings/team/invite/", teams.invite, name="invite"),
    path("settings/team/invitations/<uuid:id>/revoke/", invitations.invite_revoke, name="invite_revoke"),
    path("settings/team/members/<uuid:id>/", teams.member, name="member"),
    path("teams/switch/", teams.team_switch, name="team_switch"),
    path("teams/new/", teams.team_new, name="team_new"),
    path("language/", profile.language, name="language"),
    path("notifications/", notifications.notification_list, name="notifications"),
    path("notifications/bulk/", notifications.notifications_bulk, name="notifications_bulk"),
    path("notifications/read-all/", notifications.notifications_read, name="notifications_read"),
    path("notifications/<uuid:notification_id>/", notifications.notification_open, name="notification"),
    path("notifications/<uuid:notification_id>/read/", notifications.notification_read, name="notification_read"),
]
