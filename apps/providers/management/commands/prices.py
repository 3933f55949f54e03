"""`manage.py prices …`: the files of prices from the terminal."""

from __future__ import annotations

from typing import Any

from asgiref.sync import async_to_sync
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from apps.common.errors import OrquestradorError
from apps.providers import services
from apps.providers.prices import book, refresh
from apps.providers.prices.refresh import Difference

MOST_SHOWN = 200


class Command(BaseCommand):
    help = "refresh FILE|URL [--dry-run] [--source TEXT] [--all] | undo | show"

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        fetch = actions.add_parser(
            "refresh", help="take the prices of a file or an address: ours, LiteLLM's or models.dev's layout"
        )
        fetch.add_argument("place", metavar="FILE|URL")
        fetch.add_argument("--dry-run", action="store_true", help="only say what would change")
        fetch.add_argument("--source", default="", help="where they come from, for people; else the file's or address's name")
        fetch.add_argument("--all", action="store_true", help="show every difference, however many there are")
        actions.add_parser("undo", help="go back to the file before")
        actions.add_parser("show", help="which files hold, and of when they are")

    def handle(self, *_args: Any, **options: Any) -> None:
        try:
            getattr(self, "_" + options["action"])(options)
        except OrquestradorError as error:
            raise CommandError(_("%s Nothing was changed.") % error.message) from error

    def _refresh(self, options: dict[str, Any]) -> None:
        place = options["place"]
        text = async_to_sync(refresh.fetch)(place)
        source = options["source"] or place.rstrip("/").rpartition("/")[2] or place
        file = refresh.understood(text, source=source[:300], today=timezone.localdate().isoformat())
        changes = refresh.differences(file)
        self._show_changes(changes, most=None if options["all"] else MOST_SHOWN)
        about = {"models": len(file["models"]), "date": file["date"], "changes": len(changes)}
        self.stdout.write(_("%(models)d models, prices of %(date)s, %(changes)d prices differ.") % about)
        if options["dry_run"]:
            self.stdout.write(_("Nothing was changed: this was a trial."))
            return
        refresh.store(file)
        self._apply()

    def _undo(self, _options: dict[str, Any]) -> None:
        if not refresh.undo():
            raise CommandError(_("No file of prices was ever fetched; those that ship with the product hold."))
        self._show({})
        self._apply()

    def _show(self, _options: dict[str, Any]) -> None:
        for file in book.files():
            about = {"source": file["source"], "date": file["date"], "models": len(file["models"])}
            self.stdout.write(_("%(date)s: %(source)s (%(models)d models)") % about)

    def _apply(self) -> None:
        count = services.prices_apply()
        said = ngettext("%(count)d model has other prices now.", "%(count)d models have other prices now.", count)
        self.stdout.write(" ".join([said % {"count": count}, _("Prices that people set by hand stay.")]))

    def _show_changes(self, changes: list[Difference], *, most: int | None) -> None:
        for one in changes[:most]:
            before, after = (_("unknown") if price is None else price for price in (one.before, one.after))
            self.stdout.write(f"  {one.kind} {one.key}: {one.name} {before} → {after}")
        if most is not None and len(changes) > most:
            self.stdout.write(_("  … and %d more; --all shows them.") % (len(changes) - most))
