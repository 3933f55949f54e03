"""The REST API as one tree: what each app's api.py offers, the schema, and its browsable pages."""

from __future__ import annotations

from django.urls import include, path, re_path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerView
from rest_framework.routers import DefaultRouter

from apps.accounts import api as accounts
from apps.chat import api as chat
from apps.common.problems import api_not_found
from apps.gateway import api as gateway
from apps.knowledge import api as knowledge
from apps.providers import api as providers
from apps.tasks import api as tasks
from orquestrador.palette import PaletteView

router = DefaultRouter()
router.include_format_suffixes = False  # one address for each thing; the Accept header says how
entries = (
    *providers.router_entries,
    *knowledge.router_entries,
    *tasks.router_entries,
    *gateway.router_entries,
    *chat.router_entries,
    *accounts.router_entries,
)
for prefix, view_set in entries:
    router.register(prefix, view_set, basename=prefix)

urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("docs/", SpectacularSwaggerView.as_view(url_name="api:schema"), name="docs"),
    *accounts.api_urlpatterns,
    path("palette/", PaletteView.as_view(), name="palette"),
    path("", include(router.urls)),
    re_path(r"^.*/$", api_not_found),
]
