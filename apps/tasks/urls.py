"""Pages of tasks."""

from __future__ import annotations

from django.urls import path

from apps.tasks import views

app_name = "tasks"
urlpatterns = [
    path("tasks/", views.task_list, name="list"),
    path("tasks/new/", views.task_new, name="new"),
    path("tasks/new/cast/", views.cast_preview, name="cast"),
    path("tasks/bulk/", views.task_bulk, name="bulk"),
    path("tasks/parts/", views.overview_parts, name="overview_parts"),
    path("tasks/<uuid:id>/", views.task_page, name="detail"),
    path("tasks/<uuid:id>/parts/", views.task_parts, name="parts"),
    path("tasks/<uuid:id>/trace/", views.task_trace, name="trace"),
    path("tasks/<uuid:id>/plan/", views.plan, name="plan"),
    path("tasks/<uuid:id>/delete/", views.task_delete, name="delete"),
    path("tasks/<uuid:id>/<slug:action>/", views.task_act, name="act"),
    path("tasks/steps/<uuid:id>/retry/", views.step_retry, name="retry"),
]
