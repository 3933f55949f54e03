"""What the commands say exists in both languages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts import words
from scripts.words_pt import PORTUGUESE

SCRIPTS = Path(words.__file__).parent
FILES = sorted([*SCRIPTS.glob("*.py"), SCRIPTS / "bench" / "__init__.py"])


def texts_of(file: Path) -> Iterator[str]:
    """Every text that the file gives to t() or say(): written there, or named `text…`, `advice…` or `COMMANDS` before."""
    tree = ast.parse(file.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in ("t", "say") and node.args:
            yield from sentences(node.args[0])
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name):
            names = {"text", "texts", "advice", "why", "COMMANDS", "ADVICE"}
            if node.targets[0].id in names:
                value = node.value
                yield from sentences(*value.values) if isinstance(value, ast.Dict) else sentences(value)


def sentences(*nodes: ast.AST) -> Iterator[str]:
    for node in nodes:
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and " " in node.value:
            yield node.value
        elif isinstance(node, ast.IfExp):
            yield from sentences(node.body, node.orelse)


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_every_text_has_its_portuguese(file: Path) -> None:
    assert [text for text in texts_of(file) if text not in PORTUGUESE] == []


def test_no_portuguese_is_left_over() -> None:
    used = {text for file in FILES for text in texts_of(file)}
    single_words = {text for text in PORTUGUESE if " " not in text}
    assert set(PORTUGUESE) - used - single_words == set()


def test_both_languages_take_the_same_values() -> None:
    def values(said: str) -> set[str]:
        return set(re.findall(r"\{(\w+)", said))

    assert [text for text, portuguese in PORTUGUESE.items() if values(text) != values(portuguese)] == []


@pytest.mark.parametrize(
    ("environment", "said"),
    [
        ({"ORQ_LANGUAGE": "pt-br", "LANG": "en_US.UTF-8"}, "Parando …"),
        ({"ORQ_LANGUAGE": "en", "LANG": "pt_BR.UTF-8"}, "Stopping …"),
        ({"LANG": "pt_BR.UTF-8"}, "Parando …"),
        ({"LANG": "C"}, "Stopping …"),
        ({}, "Stopping …"),
    ],
)
def test_it_speaks_the_language_that_was_asked_for(
    monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], said: str
) -> None:
    for name in ("ORQ_LANGUAGE", "LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert words.t("Stopping …") == said
