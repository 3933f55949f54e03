"""`manage.py audit verify`: whether the audit logs are as they were written, from the terminal."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils.translation import gettext as _

from apps.accounts.models import Team
from apps.tasks.audit_words import problem_words
from apps.tasks.services.audit import AuditReport, audit_verify


class Command(BaseCommand):
    help = "verify [--team ID] [--json]"

    def add_arguments(self, parser: CommandParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        verify = actions.add_parser("verify", help="find rows of the audit log that were changed, removed, moved or added")
        verify.add_argument("--team", default="", help="only the team of this id")
        verify.add_argument("--json", action="store_true", help="a JSON line for each team")

    def handle(self, *_args: Any, **options: Any) -> None:
        broken = 0
        for team in self._teams(options["team"]):
            report = audit_verify(team.pk)
            broken += bool(report.problems)
            if options["json"]:
                found = {"team": str(team.public_id), "name": team.name, **asdict(report)}
                self.stdout.write(json.dumps(found, ensure_ascii=False))
            else:
                self._tell(team, report)
        if broken:
            raise CommandError(_("The audit log is not as it was written."))

    def _teams(self, wanted: str) -> list[Team]:
        teams = Team.objects.order_by("pk")
        found = [team for team in teams if wanted in ("", str(team.public_id))]
        if wanted and not found:
            raise CommandError(_("There is no such team."))
        return found

    def _tell(self, team: Team, report: AuditReport) -> None:
        about = {"team": team.name, "rows": report.rows, "hash": report.hash or "-"}
        self.stdout.write(_("%(team)s: %(rows)d entries, the last one has the hash %(hash)s") % about)
        for problem in report.problems:
            self.stdout.write(f"  {problem_words(problem)}")
        if report.has_more:
            self.stdout.write("  …")
