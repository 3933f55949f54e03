"""The shell part of ./orq: finding a Python, and words where there is none that will do."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ORQ = Path(__file__).resolve().parents[2] / "orq"
TOOLS = ("dirname", "readlink", "printf")

OLD = 'case "$2" in *"version_info < (3, 11)"*) exit 3;; *) echo 3.9;; esac'
WITHOUT_VENV = 'case "$2" in *"version_info < (3, 11)"*) exit 4;; *) echo python3.12-venv;; esac'
WITHOUT_PARTS = "exit 5"
BROKEN_SHIM = "echo 'pyenv: command not found' >&2; exit 127"
GOOD = 'case "$1" in -c) exit 0;; *) echo "$0" "$2" "$3";; esac'


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """A checkout with nothing but orq, and a folder of programs that holds no Python."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for tool in TOOLS:
        if found := shutil.which(tool):
            (programs / tool).symlink_to(found)
    shutil.copy(ORQ, tmp_path / "orq")
    return tmp_path


def put(machine: Path, name: str, script: str) -> None:
    file = machine / "bin" / name
    file.write_text(f"#!/bin/sh\n{script}\n")
    file.chmod(0o755)


def orq(machine: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    settings = {"PATH": str(machine / "bin"), "LANG": "C", **environment}
    return subprocess.run(["/bin/sh", str(machine / "orq"), *arguments], env=settings, capture_output=True, text=True, timeout=20)


def test_it_says_that_there_is_no_python(machine: Path) -> None:
    done = orq(machine, "up")
    assert done.returncode == 1
    assert done.stderr.startswith("No Python was found; Orquestrador needs 3.11 or later.")


def test_it_says_how_old_the_python_is(machine: Path) -> None:
    put(machine, "python3", OLD)
    done = orq(machine, "up")
    assert done.returncode == 1
    assert "Python here is 3.9 (python3); Orquestrador needs 3.11 or later." in done.stderr
    assert "Traceback" not in done.stderr


def test_it_says_so_in_portuguese(machine: Path) -> None:
    put(machine, "python3", OLD)
    assert "O Python daqui é o 3.9 (python3)" in orq(machine, "up", LANG="pt_BR.UTF-8").stderr
    assert "O Python daqui é o 3.9 (python3)" in orq(machine, "up", ORQ_LANGUAGE="pt-br").stderr


def test_it_names_the_package_that_completes_venv(machine: Path) -> None:
    put(machine, "python3.12", WITHOUT_VENV)
    done = orq(machine, "up")
    assert done.returncode == 1
    assert "sudo apt install python3.12-venv" in done.stderr


def test_it_says_that_the_python_lacks_parts(machine: Path) -> None:
    put(machine, "python3", WITHOUT_PARTS)
    assert "without ssl, sqlite3 or zlib" in orq(machine, "up").stderr


def test_it_prefers_a_python_that_will_do_over_those_that_will_not(machine: Path) -> None:
    put(machine, "python3.13", BROKEN_SHIM)
    put(machine, "python3.12", WITHOUT_VENV)
    put(machine, "python3.11", GOOD)
    put(machine, "python3", OLD)
    done = orq(machine, "up", "--port")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(machine / "bin" / "python3.11"), "up", "--port"]


def test_it_takes_the_python_that_was_named(machine: Path) -> None:
    put(machine, "python3.11", GOOD)
    put(machine, "mine", GOOD)
    assert orq(machine, "x", ORQ_PYTHON=str(machine / "bin" / "mine")).stdout.startswith(str(machine / "bin" / "mine"))


def test_it_works_through_a_link_from_another_folder(machine: Path, tmp_path: Path) -> None:
    put(machine, "python3", 'case "$1" in -c) exit 0;; *) echo "$1";; esac')
    link = tmp_path / "elsewhere"
    link.symlink_to(machine / "orq")
    done = subprocess.run(["/bin/sh", str(link)], env={"PATH": str(machine / "bin")}, capture_output=True, text=True, cwd="/")
    assert done.stdout.strip() == str(machine / "scripts")


def test_help_and_unknown_commands_install_nothing(tmp_path: Path) -> None:
    shutil.copy(ORQ, tmp_path / "orq")
    shutil.copytree(ORQ.parent / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("train_practice", "__pycache__"))
    settings = {**os.environ, "LANG": "C", "ORQ_LANGUAGE": "en", "ORQ_PYTHON": sys.executable}
    for arguments, status, said in ((["help"], 0, "Usage: ./orq COMMAND"), (["nonsense"], 2, "There is no command 'nonsense'.")):
        done = subprocess.run([str(tmp_path / "orq"), *arguments], env=settings, capture_output=True, text=True, timeout=20)
        assert done.returncode == status
        assert (done.stdout + done.stderr).startswith(said)
    assert not (tmp_path / ".venv").exists()
