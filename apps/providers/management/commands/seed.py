"""`./orq manage seed`: what every installation has from the start. Safe to run again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from apps.providers import services


class Command(BaseCommand):
    help = "Gives every team its built-in provider with the practice models, and the specialized AIs that ship with the product."

    def handle(self, *args: Any, **options: Any) -> None:
        made = services.specialized_ais_ensure_for_all()
        teams = services.builtin_ensure_for_all()
        self.stdout.write(_("Built-in engine ready for %d teams.") % teams)
        if made:
            self.stdout.write(_("%d specialized AIs were added.") % made)
