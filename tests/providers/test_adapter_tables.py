"""The page on adapters names tests; they must exist."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "reference" / "adapters.md").read_text(encoding="utf-8")


def written() -> set[str]:
    files = [*(ROOT / "tests" / "providers").rglob("*.py"), *(ROOT / "tests" / "common").rglob("*.py")]
    return {name for file in files for name in re.findall(r"def (test_\w+)\(", file.read_text(encoding="utf-8"))}


def test_every_test_that_the_page_names_exists():
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 70
    assert sorted(named - written()) == []


@pytest.mark.parametrize("case", range(1, 29))
def test_every_edge_case_has_a_test(case):
    [row] = re.findall(rf"^\| {case} \|.*$", PAGE, re.MULTILINE)
    assert "`test_" in row


def test_every_kind_stands_in_the_table():
    from apps.providers.contract import PROVIDER_KINDS

    assert [kind for kind in PROVIDER_KINDS if f"| `{kind}`" not in PAGE] == []


def test_every_adapter_has_a_readme_with_a_date():
    folders = [folder for folder in (ROOT / "apps" / "providers" / "adapters").iterdir() if (folder / "adapter.py").exists()]
    assert len(folders) == 9
    for folder in folders:
        assert re.search(r"20\d\d-\d\d-\d\d", (folder / "README.md").read_text(encoding="utf-8")), folder.name
