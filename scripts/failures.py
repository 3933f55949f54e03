"""Turns what can go wrong outside our code into words; what is left is a bug, kept with its traceback in a log."""

from __future__ import annotations

import contextlib
import sys
import time
import traceback
from collections.abc import Iterator
from pathlib import Path

from scripts.home import os_error_in_words
from scripts.words import Stop, t


@contextlib.contextmanager
def in_words(log: Path, *, doing: str) -> Iterator[None]:
    """`doing` is what failed, as the beginning of a sentence. Exits with status 1 and words; the traceback is in `log`."""
    try:
        yield
    except Stop as stop:
        _keep(log)
        sys.exit(f"orq: {stop}")
    except Exception as error:
        kept = _keep(log)
        sys.exit(f"orq: {doing}: {_explained(error)}{kept}")


def _explained(error: Exception) -> str:
    for cause in _causes(error):
        if isinstance(cause, OSError) and cause.errno:
            return os_error_in_words(cause, doing="").removeprefix(": ")
        if "disk is full" in str(cause):
            return t("the disk is full. Free some space and start again.")
        if "readonly database" in str(cause) or "unable to open database" in str(cause):
            return t("the database file cannot be opened or written to. Check who owns it.")
        if type(cause).__name__ == "OperationalError" and "onnect" in str(cause):
            return t("the database cannot be reached ({cause}). Check DATABASE_URL and that it runs.", cause=cause)
    speaks_for_itself = isinstance(error, ValueError) or type(error).__name__ == "CommandError"
    return f"{error}." if speaks_for_itself else f"{type(error).__name__}: {error}."


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _keep(log: Path) -> str:
    """Writes the traceback away and says where, or says nothing when even that is impossible."""
    try:
        log.parent.mkdir(parents=True, exist_ok=True)
        with open(log, "a", encoding="utf-8") as file:
            file.write(time.strftime("%Y-%m-%dT%H:%M:%SZ\n", time.gmtime()) + traceback.format_exc() + "\n")
    except OSError:
        return ""
    return " " + t("Details: {log}", log=log)
