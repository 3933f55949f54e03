"""`./orq manage seed_templates`: the templates that every team has from the start. Safe to run again."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand
from django.utils.translation import gettext as _

from apps.knowledge.seeds import templates_ensure_for_all


class Command(BaseCommand):
    help = "Gives every team the templates that ship with the product. What people changed or deleted stays as it is."

    def handle(self, *args: Any, **options: Any) -> None:
        if made := templates_ensure_for_all():
            self.stdout.write(_("%d templates were added.") % made)
