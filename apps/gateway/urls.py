"""Pages of the gateway."""

from __future__ import annotations

from django.urls import path

from apps.gateway import views

app_name = "gateway"
urlpatterns = [
    path("gateway/keys/", views.key_list, name="keys"),
    path("gateway/keys/bulk/", views.key_bulk, name="keys_bulk"),
    path("gateway/keys/export/", views.keys_export, name="keys_export"),
    path("gateway/keys/<uuid:id>/", views.key_edit, name="key"),
    path("gateway/keys/<uuid:id>/delete/", views.key_delete, name="key_delete"),
]
