"""`./orq manage seed_load`: fill a database with years of work, to try and to measure with."""

from __future__ import annotations

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import connection, transaction
from django.utils import timezone

from apps.accounts.models import Membership, Role, Team, User
from apps.chat.models import Conversation
from apps.tasks.models import Task, TaskExecution
from orquestrador.seeding.load import Sizes, Stage, seed

TEAM = "Load test"
LARGE = ("execution_logs", "tasks", "subtasks", "ai_task_executions", "credit_usage", "chat_messages", "task_calls")


class Command(BaseCommand):
    help = "Fill the database with realistic rows, for trying and measuring. Not for a database that people work with."

    def add_arguments(self, parser: ArgumentParser) -> None:
        for name, default in Sizes().__dataclass_fields__.items():
            parser.add_argument(f"--{name}", type=int, default=default.default)
        parser.add_argument(
            "--team", default=TEAM, help=f"Name of the team that gets it ({TEAM}); it is made where it is missing."
        )
        parser.add_argument(
            "--owner", default="", help="E-mail of the person it belongs to; by default the installation's owner."
        )
        parser.add_argument("--seed", type=int, default=7, help="The same number makes the same rows.")
        parser.add_argument("--yes", action="store_true", help="Also where people have worked already.")

    def handle(self, *args: Any, **options: Any) -> None:
        sizes = Sizes(**{name: options[name] for name in Sizes().__dataclass_fields__})
        if min(vars(sizes).values()) < 0:
            raise CommandError("Numbers of rows are not negative.")
        owner = self._owner(options["owner"])
        team = self._team(options["team"], owner)
        if not options["yes"] and (found := _real_work(team)):
            raise CommandError(f"This database has {found} of people. Name another one, or give --yes if these may stand beside.")
        began = time.monotonic()
        made = seed(Stage(team, owner, sizes, self._say, seed=options["seed"]))
        transaction.on_commit(self._analyse)  # which ends the transaction that it finds open
        total = sum(made.values())
        self.stdout.write(f"{total:,} rows for {team} in {time.monotonic() - began:.0f} s. Sign in as {owner.email}.")

    def _say(self, line: str) -> None:
        self.stdout.write(f"  {line}")
        self.stdout.flush()

    @staticmethod
    def _owner(email: str) -> User:
        people = User.objects.filter(email__iexact=email) if email else User.objects.filter(is_superuser=True)
        owner = people.order_by("pk").first()
        if owner is None:
            raise CommandError("There is no such person. Start the product once, or name somebody with --owner.")
        return owner

    @staticmethod
    def _team(name: str, owner: User) -> Team:
        team = Team.objects.filter(name=name, memberships__user=owner).first()
        if team is None:
            team = Team.objects.create(name=name, set_up_at=timezone.now())
            Membership.objects.create(user=owner, team=team, role=Role.OWNER)
        return team

    @staticmethod
    def _analyse() -> None:
        """What the database's planner knows of the tables is of before."""
        if connection.vendor == "sqlite":
            with connection.cursor() as cursor:
                cursor.execute("PRAGMA optimize=0x10002")
            return
        with connection.cursor() as cursor:
            for table in LARGE:
                cursor.execute(f"ANALYZE TABLE {table}")
                cursor.fetchall()


def _real_work(seeded: Team) -> str:
    """What is there of people, in words; "" where there is nothing."""
    for words, rows in (
        ("tasks", Task.objects.filter(is_sample=False)),
        ("conversations", Conversation.objects.all()),
        ("prompts", TaskExecution.objects.all()),
    ):
        if rows.exclude(team=seeded).exists():
            return words
    return ""
