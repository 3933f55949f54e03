"""Brings data and assets up to date before the parts start, in one process: `python -m scripts.prepare`.

Prints what `owner` said (how to sign in) on stdout; progress and what went wrong go to stderr.
"""

from __future__ import annotations

import hashlib
import io
import os
import sys
from collections.abc import Iterable
from pathlib import Path

from scripts import home, migrating, translations
from scripts.failures import in_words
from scripts.words import say, t


def main() -> int:
    with in_words(home.LOGS / "prepare.log", doing=t("Orquestrador could not be prepared")):
        import django

        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "orquestrador.settings")
        translations.compile_stale()
        django.setup()
        collect_static()
        migrating.apply_pending()
        print(seed_and_owner(), end="")
    return 0


def collect_static() -> None:
    from django.conf import settings
    from django.core.management import call_command

    folder, stamp = Path(settings.STATIC_ROOT), home.RUN / "static.stamp"
    chosen = repr((settings.INSTALLED_APPS, settings.STATICFILES_DIRS, settings.STORAGES["staticfiles"]))
    fingerprint = static_fingerprint([home.ROOT / "static", *home.ROOT.glob("apps/*/static")], chosen)
    if folder.is_dir() and stamp.exists() and stamp.read_text() == fingerprint:
        return
    say("Collecting static files …")
    call_command("collectstatic", interactive=False, clear=folder.is_dir(), verbosity=0)
    stamp.write_text(fingerprint)


def static_fingerprint(folders: Iterable[Path], chosen: str) -> str:
    """Changes when a static file of ours, the set of packages, or the settings for them (`chosen`) change."""
    files = [file for folder in folders for file in sorted(folder.rglob("*")) if file.is_file()]
    seen = hashlib.sha256(chosen.encode())
    for file in [*files, home.ROOT / "requirements.txt"]:
        state = file.stat()
        seen.update(f"{file}\0{state.st_size}\0{state.st_mtime_ns}\0".encode())
    return seen.hexdigest()


def seed_and_owner() -> str:
    """What `owner` printed: how to sign in, or nothing."""
    from django.core.management import call_command, get_commands

    said = io.StringIO()
    for command in ("seed", "seed_templates"):
        if command in get_commands():
            call_command(command, verbosity=0, stdout=io.StringIO())
    if "owner" in get_commands():
        call_command("owner", stdout=said)
    return said.getvalue()


if __name__ == "__main__":
    sys.exit(main())
