"""`./orq COMMAND …`: sees to the environment, then hands over to the command's own module. Standard library only."""

from __future__ import annotations

import importlib
import os
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path[0] = str(ROOT)  # Python put scripts/ there

from scripts.environment import PRODUCT, RUNTIME  # noqa: E402
from scripts.words import Stop, t  # noqa: E402

COMMANDS = {
    "up": "start the product in this terminal; the first time, prepare everything (--host --port --workers --no-browser)",
    "test": "run all tests; arguments go on to pytest",
    "lint": "check style, types and imports",
    "doctor": "check the installation and say what to do about each thing that is wrong (--json)",
    "user": "administer accounts",
    "audit": "check that the audit logs are as they were written: verify",
    "prices": "the prices of models: show, refresh FILE|URL, undo",
    "bench": "run the benchmarks, or the one that is named",
    "score": "score JSON lines from standard input: complexity, confidence or hallucination",
    "train": "fit a shipped model again from data: practice, complexity, confidence or hallucination",
    "manage": "Django's manage.py in the right environment",
}


def main(arguments: list[str]) -> int:
    name, rest = (arguments[0], arguments[1:]) if arguments else ("help", [])
    if name not in COMMANDS:
        return help_text(asked_for=name in ("help", "-h", "--help"), name=name)
    if name != "doctor" or not PRODUCT.python.exists():  # the doctor looks at what is there
        PRODUCT.ensure(RUNTIME)
    if Path(sys.prefix) != PRODUCT.path:
        os.execv(PRODUCT.python, [str(PRODUCT.python), str(ROOT / "scripts"), *arguments])
    if name in ("manage", "user", "prices", "audit"):
        passed_on = rest if name == "manage" else [name, *rest]
        os.execv(sys.executable, [sys.executable, str(ROOT / "manage.py"), *passed_on])
    return importlib.import_module(f"scripts.{name}").main(rest)


def help_text(*, asked_for: bool, name: str) -> int:
    out = sys.stdout if asked_for else sys.stderr
    if not asked_for:
        print(t("There is no command {name!r}.", name=name) + "\n", file=out)
    print(t("Usage: ./orq COMMAND"), file=out)
    for command, what in COMMANDS.items():
        print(f"  {command:8} {t(what)}", file=out)
    return 0 if asked_for else 2


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except Stop as stop:
        sys.exit(f"orq: {stop}")
    except KeyboardInterrupt:
        sys.exit(130)
    except BrokenPipeError:  # its reader, such as head, has seen enough
        os._exit(141)
