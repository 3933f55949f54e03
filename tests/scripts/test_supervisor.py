"""The supervisor, over small programs instead of the product."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.scripts.waiting import is_alive, pid_in, wait_until
from tests.servers.services import free_port

ROOT = Path(__file__).resolve().parents[2]
Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def starts(*parts: str) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.scripts.supervise", *parts],
            cwd=ROOT,
            env={**os.environ, "ORQ_HOME": str(tmp_path), "ORQ_LANGUAGE": "en"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        started.append(process)
        return process

    yield starts
    for process in started:
        process.kill()
        process.wait()
        assert process.stdout is not None
        process.stdout.close()


def web() -> str:
    return f"web=http.server,--bind,127.0.0.1,{free_port()}"


def next_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


def rest_of(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    said = process.stdout.read()
    process.wait(timeout=20)
    return said


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
def test_it_stops_everything_when_asked(start: Start, tmp_path: Path, how: signal.Signals) -> None:
    process = start(web(), f"worker=http.server,--bind,127.0.0.1,{free_port()}")
    assert next_line(process) == "ready"
    pids = [pid_in(tmp_path / "run" / f"{name}.pid") for name in ("web", "worker")]
    process.send_signal(how)
    assert rest_of(process).splitlines() == ["Stopping …", "Stopped."]
    assert process.returncode == 0
    assert [pid for pid in pids if is_alive(pid)] == []
    assert list((tmp_path / "run").glob("*.pid")) == []


def test_it_kills_what_does_not_end_by_itself_and_what_that_started(start: Start, tmp_path: Path) -> None:
    process = start(web(), "worker=tests.scripts.stubborn")
    log = tmp_path / "logs" / "worker.log"
    grandchild = int(str(wait_until(lambda: log.read_text().startswith("child ") and log.read_text().split()[1])))
    process.send_signal(signal.SIGTERM)
    assert "worker did not end in time and is killed." in rest_of(process)
    assert process.returncode == 0
    assert not is_alive(grandchild)


def test_it_starts_again_what_died_and_says_so(start: Start, tmp_path: Path) -> None:
    process = start(web())
    assert next_line(process) == "ready"
    first = pid_in(tmp_path / "run" / "web.pid")
    os.kill(first, signal.SIGKILL)
    assert next_line(process) == "web ended (killed by SIGKILL); starting it again in 0.5 s."
    second = wait_until(lambda: pid_in(tmp_path / "run" / "web.pid") not in (0, first) and pid_in(tmp_path / "run" / "web.pid"))
    assert is_alive(int(str(second)))


def test_it_gives_up_on_a_part_that_never_was_well(start: Start, tmp_path: Path) -> None:
    process = start("web=tests.scripts.crashing")
    said = rest_of(process)
    assert process.returncode == 1
    assert "orq: web did not start (exit status 1). Its last words:\n  ValueError: this part has a mistake\n" in said
    assert "Traceback" not in said
    assert "Traceback" in (tmp_path / "logs" / "web.log").read_text()


def test_nothing_outlives_a_supervisor_that_is_killed(start: Start, tmp_path: Path) -> None:
    process = start(web(), "worker=tests.scripts.stubborn")
    log = tmp_path / "logs" / "worker.log"
    grandchild = int(str(wait_until(lambda: log.read_text().startswith("child ") and log.read_text().split()[1])))
    pids = [pid_in(tmp_path / "run" / f"{name}.pid") for name in ("web", "worker")]
    process.kill()
    process.wait()
    wait_until(lambda: not any(is_alive(pid) for pid in (*pids, grandchild)))


def test_a_full_disk_stops_a_log_and_not_the_product(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from scripts.logfile import LogFile

    full = Path("/dev/full")
    if not full.exists():
        pytest.skip("this system has no /dev/full")
    (tmp_path / "web.log").symlink_to(full)
    log = LogFile(tmp_path / "web.log")
    log.write("one")
    log.write("two")
    assert capsys.readouterr().err.count("No space left on device") == 1


def test_a_log_is_rotated_and_old_ones_go(tmp_path: Path) -> None:
    from scripts.logfile import LogFile

    log = LogFile(tmp_path / "web.log", max_bytes=30, kept=2)
    for number in range(12):
        log.write(f"line number {number}")
    assert sorted(file.name for file in tmp_path.iterdir()) == ["web.log", "web.log.1", "web.log.2"]
    assert (tmp_path / "web.log").read_text().splitlines()[-1] == "line number 11"
    assert all(file.stat().st_size <= 30 for file in tmp_path.iterdir())


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("2026-11-20T10:00:00.000Z WARNING apps.tasks [-] too slow", True),
        ("ERROR:    Exception in ASGI application", True),
        ("builtins.ValueError: no", True),
        ("KeyError: 'x'", True),
        ("2026-11-20T10:00:00.000Z INFO apps.tasks [-] the word WARNING came much later in this long line of text", False),
        ('  File "x.py", line 3, in f', False),
        ("Traceback (most recent call last):", False),
    ],
)
def test_the_terminal_shows_warnings_and_errors_without_tracebacks(line: str, shown: bool) -> None:
    from scripts.logfile import is_warning

    assert is_warning(line) is shown


def test_the_terminal_shows_the_same_message_once_a_minute() -> None:
    from scripts.supervisor import Part

    part = Part("web", [])
    assert part.is_news("2026-11-20T10:00:00.000Z WARNING a [-] slow")
    assert not part.is_news("2026-11-20T10:00:01.000Z WARNING a [-] slow")
    assert part.is_news("2026-11-20T10:00:01.000Z WARNING a [-] slower")
