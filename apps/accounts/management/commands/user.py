"""`manage.py user …`: accounts from the terminal, for whoever looks after the installation."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse
from django.utils.translation import gettext as _

from apps.accounts import services
from apps.accounts.links import link_url
from apps.accounts.models import User
from apps.common.errors import OrquestradorError


class Command(BaseCommand):
    help = "list | create EMAIL [--name NAME] [--owner] | password-link EMAIL | deactivate EMAIL"

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("list", help="everybody, one a line").add_argument("--json", action="store_true")
        create = actions.add_parser("create", help="an account, and a one-time link by which the person sets a password")
        create.add_argument("email")
        create.add_argument("--name", default="")
        create.add_argument("--owner", action="store_true", help="may look after the whole installation")
        actions.add_parser("password-link", help="a one-time link to set a new password").add_argument("email")
        actions.add_parser("deactivate", help="they cannot sign in any more; their things stay").add_argument("email")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            getattr(self, "_" + options["action"].replace("-", "_"))(options)
        except OrquestradorError as error:
            raise CommandError(error.message) from error

    def _list(self, options: dict[str, Any]) -> None:
        users = User.objects.order_by("email")
        if options["json"]:
            rows = [
                {"email": user.email, "name": user.name, "active": user.is_active, "owner": user.is_superuser} for user in users
            ]
            self.stdout.write(json.dumps(rows))
            return
        for user in users:
            marks = [_("owner")] * user.is_superuser + [_("deactivated")] * (not user.is_active)
            self.stdout.write("\t".join([user.email, user.name, ", ".join(marks)]).rstrip())

    def _create(self, options: dict[str, Any]) -> None:
        user = services.user_invited_create(email=options["email"], name=options["name"], is_owner=options["owner"])
        self._tell_link(user)

    def _password_link(self, options: dict[str, Any]) -> None:
        self._tell_link(_person(options["email"]))

    def _deactivate(self, options: dict[str, Any]) -> None:
        user = _person(options["email"])
        services.user_deactivate(user)
        self.stdout.write(_("%(email)s cannot sign in any more.") % {"email": user.email})

    def _tell_link(self, user: User) -> None:
        link = link_url(reverse("accounts:welcome", args=[services.password_link_create(user)]))
        self.stdout.write(
            _("%(email)s sets a password with this link, which works once and for 48 hours:") % {"email": user.email}
        )
        self.stdout.write(f"  {link}")


def _person(email: str) -> User:
    user = User.objects.filter(email=email.strip().lower()).first()
    if user is None:
        raise CommandError(_("Nobody here has the e-mail %(email)s.") % {"email": email})
    return user
