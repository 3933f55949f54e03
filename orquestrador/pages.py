"""Pages that belong to no app: the start page, the first run, the system's settings."""

from __future__ import annotations

from django.urls import path
from django.views.generic import RedirectView

from orquestrador import pwa, views, wizard

urlpatterns = [
    path("", views.home, name="home"),
    path("sw.js", pwa.service_worker, name="service_worker"),
    path("manifest.webmanifest", pwa.manifest, name="manifest"),
    path("offline/", pwa.offline, name="offline"),
    path("settings/", RedirectView.as_view(pattern_name="accounts:profile")),
    path("settings/system/", views.system, name="settings_system"),
    path("welcome/start/", wizard.models, name="wizard"),
    path("welcome/start/found/", wizard.found, name="wizard_found"),
    path("welcome/start/use/", wizard.use, name="wizard_use"),
    path("welcome/start/test/", wizard.test, name="wizard_test"),
    path("welcome/start/ask/", wizard.ask, name="wizard_ask"),
    path("welcome/start/sample/", wizard.sample, name="wizard_sample"),
    path("welcome/start/skip/", wizard.skip, name="wizard_skip"),
]
