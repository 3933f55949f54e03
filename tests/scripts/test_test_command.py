"""./orq test: what it installs, what it leaves out, how it ends."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from scripts import test as command
from scripts import test_services
from scripts.words import Stop


@pytest.mark.parametrize(
    ("arguments", "chosen", "rest"),
    [
        ([], "", []),
        (["tests/x.py", "-x"], "", ["tests/x.py", "-x"]),
        (["-m", "not browser", "tests"], "not browser", ["tests"]),
        (["-m", "a", "-k", "b", "-m", "c"], "c", ["-k", "b"]),
    ],
)
def test_the_mariadb_run_keeps_the_marks_that_were_asked_for(arguments: list[str], chosen: str, rest: list[str]) -> None:
    assert command.split_marker_expression(arguments) == (chosen, rest)


def test_without_root_it_installs_nothing_and_names_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORQ_LANGUAGE", "en")
    monkeypatch.setattr(test_services, "find_program", lambda name: None)
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("it ran something"))
    left_out = test_services.install()
    assert set(left_out) == set(test_services.PROGRAMS)
    assert left_out["chromium"] == "not installed, and only root can install it: sudo apt-get install chromium"


def test_it_installs_only_what_is_missing_and_starts_no_service(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    ran: list[tuple[list[str], bool]] = []
    installed = {"msgfmt", "gcc", "pkg-config"}
    policy = tmp_path / "policy-rc.d"

    def run(arguments: list[str], **options: object) -> subprocess.CompletedProcess[str]:
        ran.append((arguments, policy.exists()))
        installed.update(test_services.PROGRAMS.values())
        return subprocess.CompletedProcess(arguments, 0, "", "")

    monkeypatch.setattr(test_services, "POLICY", policy)
    monkeypatch.setattr(test_services, "find_program", lambda name: name if name in installed else None)
    monkeypatch.setattr(test_services, "_may_install", lambda: True)
    monkeypatch.setattr(test_services, "_install_mysqlclient", lambda left_out: None)
    monkeypatch.setattr(subprocess, "run", run)
    assert test_services.install() == {}
    install = next(arguments for arguments, _ in ran if "install" in arguments)
    assert "mariadb-server" in install and "gettext" not in install
    assert [kept_quiet for _, kept_quiet in ran] == [True, True]
    assert not policy.exists()


def test_somebodys_own_policy_stays(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    policy = tmp_path / "policy-rc.d"
    policy.write_text("theirs")
    monkeypatch.setattr(test_services, "POLICY", policy)
    with test_services._no_service_starts():
        assert policy.read_text() == "theirs"
    assert policy.read_text() == "theirs"


def test_on_ci_nothing_may_be_left_out(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("ORQ_LANGUAGE", "en")
    monkeypatch.delenv("CI", raising=False)
    assert command.closing(False, {"chromium": "no root"}) == 0
    assert capsys.readouterr().err == "Left out: chromium: no root\nAll tests that ran passed.\n"
    monkeypatch.setenv("CI", "true")
    with pytest.raises(Stop, match="nothing may be left out"):
        command.closing(False, {"chromium": "no root"})


def test_a_failed_run_fails_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    assert command.closing(True, {}) == 1
    assert command.closing(False, {}) == 0
