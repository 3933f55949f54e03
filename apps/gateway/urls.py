"""Pages of the gateway."""

from __future__ import annotations

from django.urls import path

from apps.gateway import views

app_name = "gateway"
urlpatterns = [
    path("gateway/keys/", views.key_list, name="keys"),
    path("gateway/keys/<uuid:id>/", views.key_edit, name="key"),
    path("gateway/keys/<uuid:id>/delete/", views.key_delete, name="key_delete"),
]
