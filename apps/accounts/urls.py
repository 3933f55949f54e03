"""Pages of people and teams."""

from __future__ import annotations

from django.urls import path

from apps.accounts import lists, views

app_name = "accounts"
urlpatterns = [
    path("sign-in/", views.sign_in, name="sign_in"),
    path("sign-out/", views.sign_out, name="sign_out"),
    path("welcome/<str:token>/", views.welcome, name="welcome"),
    path("invitations/<str:token>/", views.invitation, name="invitation"),
    path("settings/profile/", views.profile, name="profile"),
    path("settings/password/", views.password, name="password"),
    path("settings/appearance/", views.appearance, name="appearance"),
    path("settings/sessions/<uuid:id>/end/", views.session_end, name="session_end"),
    path("settings/sessions/end-others/", views.sessions_end_others, name="sessions_end_others"),
    path("settings/team/", views.team, name="team"),
    path("settings/team/export/", lists.members_export, name="members_export"),
    path("settings/team/invitations/", lists.invitation_list, name="invitations"),
    path("settings/team/invitations/bulk/", lists.invitations_bulk, name="invitations_bulk"),
    path("settings/team/invite/", views.invite, name="invite"),
    path("settings/team/invitations/<uuid:id>/revoke/", views.invite_revoke, name="invite_revoke"),
    path("settings/team/members/<uuid:id>/", views.member, name="member"),
    path("teams/switch/", views.team_switch, name="team_switch"),
    path("teams/new/", views.team_new, name="team_new"),
    path("language/", views.language, name="language"),
    path("notifications/", lists.notification_list, name="notifications"),
    path("notifications/bulk/", lists.notifications_bulk, name="notifications_bulk"),
    path("notifications/read-all/", views.notifications_read, name="notifications_read"),
    path("notifications/<uuid:notification_id>/", views.notification_open, name="notification"),
    path("notifications/<uuid:notification_id>/read/", views.notification_read, name="notification_read"),
]
