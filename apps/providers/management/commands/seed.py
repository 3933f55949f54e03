"""`./orq manage seed`: what every installation has from the start. Safe to run again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from apps.providers import services


class Command(BaseCommand):
    help = "Gives every team its built-in provider with the practice models."

    def handle(self, *args: Any, **options: Any) -> None:
        teams = services.builtin_ensure_for_all()
        self.stdout.write(_("Built-in engine ready for %d teams.") % teams)
