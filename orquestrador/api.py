"""The REST API as one tree: each app's `router_entries` and `urlpatterns`, the schema and its browsable pages."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Iterator

from django.urls import URLPattern, include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import DefaultRouter

from apps.accounts import api as accounts_api
from apps.common.problems import api_not_found

APPS = ("apps.accounts", "apps.providers", "apps.tasks")


def _parts() -> Iterator[object]:
    for app in APPS:
        if importlib.util.find_spec(f"{app}.api"):
            yield importlib.import_module(f"{app}.api")


router = DefaultRouter()
router.include_root_view = True
extra: list[URLPattern] = []
for part in _parts():
    for prefix, view_set in getattr(part, "router_entries", ()):
        router.register(prefix, view_set, basename=prefix)
    extra += getattr(part, "api_urlpatterns", [])

urlpatterns = [
    path("health/", accounts_api.HealthView.as_view(), name="health"),
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="api:schema"), name="docs"),
    *extra,
    path("", include(router.urls)),
    re_path(r"^.*/$", api_not_found),
]
