"""Applies pending migrations so that a failure costs nothing: a SQLite file is copied first and put back."""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import sqlite3
import time
from pathlib import Path

from scripts import home
from scripts.words import Stop, say, t

KEPT_COPIES = 3


def apply_pending() -> None:
    """Raises Stop, naming the migration, its cause, and what became of the data."""
    database = _sqlite_file()
    existed = database is not None and database.exists() and database.stat().st_size > 0
    pending = pending_migrations()  # after that, the file exists: to look is to make it
    if not pending:
        return
    copy = _copy(database) if database is not None and existed else None
    say("Preparing the database …" if not existed else "Updating the database ({count} changes) …", count=len(pending))
    said = io.StringIO()
    try:
        _migrate(said)
    except Exception as error:
        after = _undo(database, copy)
        text = "The database change {name} failed: {cause}. {after} Nothing was started."
        raise Stop(t(text, name=_failed_name(said.getvalue()), cause=error, after=after)) from error


def pending_migrations() -> list[str]:
    from django.db import connection
    from django.db.migrations.executor import MigrationExecutor

    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    return [f"{migration.app_label}.{migration.name}" for migration, _ in plan]


def _migrate(said: io.StringIO) -> None:
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=1, stdout=said, no_color=True)


def _failed_name(said: str) -> str:
    """The last migration that was begun: its line has no "OK"."""
    begun = [line.split()[1].removesuffix("...") for line in said.splitlines() if line.strip().startswith("Applying ")]
    return begun[-1] if begun else "?"


def _sqlite_file() -> Path | None:
    from django.conf import settings

    database = settings.DATABASES["default"]
    return Path(database["NAME"]) if database["ENGINE"].endswith("sqlite3") else None


def _copy(database: Path) -> Path:
    folder = home.HOME / "backups"
    folder.mkdir(mode=0o700, exist_ok=True)
    copy = folder / f"before-update-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}.sqlite3"
    try:
        with contextlib.closing(sqlite3.connect(database)) as source, contextlib.closing(sqlite3.connect(copy)) as target:
            source.backup(target)  # also right while a write-ahead log holds the newest rows
    except (OSError, sqlite3.Error) as error:
        copy.unlink(missing_ok=True)
        text = "The database could not be copied before its update ({cause}); nothing was changed. {folder} needs {mb} MB."
        raise Stop(t(text, cause=error, mb=database.stat().st_size // 2**20 + 1, folder=folder)) from error
    for old in sorted(folder.glob("before-update-*.sqlite3"))[:-KEPT_COPIES]:
        old.unlink()
    return copy


def _undo(database: Path | None, copy: Path | None) -> str:
    """Puts the data back as it was, and says what was done."""
    from django.db import connections

    connections.close_all()
    if database is None:
        return t("This database makes no copy of itself here: restore your own backup if you need the state before.")
    for leftover in (f"{database}-wal", f"{database}-shm"):
        Path(leftover).unlink(missing_ok=True)
    if copy is None:
        database.unlink(missing_ok=True)
        return t("There was no data yet, so there is nothing to put back.")
    draft = database.with_name(f".{database.name}.restoring")
    shutil.copyfile(copy, draft)
    os.replace(draft, database)
    return t("Your data is as it was before; a copy is in {copy}.", copy=copy)
