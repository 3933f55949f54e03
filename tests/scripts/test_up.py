"""./orq up, as a person starts it."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scripts.product import ROOT, Product, clean_environment, product
from tests.scripts.waiting import children_of, is_alive, pid_in, wait_until
from tests.servers.services import free_port

pytestmark = [pytest.mark.slow_start, pytest.mark.sqlite_only]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that one start has prepared, so that the next ones are quick."""
    folder = tmp_path_factory.mktemp("home") / "data"
    with product(folder, ORQ_OWNER_EMAIL="owner@example.org", ORQ_OWNER_PASSWORD="correct horse battery") as first:
        first.wait_ready()
        assert first.end() == 0
        assert "owner@example.org" in first.text
    return folder


@pytest.fixture(scope="module")
def running(home: Path) -> Iterator[Product]:
    """One product that several tests look at; what it does when it ends is looked at last."""
    with product(home, "--workers", "2") as started:
        started.wait_ready()
        yield started


def test_it_says_where_it_is_and_how_to_sign_in(running: Product) -> None:
    assert f"Orquestrador is ready: http://127.0.0.1:{running.port}/" in running.said
    assert "Sign in as owner@example.org." in running.text
    assert running.get("/api/health/")[0] == 200


def test_it_writes_down_which_processes_it_is(running: Product) -> None:
    pids = {name: pid_in(running.home / "run" / f"{name}.pid") for name in ("orq", "web", "worker", "worker-2")}
    assert pids["orq"] == running.process.pid
    assert set(pids.values()) <= {running.process.pid, *children_of(running.process.pid)}
    assert len(set(pids.values())) == 4


def test_it_keeps_its_files_from_others(running: Product) -> None:
    home = running.home
    private = [home, *(file for file in home.rglob("*") if "static" not in file.parts and not file.is_symlink())]
    assert [str(file) for file in private if file.lstat().st_mode & 0o077] == []


def test_a_second_start_in_the_same_folder_says_who_runs(running: Product) -> None:
    with product(running.home) as second:
        assert second.wait_end() == 1
    where = f"http://127.0.0.1:{running.port}/ (process {running.process.pid})"
    assert second.text.startswith(f"orq: Orquestrador already runs with {running.home}: {where}.")


def test_the_doctor_sees_the_running_product(running: Product) -> None:
    assert f"runs at http://127.0.0.1:{running.port}/ (process {running.process.pid})" in doctor(running.home).stdout


def test_a_worker_that_is_killed_is_started_again(running: Product) -> None:
    file = running.home / "run" / "worker.pid"
    before = pid_in(file)
    os.kill(before, signal.SIGKILL)
    after = wait_until(lambda: pid_in(file) != before and pid_in(file))
    assert is_alive(int(str(after)))


def test_ctrl_c_stops_everything(running: Product) -> None:
    everything = [running.process.pid, *children_of(running.process.pid)]
    assert running.end(signal.SIGINT) == 0
    assert running.said[-1] == "Stopped."
    assert [pid for pid in everything if is_alive(pid)] == []
    assert list((running.home / "run").glob("*.pid")) == []
    assert "worker ended (killed by SIGKILL); starting it again" in running.text
    assert "Traceback" not in running.text


def test_it_reads_its_settings_from_the_data_folder_too_and_daphne_serves_as_well(home: Path) -> None:
    settings = home / ".env"
    settings.touch(mode=0o600)
    settings.write_text("ORQ_LANGUAGE=pt-br\nORQ_SERVER=daphne\n")
    try:
        with product(home, ORQ_LANGUAGE="") as started:
            started.wait_ready()
            assert f"O Orquestrador está pronto: http://127.0.0.1:{started.port}/" in started.said
            assert "daphne" in Path(f"/proc/{pid_in(home / 'run' / 'web.pid')}/cmdline").read_text()
            assert started.get("/api/health/")[0] == 200
            assert started.end(signal.SIGTERM) == 0
    finally:
        settings.unlink()


