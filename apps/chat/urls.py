"""Pages of chats."""

from __future__ import annotations

from django.urls import path
from django.views.generic import RedirectView

from apps.chat import views

app_name = "chat"
urlpatterns = [
    path("chat/", views.chat_list, name="list"),
    path("chat/new/", views.chat_new, name="new"),
    path("chat/rows/", views.rows, name="rows"),
    path("chat/many/", views.many, name="many"),
    path("chat/export/", views.export_many, name="export_many"),
    path("chat/models/", views.picker, name="picker"),
    path("chat/<uuid:conversation_id>/", views.thread, name="thread"),
    path("chat/<uuid:conversation_id>/head/", views.head, name="head"),
    path("chat/<uuid:conversation_id>/turns/", views.turns, name="turns"),
    path("chat/<uuid:conversation_id>/branch/", views.branch, name="branch"),
    path("chat/<uuid:conversation_id>/export/", views.export, name="export"),
    path("orchestrator/chat/", RedirectView.as_view(pattern_name="chat:list", query_string=True), name="orchestrator_chat"),
]
