"""The environment that ./orq makes: stamps, cut-off installs, two at once, and what goes wrong in words. No network."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from scripts import environment
from scripts.environment import Environment
from scripts.words import Stop

ROOT = Path(__file__).resolve().parents[2]


def wheel(folder: Path, version: str) -> str:
    """Makes the smallest package there is, `tinything`, and gives its pinned line."""
    file = folder / f"tinything-{version}-py3-none-any.whl"
    info = f"tinything-{version}.dist-info"
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("tinything.py", f"VERSION = {version!r}\n")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: tinything\nVersion: {version}\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", f"tinything.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")
    return f"tinything=={version} --hash=sha256:{hashlib.sha256(file.read_bytes()).hexdigest()}\n"


@pytest.fixture(scope="module")
def blank(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An environment with pip and nothing else, to be copied: making one takes seconds."""
    path = tmp_path_factory.mktemp("blank") / "venv"
    subprocess.run([sys.executable, "-m", "venv", str(path)], check=True)
    return path


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder whose packages come from a folder beside it, and from nowhere else."""
    for name, value in {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path), "PIP_CONFIG_FILE": "/dev/null"}.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("ORQ_LANGUAGE", "en")
    (tmp_path / "requirements.txt").write_text(wheel(tmp_path, "1.0"))
    return tmp_path


@pytest.fixture
def filled(place: Path, blank: Path) -> Environment:
    shutil.copytree(blank, place / "venv", symlinks=True)
    made = Environment(place / "venv")
    made.ensure(place / "requirements.txt")
    return made


def version_in(made: Environment) -> str:
    code = "import tinything; print(tinything.VERSION)"
    return subprocess.run([str(made.python), "-c", code], capture_output=True, text=True).stdout.strip()


def test_it_makes_the_environment_and_fills_it(place: Path) -> None:
    made = Environment(place / "new" / "venv")
    assert made.ensure(place / "requirements.txt")
    assert version_in(made) == "1.0"


def test_it_does_nothing_when_nothing_changed(filled: Environment, place: Path) -> None:
    assert filled.ensure(place / "requirements.txt") is False


def test_it_installs_again_when_the_file_changed(filled: Environment, place: Path) -> None:
    (place / "requirements.txt").write_text(wheel(place, "2.0"))
    assert filled.ensure(place / "requirements.txt")
    assert version_in(filled) == "2.0"


def test_it_repairs_an_install_that_was_cut_off(filled: Environment, place: Path) -> None:
    installed = next(filled.path.glob("lib/*/site-packages/tinything.py"))
    installed.unlink()  # what a power cut leaves: the package is on record, its file is not there
    (filled.path / ".orq" / "requirements.txt").unlink()
    (filled.path / ".orq" / "unfinished").touch()
    assert filled.ensure(place / "requirements.txt")
    assert version_in(filled) == "1.0"
    assert not (filled.path / ".orq" / "unfinished").exists()


def test_it_makes_an_environment_again_that_does_not_run(filled: Environment, place: Path) -> None:
    filled.python.unlink()
    filled.python.symlink_to("/nowhere/python3")
    assert filled.ensure(place / "requirements.txt")
    assert version_in(filled) == "1.0"


def test_two_at_once_both_end_well(place: Path, blank: Path) -> None:
    shutil.copytree(blank, place / "venv", symlinks=True)
    code = (
        "import pathlib, sys; from scripts.environment import Environment; place = pathlib.Path(sys.argv[1]); "
        "print(Environment(place / 'venv').ensure(place / 'requirements.txt'))"
    )
    both = [
        subprocess.Popen([sys.executable, "-c", code, str(place)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120)[1].decode() for process in both]
    assert [process.returncode for process in both] == [0, 0]
    assert sum(text.count("Installing 1 packages") for text in said) == 1  # the second one found it done
    assert version_in(Environment(place / "venv")) == "1.0"


def test_it_refuses_a_package_that_is_not_the_pinned_one(place: Path, blank: Path) -> None:
    shutil.copytree(blank, place / "venv", symlinks=True)
    line = (place / "requirements.txt").read_text()
    (place / "requirements.txt").write_text(line[:-5] + "0000\n")
    with pytest.raises(Stop, match="is not the one that was pinned"):
        Environment(place / "venv").ensure(place / "requirements.txt")


def test_it_says_that_there_is_no_network(place: Path, blank: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(blank, place / "venv", symlinks=True)
    next(place.glob("*.whl")).unlink()
    monkeypatch.delenv("PIP_NO_INDEX")
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:1/simple")
    monkeypatch.setattr(environment, "RETRIES", "1")
    with pytest.raises(Stop, match="no connection to the package index"):
        Environment(place / "venv").ensure(place / "requirements.txt")
    assert "tinything" in (place / "venv-install.log").read_text()


def test_it_says_how_much_space_is_missing_before_it_begins(place: Path) -> None:
    with pytest.raises(Stop, match=r"needs about 1000000000 MB and \d+ MB are free"):
        Environment(place / "venv").ensure(place / "requirements.txt", needed_mb=10**9)
    assert not (place / "venv").exists()


@pytest.mark.parametrize("output", ["OSError: [Errno 28] No space left on device", "Caused by: failed to write (os error 28)"])
def test_it_recognises_a_disk_that_fills_while_installing(tmp_path: Path, output: str) -> None:
    assert "is full: installing needs about" in str(environment._explained(output, tmp_path / "log"))


def test_it_says_that_the_checkout_cannot_be_written_to(tmp_path: Path, place: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Stop, match="cannot be written to"):
        Environment(tmp_path / "file" / "venv").ensure(place / "requirements.txt")
