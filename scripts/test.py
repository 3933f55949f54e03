"""`./orq test`: installs what the tests need, passes them all, then those that touch the database again on MariaDB."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping

from scripts import test_services, translations
from scripts.environment import PRODUCT, ROOT, RUNTIME, TESTS
from scripts.words import Stop, say, t

NOTHING_COLLECTED = 5  # pytest's exit status


def main(arguments: list[str]) -> int:
    PRODUCT.ensure(RUNTIME, TESTS)
    left_out = test_services.install()
    translations.compile_stale()
    failed = run_pytest(t("Tests on SQLite"), arguments, {})
    if not {"mariadb-server", "mysqlclient", *test_services.BUILDS_MYSQLCLIENT} & set(left_out):
        failed |= run_on_mariadb(arguments)
    return closing(failed, left_out)


def run_pytest(what: str, arguments: list[str], environment: Mapping[str, str], *, may_be_none: bool = False) -> bool:
    """Runs pytest on both cores and says how it ended. True when something failed."""
    spread = [] if {"-n", "--pdb", "-p", "--collect-only"} & set(arguments) else ["-n", "2", "--dist", "loadgroup"]
    began = time.monotonic()
    done = subprocess.run([sys.executable, "-m", "pytest", *spread, *arguments], cwd=ROOT, env={**_clean(), **environment})
    failed = done.returncode != 0 and not (may_be_none and done.returncode == NOTHING_COLLECTED)
    result = t("FAILED") if failed else t("passed")
    say("{what}: {result} in {seconds} s.", what=what, result=result, seconds=round(time.monotonic() - began))
    return failed


def run_on_mariadb(arguments: list[str]) -> bool:
    """A private server for this run, so that what only SQLite forgives is seen."""
    from tests.servers.services import mariadb

    chosen, rest = split_marker_expression(arguments)
    with mariadb() as server:
        marked = ["-m", f"({chosen}) and db and not sqlite_only" if chosen else "db and not sqlite_only"]
        return run_pytest(t("Tests on MariaDB"), [*rest, *marked], {"DATABASE_URL": server.url}, may_be_none=True)


def split_marker_expression(arguments: list[str]) -> tuple[str, list[str]]:
    """The last `-m EXPRESSION` of pytest's arguments, and the arguments without it."""
    rest, chosen = list(arguments), ""
    while "-m" in rest[:-1]:
        at = rest.index("-m")
        chosen = rest[at + 1]
        del rest[at : at + 2]
    return chosen, rest


def closing(failed: bool, left_out: dict[str, str]) -> int:
    for name, why in left_out.items():
        say("Left out: {name}: {why}", name=name, why=why)
    if left_out and os.environ.get("CI") == "true":
        raise Stop(t("On CI nothing may be left out."))
    say("Some tests failed." if failed else "All tests that ran passed." if left_out else "All tests passed.")
    return 1 if failed else 0


def _clean() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "DJANGO_SETTINGS_MODULE")}
