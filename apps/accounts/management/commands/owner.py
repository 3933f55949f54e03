"""`manage.py owner`: sees to it that somebody can sign in. `orq up` calls it at every start; it asks nothing."""

from __future__ import annotations

import json
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.accounts import selectors, services
from apps.accounts.links import link_url
from apps.common.errors import OrquestradorError


class Command(BaseCommand):
    help = "Makes the owner from ORQ_OWNER_EMAIL and ORQ_OWNER_PASSWORD, or gives a one-time link while there is none."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--json", action="store_true", help='{"owner", "made", "sign_in_url", "welcome_url"}')

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            found = self._ensure()
        except OrquestradorError as error:
            raise CommandError(_("The owner could not be made: %(cause)s") % {"cause": error.message}) from error
        self.stdout.write(json.dumps(found) if options["json"] else _words(found))

    @staticmethod
    def _ensure() -> dict[str, Any]:
        found: dict[str, Any] = {
            "owner": None,
            "made": False,
            "sign_in_url": link_url(reverse("accounts:sign_in")),
            "welcome_url": None,
        }
        if settings.ORQ_OWNER_EMAIL and settings.ORQ_OWNER_PASSWORD:
            owner, made = services.owner_ensure(email=settings.ORQ_OWNER_EMAIL, password=settings.ORQ_OWNER_PASSWORD)
            return {**found, "owner": owner.email, "made": made}
        if selectors.has_owner():
            return {**found, "owner": selectors.owner_email()}
        return {**found, "welcome_url": link_url(reverse("accounts:welcome", args=[services.welcome_link_create()]))}


def _words(found: dict[str, Any]) -> str:
    if found["welcome_url"]:
        return _("Make the owner's account with this link, which works once and for 48 hours:") + f"\n  {found['welcome_url']}"
    if found["made"]:
        return _("The owner %(email)s was made. Sign in with the password from ORQ_OWNER_PASSWORD.") % {"email": found["owner"]}
    return _("Sign in as %(email)s.") % {"email": found["owner"]}
