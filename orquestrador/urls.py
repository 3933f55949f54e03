"""Every address of the product."""

from __future__ import annotations

from django.contrib import admin
from django.urls import include, path

from apps.accounts.views.sign_in import admin_sign_in

handler400 = "apps.common.problems.bad_request"
handler403 = "apps.common.problems.permission_denied"
handler404 = "apps.common.problems.page_not_found"
handler500 = "apps.common.problems.server_error"

urlpatterns = [
    path("api/", include(("orquestrador.api", "api"))),
    path("admin/login/", admin_sign_in),
    path("admin/", admin.site.urls),
    path("", include("orquestrador.pages")),  # before accounts, whose one-time links are /welcome/<anything>/
    path("", include("apps.accounts.urls")),
    path("", include("apps.providers.urls")),
    path("", include("apps.chat.urls")),  # before tasks: /orchestrator/chat/ leads to it
    path("", include("apps.knowledge.urls")),
    path("", include("apps.tasks.urls")),
    path("", include("apps.gateway.urls")),
]
