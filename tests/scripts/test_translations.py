"""Translations are compiled where they changed, without gettext."""

from __future__ import annotations

import gettext
import os
from pathlib import Path

from scripts import translations


def catalogue(root: Path, portuguese: str) -> Path:
    po = root / "locale" / "pt_BR" / "LC_MESSAGES" / "django.po"
    po.parent.mkdir(parents=True, exist_ok=True)
    head = 'msgid ""\nmsgstr "Content-Type: text/plain; charset=UTF-8\\n"\n\n'
    po.write_text(f'{head}msgid "Tasks"\nmsgstr "{portuguese}"\n', encoding="utf-8")
    return po


def said(po: Path) -> str:
    with open(po.with_suffix(".mo"), "rb") as file:
        return gettext.GNUTranslations(file).gettext("Tasks")


def test_it_compiles_what_is_new_and_what_changed_and_nothing_else(tmp_path: Path) -> None:
    po = catalogue(tmp_path, "Tarefas")
    assert translations.compile_stale(tmp_path) == [po]
    assert said(po) == "Tarefas"
    assert translations.compile_stale(tmp_path) == []

    catalogue(tmp_path, "Afazeres")
    later_ns = po.with_suffix(".mo").stat().st_mtime_ns + 1_000_000
    os.utime(po, ns=(later_ns, later_ns))
    assert translations.stale(tmp_path) == [po]
    translations.compile_stale(tmp_path)
    assert said(po) == "Afazeres"
    assert [file.name for file in po.parent.iterdir() if file.suffix not in (".po", ".mo")] == []
