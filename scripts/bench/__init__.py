"""`./orq bench [NAME]`: each module here is one benchmark; without a name all of them run, one after another."""

from __future__ import annotations

import subprocess
import sys

from scripts.environment import ROOT
from scripts.words import Stop, t


def names() -> list[str]:
    """What can be run; a file that begins with an underscore only helps others."""
    return sorted(file.stem for file in (ROOT / "scripts" / "bench").glob("*.py") if not file.stem.startswith("_"))


def main(arguments: list[str]) -> int:
    known = names()
    if arguments and arguments[0] in ("-l", "--list", "-h", "--help"):
        print("\n".join(known))
        return 0
    chosen = arguments[:1] or known
    if not chosen or chosen[0] not in known:
        asked = chosen[0] if chosen else ""
        raise Stop(t("There is no benchmark {name!r}. There are: {known}.", name=asked, known=", ".join(known) or "-"))
    ended = [subprocess.run([sys.executable, "-m", f"scripts.bench.{name}", *arguments[1:]], cwd=ROOT) for name in chosen]
    return 1 if any(done.returncode for done in ended) else 0
