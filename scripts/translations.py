"""Compiles locale/*/LC_MESSAGES/*.po to .mo where the .po is newer: `python -m scripts.translations`. No gettext needed."""

from __future__ import annotations

import os
from pathlib import Path

from scripts.words import say, t

ROOT = Path(__file__).resolve().parent.parent


def stale(root: Path = ROOT) -> list[Path]:
    """The .po files whose .mo is missing or older."""
    return [po for po in sorted(root.glob("locale/*/LC_MESSAGES/*.po")) if not _is_compiled(po)]


def compile_stale(root: Path = ROOT) -> list[Path]:
    """Compiles them and gives their paths. Each .mo appears whole, also when two starts compile at once."""
    from polib import pofile

    done = stale(root)
    for po in done:
        draft = po.with_suffix(f".mo.{os.getpid()}")
        draft.write_bytes(pofile(str(po)).to_binary())
        os.replace(draft, po.with_suffix(".mo"))
    return done


def _is_compiled(po: Path) -> bool:
    mo = po.with_suffix(".mo")
    return mo.exists() and mo.stat().st_mtime_ns >= po.stat().st_mtime_ns


def main() -> None:
    for po in compile_stale():
        say("Compiled {file}", file=po.relative_to(ROOT))
    print(t("Translations are compiled."))


if __name__ == "__main__":
    main()
