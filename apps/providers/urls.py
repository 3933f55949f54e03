"""Pages of providers and models."""

from __future__ import annotations

from django.urls import path

from apps.providers.views import breakers, budgets, found, management, models, providers

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
    path("providers/<uuid:id>/reset/", breakers.provider_reset, name="reset"),
    path("models/<uuid:id>/reset/", breakers.model_reset, name="model_reset"),
    path("budgets/", budgets.budget_list, name="budgets"),
    path("budgets/new/", budgets.budget_new, name="budget_new"),
    path("budgets/<uuid:id>/", budgets.budget_edit, name="budget_edit"),
    path("budgets/<uuid:id>/delete/", budgets.budget_delete, name="budget_delete"),
    path("models/", management.model_list, name="models"),
    path("models/refresh/", management.models_refresh, name="models_refresh"),
    path("models/reset-failed/", management.models_reset, name="models_reset"),
    path("models/recommend/", management.model_recommend, name="recommend"),
    path("models/settings/", management.model_settings, name="model_settings"),
    path("models/found/", found.found_list, name="found"),
    path("models/found/look/", found.found_look, name="found_look"),
    path("models/found/<uuid:id>/accept/", found.found_accept, name="found_accept"),
    path("models/found/<uuid:id>/ignore/", found.found_ignore, name="found_ignore"),
    path("models/downloads/", found.download_list, name="downloads"),
    path("models/<uuid:id>/load/", management.model_load, name="model_load"),
    path("models/<uuid:id>/load/cancel/", management.load_cancel, name="load_cancel"),
    path("models/<uuid:id>/unload/", management.model_unload, name="model_unload"),
    path("models/<uuid:id>/reset/", management.model_reset, name="model_reset"),
    path("models/<uuid:id>/verify/", management.model_verify, name="model_verify"),
    path("models/<uuid:id>/suggest/", management.model_suggest, name="model_suggest"),
    path("models/<uuid:id>/", models.model_edit, name="model"),
    path("models/<uuid:id>/toggle/", models.model_toggle, name="model_toggle"),
]
