"""Who may import whom: the contracts of pyproject.toml, and what they cannot say."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
ENGINE = ROOT / "apps" / "tasks" / "engine"
ENGINE_MAY_IMPORT = re.compile(r"^apps\.tasks\.engine(\.|$)|^apps\.\w+\.(contract|errors)$")
PURE = sorted([*ROOT.glob("apps/*/contract.py"), *ROOT.glob("apps/*/errors.py")])


def imported_modules(source: str, package: str) -> set[str]:
    """Every module that the source names in an import, also inside functions and `if TYPE_CHECKING`."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package.split(".")[: len(package.split(".")) - node.level + 1] if node.level else []
            found.add(".".join([*base, node.module] if node.module else base))
    return found


def names_of_modules(source: str, package: str) -> set[str]:
    """As above, with `from apps.providers import contract` read as `apps.providers.contract`."""
    found = imported_modules(source, package)
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom) and node.module and re.fullmatch(r"apps\.\w+", node.module) and not node.level:
            found.discard(node.module)
            found.update(f"{node.module}.{alias.name}" for alias in node.names)
    return found


def strangers_to_the_engine(source: str, package: str = "apps.tasks.engine") -> set[str]:
    return {
        name
        for name in names_of_modules(source, package)
        if name.split(".")[0] not in sys.stdlib_module_names and not ENGINE_MAY_IMPORT.match(name)
    }


def package_of(file: Path) -> str:
    return ".".join(file.relative_to(ROOT).parent.parts)


def test_it_keeps_the_contracts_of_pyproject() -> None:
    done = subprocess.run(
        [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("file", sorted(ENGINE.rglob("*.py")), ids=lambda file: str(file.relative_to(ENGINE)))
def test_the_engine_imports_only_the_standard_library_itself_and_pure_neighbours(file: Path) -> None:
    assert strangers_to_the_engine(file.read_text(encoding="utf-8"), package_of(file)) == set()


@pytest.mark.parametrize("file", PURE, ids=lambda file: str(file.relative_to(ROOT)))
def test_contracts_and_errors_know_no_outside_package(file: Path) -> None:
    names = {name.split(".")[0] for name in imported_modules(file.read_text(encoding="utf-8"), package_of(file))}
    assert names - sys.stdlib_module_names - {"apps"} == set()


@pytest.mark.parametrize(
    ("line", "strangers"),
    [
        ("import django", {"django"}),
        ("from apps.tasks import models", {"apps.tasks.models"}),
        ("from apps.tasks.services import task_start", {"apps.tasks.services"}),
        ("def f():\n    import httpx", {"httpx"}),
        ("from .. import models", {"apps.tasks"}),
        ("from apps.providers import contract", set()),
        ("from apps.providers.contract import Message", set()),
        ("from . import types", set()),
        ("import json, dataclasses", set()),
    ],
)
def test_it_sees_each_way_of_importing(line: str, strangers: set[str]) -> None:
    assert strangers_to_the_engine(line) == strangers
