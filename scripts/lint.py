"""`./orq lint`: style, types, imports. All of them run, whatever the first one says."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from scripts.environment import PRODUCT, ROOT, RUNTIME, TESTS
from scripts.words import say, t

CHECKS = {
    "style (ruff)": ["ruff", "check", "."],
    "types (mypy)": ["mypy", "apps", "orquestrador", "scripts"],
    "imports (import-linter)": ["lint-imports"],
}


def main(arguments: list[str]) -> int:
    PRODUCT.ensure(RUNTIME, TESTS)
    failed = [name for name, command in CHECKS.items() if not passes(name, command)]
    say("Everything is in order." if not failed else "Not in order: {checks}", checks=", ".join(failed))
    return 1 if failed else 0


def passes(name: str, command: list[str]) -> bool:
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="orq-lint-") as home:  # the types need settings, settings need a data folder
        program = str(Path(sys.executable).with_name(command[0]))
        done = subprocess.run([program, *command[1:]], cwd=ROOT, env={**os.environ, "ORQ_HOME": home})
    result = t("FAILED") if done.returncode else t("passed")
    say("{what}: {result} in {seconds} s.", what=name, result=result, seconds=round(time.monotonic() - began))
    return done.returncode == 0
