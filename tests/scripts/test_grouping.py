"""Tests that start the whole product run one after another in one process, whatever the others do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
TESTS = """
import pytest

@pytest.mark.slow_start
@pytest.mark.parametrize("number", range(6))
def test_product(number): pass

@pytest.mark.parametrize("number", range(6))
def test_other(number): pass
"""


def test_the_slow_ones_stay_in_one_process(tmp_path: Path) -> None:
    for name in ("test_one.py", "test_two.py"):
        (tmp_path / name).write_text(TESTS)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "DJANGO_"))}
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", "-p", "no:django", "-v", "-n", "2", "--dist", "loadgroup", "."],
        cwd=tmp_path,
        env={**environment, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    where = re.findall(r"\[(gw\d)\].* PASSED .*::test_product", done.stdout)
    assert len(where) == 12, done.stdout
    assert len(set(where)) == 1
