"""Every address of the product."""

from __future__ import annotations

import importlib.util

from django.conf import settings
from django.conf.urls.static import static
from django.contrib import admin
from django.urls import include, path

from apps.accounts.views import admin_sign_in

handler400 = "apps.common.problems.bad_request"
handler403 = "apps.common.problems.permission_denied"
handler404 = "apps.common.problems.page_not_found"
handler500 = "apps.common.problems.server_error"

urlpatterns = [
    path("api/", include(("orquestrador.api", "api"))),
    path("admin/login/", admin_sign_in),
    path("admin/", admin.site.urls),
    path("", include("orquestrador.pages")),
    path("", include("apps.accounts.urls")),
]
for module in ("apps.providers.urls", "apps.tasks.urls"):
    if importlib.util.find_spec(module):
        urlpatterns.append(path("", include(module)))
if settings.DEBUG:
    urlpatterns += static(settings.STATIC_URL, document_root=settings.STATIC_ROOT)
