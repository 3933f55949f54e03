"""The real servers that tests use: they start, survive being killed, and end with the run whatever happens to it."""

from __future__ import annotations

import os
import pwd
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.scripts.waiting import wait_until
from tests.servers import services

ROOT = Path(__file__).resolve().parents[2]
ASK = "import sys; from tests.servers import services; print(services.shared('redis'), flush=True); sys.stdin.read()"
SERVE = """
import sys, tempfile
from pathlib import Path
from tests.servers import process
command = [sys.executable, "-m", "http.server", sys.argv[1], "--bind", "127.0.0.1"]
with process.running(command, ready_url=f"http://127.0.0.1:{sys.argv[1]}/"):
    print(next(Path(tempfile.gettempdir()).glob("orq-server-*")), flush=True)
    sys.stdin.read()
"""


def answers(port: int) -> bool:
    with socket.socket() as trial:
        return trial.connect_ex(("127.0.0.1", port)) == 0


def test_it_starts_stops_and_starts_again_with_what_it_stored() -> None:
    with services.redis() as server:
        assert answers(server.port)
        server.stop()
        assert not answers(server.port)
        server.start()
        server.kill()
        assert not answers(server.port)
        server.start()
        assert answers(server.port)
    assert not answers(server.port)
    assert not server.folder.exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="this user has no rights to give up")
def test_root_gives_its_rights_up() -> None:
    with services.redis() as server:
        assert server.sitter is not None
        child = Path(f"/proc/{server.sitter.pid}/task/{server.sitter.pid}/children").read_text().split()[0]
        owner = Path(f"/proc/{child}").stat().st_uid
    assert owner == pwd.getpwnam("nobody").pw_uid


def test_all_who_ask_in_one_run_get_the_same_server(redis_url: str) -> None:
    assert services.shared("redis") == redis_url


def test_a_server_ends_when_its_run_is_killed() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
    run = subprocess.Popen(
        [sys.executable, "-c", ASK], cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert run.stdout is not None and run.stdin is not None
    port = int(run.stdout.readline().rpartition(":")[2].split("/")[0])
    assert answers(port)
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    run.stdin.close()
    wait_until(lambda: not answers(port))
    wait_until(lambda: not list(Path(services.tempfile.gettempdir()).glob(f"orq-test-servers-{run.pid}")))


def test_when_its_run_is_killed_nothing_beside_its_own_folder_is_removed(tmp_path: Path) -> None:
    (tmp_path / "somebody's").write_text("work")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")} | {
        "TMPDIR": str(tmp_path)
    }
    run = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(services.free_port())],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert run.stdout is not None and run.stdin is not None
    folder = Path(run.stdout.readline().strip())
    assert folder.parent == tmp_path and folder.exists()
    run.send_signal(signal.SIGKILL)
    run.wait()
    run.stdout.close()
    run.stdin.close()
    wait_until(lambda: not folder.exists())
    wait_until(lambda: not is_sat_by(folder))
    assert [path.name for path in tmp_path.iterdir()] == ["somebody's"]


def is_sat_by(folder: Path) -> bool:
    """Whether a process that was started for this folder is still there."""
    return any(str(folder) in (process.info["cmdline"] or []) for process in psutil.process_iter(["cmdline"]))


@pytest.mark.parametrize("make", [services.mariadb, services.rabbitmq])
def test_the_slower_ones_start_too(make: object) -> None:
    with make() as server:  # type: ignore[operator]
        assert answers(server.port)
        assert server.port < 32768


def test_a_missing_program_is_named_with_its_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(services, "SEARCHED", "/nowhere")
    with pytest.raises(services.NotInstalled, match=r"redis-server is missing; \./orq test installs redis-server"):
        services.new_redis()


def test_a_connection_beyond_this_machine_is_refused() -> None:
    with socket.socket() as outgoing, pytest.raises(AssertionError, match=r"tests reach 127\.0\.0\.1 only"):
        outgoing.connect(("192.0.2.1", 80))
