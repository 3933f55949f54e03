"""Pages of templates."""

from __future__ import annotations

from django.urls import path

from apps.knowledge import list_views, views

app_name = "knowledge"
urlpatterns = [
    path("templates/", list_views.template_list, name="templates"),
    path("templates/new/", views.template_new, name="template_new"),
    path("templates/bulk/", list_views.templates_bulk, name="templates_bulk"),
    path("templates/export/", list_views.templates_export, name="templates_export"),
    path("templates/import/", views.templates_import, name="templates_import"),
    path("templates/<uuid:id>/", views.template_page, name="template"),
    path("templates/<uuid:id>/edit/", views.template_edit, name="template_edit"),
    path("templates/<uuid:id>/versions/", views.template_versions, name="template_versions"),
    path("templates/<uuid:id>/bring-back/", views.template_bring_back, name="template_bring_back"),
    path("templates/<uuid:id>/delete/", views.template_delete, name="template_delete"),
    path("templates/<uuid:id>/restore/", views.template_restore, name="template_restore"),
]
