"""Pages of providers and models."""

from __future__ import annotations

from django.urls import path

from apps.providers.views import models, providers

app_name = "providers"
urlpatterns = [
    path("providers/", providers.provider_list, name="list"),
    path("providers/discover/", providers.provider_discover, name="discover"),
    path("providers/practice/", providers.practice, name="practice"),
    path("providers/new/", providers.provider_choose, name="choose"),
    path("providers/new/<slug:slug>/", providers.provider_new, name="new"),
    path("providers/<uuid:id>/", providers.provider_detail, name="detail"),
    path("providers/<uuid:id>/edit/", providers.provider_edit, name="edit"),
    path("providers/<uuid:id>/check/", providers.provider_check, name="check"),
    path("providers/<uuid:id>/sync/", providers.provider_sync, name="sync"),
    path("providers/<uuid:id>/toggle/", providers.provider_toggle, name="toggle"),
    path("providers/<uuid:id>/delete/", providers.provider_delete, name="delete"),
    path("models/<uuid:id>/", models.model_edit, name="model"),
    path("models/<uuid:id>/toggle/", models.model_toggle, name="model_toggle"),
]