def test_a_taken_port_is_said_before_anything_is_started(home: Path) -> None:
    with socket.socket() as other:
        port = free_port()
        other.bind(("127.0.0.1", port))
        other.listen()
        with product(home, port=port) as started:
            assert started.wait_end() == 1
        assert re.fullmatch(rf"orq: Port {port} is taken by another program\. (\d+) is free: \./orq up --port \1", started.text)
        assert list((home / "run").glob("*.pid")) == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--port", "70000"], "Port 70000 does not exist"),
        (["--workers", "0"], "--workers takes 1 or more"),
        (["--host", "203.0.113.7"], "203.0.113.7 is not an address of this machine."),
    ],
)
def test_it_refuses_what_cannot_be_in_words(home: Path, arguments: list[str], said: str) -> None:
    with product(home, *arguments) as started:
        assert started.wait_end() == 1
        assert started.text.startswith(f"orq: {said}")
        assert "Traceback" not in started.text


def test_nothing_outlives_a_start_that_is_killed_and_the_next_one_works(home: Path) -> None:
    with product(home) as first:
        first.wait_ready()
        everything = children_of(first.process.pid)
        assert len(everything) >= 2
        first.process.kill()
        wait_until(lambda: not any(is_alive(pid) for pid in everything))
    with product(home, port=first.port) as second:
        second.wait_ready()
        assert second.end() == 0


def test_a_data_folder_that_is_a_file_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with product(tmp_path / "file") as started:
        assert started.wait_end() == 1
        assert started.text.startswith(f"orq: The data folder {tmp_path / 'file'} cannot be used: ")
        assert "Traceback" not in started.text


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 60 MB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=60m", "tmpfs", str(disk)], capture_output=True, text=True)
    if mounted.returncode:
        pytest.skip(f"this user may mount no disk here: {mounted.stderr.strip()}")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def test_a_disk_without_room_is_said_before_anything_is_started(small_disk: Path) -> None:
    (small_disk / "other").write_bytes(b"x" * 40 * 2**20)
    with product(small_disk / "data") as started:
        assert started.wait_end() == 1
    assert re.match(r"orq: Only \d+ MB are free on the disk of .*; at least 50 MB are needed to start\.", started.text)


def test_a_full_disk_is_said_in_words(small_disk: Path) -> None:
    with open(small_disk / "other", "wb") as other, contextlib.suppress(OSError):
        while True:
            other.write(b"x" * 65536)
            other.flush()
    with product(small_disk / "data") as started:
        assert started.wait_end() == 1
    assert "the disk is full. Free some space and start again." in started.text
    assert "Traceback" not in started.text


def test_a_disk_that_fills_while_preparing_is_said_in_words(small_disk: Path) -> None:
    (small_disk / "other").write_bytes(b"x" * 9 * 2**20)  # room to begin, none for all static files and the database
    with product(small_disk / "data") as started:
        wait_until(lambda: (small_disk / "data" / "run" / "orq.lock").exists())
        with open(small_disk / "more", "wb") as more, contextlib.suppress(OSError):
            while True:
                more.write(b"x" * 65536)
                more.flush()
        assert started.wait_end() == 1
    assert "the disk is full. Free some space and start again." in started.text
    assert "Traceback" not in started.text


def doctor(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "scripts"), "doctor", *arguments]
    settings = clean_environment(ORQ_HOME=str(home), ORQ_PORT=str(free_port()), **environment)
    return subprocess.run(command, env=settings, capture_output=True, text=True, timeout=60)


def test_the_doctor_finds_nothing_wrong_with_a_good_installation(home: Path) -> None:
    done = doctor(home, "--json")
    findings = {finding["name"]: finding for finding in json.loads(done.stdout)}
    assert {name for name, finding in findings.items() if finding["state"] == "fail"} <= {
        "packages"
    }  # a pinned set of tests' own
    assert findings["database"]["message"] == "sqlite3, reachable and up to date"
    assert findings["port"]["state"] == "ok"


def test_the_doctor_says_what_to_do_about_each_thing(home: Path, tmp_path: Path) -> None:
    broken = tmp_path / "data"
    shutil.copytree(home, broken, ignore=shutil.ignore_patterns("static", "logs", "live"))  # sockets cannot be copied
    secret = next((broken / "secrets").iterdir())
    secret.chmod(0o644)
    done = doctor(
        broken, DATABASE_URL=f"mysql://root@127.0.0.1:{free_port()}/x", CELERY_BROKER_URL=f"amqp://127.0.0.1:{free_port()}//"
    )
    assert done.returncode == 1
    assert f"chmod 600 {secret}" in done.stdout
    assert "Check DATABASE_URL and that the database runs." in done.stdout
    assert "Check CELERY_BROKER_URL or REDIS_URL and that the broker runs." in done.stdout
    assert "Traceback" not in done.stdout + done.stderr
