from __future__ import annotations

from django.apps import AppConfig


class OrquestradorConfig(AppConfig):
    name = "orquestrador"

    def ready(self) -> None:
        from apps.common import palette
        from orquestrador.palette import actions_found, pages_found

        palette.register("page", pages_found)
        palette.register("action", actions_found)
