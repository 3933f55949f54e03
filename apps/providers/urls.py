"""Pages of providers and models."""

from __future__ import annotations

from django.urls import path

from apps.providers import views

app_name = "providers"
urlpatterns = [
    path("providers/", views.provider_list, name="list"),
    path("providers/discover/", views.provider_discover, name="discover"),
    path("providers/practice/", views.practice, name="practice"),
    path("providers/new/", views.provider_choose, name="choose"),
    path("providers/new/<slug:slug>/", views.provider_new, name="new"),
    path("providers/<uuid:id>/", views.provider_detail, name="detail"),
    path("providers/<uuid:id>/edit/", views.provider_edit, name="edit"),
    path("providers/<uuid:id>/check/", views.provider_check, name="check"),
    path("providers/<uuid:id>/sync/", views.provider_sync, name="sync"),
    path("providers/<uuid:id>/toggle/", views.provider_toggle, name="toggle"),
    path("providers/<uuid:id>/delete/", views.provider_delete, name="delete"),
    path("models/<uuid:id>/", views.model_edit, name="model"),
    path("models/<uuid:id>/toggle/", views.model_toggle, name="model_toggle"),
]
