"""Real MariaDB, Redis and RabbitMQ for tests, each in a folder of its own, on a port of its own, as an unprivileged user.

    with mariadb() as server:            # a private one; server.stop(), server.start(), server.kill()
        use(server.url)
    url = shared("redis")                # one for the whole run, whichever xdist worker asks first

They end with the test run even when that is killed. Where the program is missing, `NotInstalled` names the package.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.servers.sitter import SERVERS_OF

SITTER = Path(__file__).with_name("sitter.py")
PORTS = range(20000, 32000)  # below 32768, where outgoing connections begin
SEARCHED = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/lib/rabbitmq/bin"])


class NotInstalled(Exception):
    """The server's program is not on this machine."""


def free_port() -> int:
    for port in random.sample(PORTS, 200):
        with socket.socket() as trial:
            trial.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            with contextlib.suppress(OSError):
                trial.bind(("127.0.0.1", port))
                return port
    raise RuntimeError(f"No port of {PORTS} is free.")


def program(name: str, package: str) -> str:
    found = shutil.which(name, path=SEARCHED)
    if found is None:
        raise NotInstalled(f"{name} is missing; ./orq test installs {package} where it may.")
    return found


@dataclass
class Server:
    """One server. `url` is what the product's settings take for it."""

    url: str
    port: int
    folder: Path
    command: list[str]
    answers: Callable[[int], bool] = field(repr=False)
    patience_s: float = 60.0
    sitter: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    def start(self) -> None:
        user = _server_user()
        owner = str(owner_pid())
        self.sitter = subprocess.Popen(
            [sys.executable, str(SITTER), owner, str(self.folder), user, *self.command], start_new_session=True
        )
        deadline = time.monotonic() + self.patience_s
        while not self._answers():
            if time.monotonic() > deadline or self.sitter.poll() is not None:
                log = (self.folder / "log").read_text(errors="replace")[-2000:]
                self.stop()
                raise RuntimeError(f"{self.command[0]} did not start:\n{log}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Ends it in good order; what it stored stays until the test run ends."""
        if self.sitter is not None:
            self.sitter.terminate()
            self.sitter.wait()
            self.sitter = None

    def kill(self) -> None:
        """Ends it as a power cut would."""
        assert self.sitter is not None
        children = Path(f"/proc/{self.sitter.pid}/task/{self.sitter.pid}/children").read_text().split()
        for child in children:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(int(child), signal.SIGKILL)
        self.stop()

    def _answers(self) -> bool:
        with contextlib.suppress(OSError):
            return self.answers(self.port)
        return False


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    server.start()
    try:
        yield server
    finally:
        server.stop()
        shutil.rmtree(server.folder, ignore_errors=True)
        with contextlib.suppress(OSError):  # others may still have theirs in it
            server.folder.parent.rmdir()


# ---- the three ----


def mariadb() -> contextlib.AbstractContextManager[Server]:
    return running(new_mariadb())


def redis() -> contextlib.AbstractContextManager[Server]:
    return running(new_redis())


def rabbitmq() -> contextlib.AbstractContextManager[Server]:
    return running(new_rabbitmq())


def new_mariadb() -> Server:
    binary, installer = program("mariadbd", "mariadb-server"), program("mariadb-install-db", "mariadb-server")
    folder, port = new_folder("mariadb"), free_port()
    data = folder / "data"
    made = subprocess.run(
        [installer, "--no-defaults", f"--datadir={data}", "--auth-root-authentication-method=normal", "--skip-test-db"],
        capture_output=True,
        text=True,
        cwd=folder,
        **_as_server_user(),
    )
    if made.returncode:
        raise RuntimeError(f"mariadb-install-db failed:\n{made.stdout}\n{made.stderr}")
    hasty = ["--innodb-flush-log-at-trx-commit=0", "--innodb-doublewrite=0", "--skip-log-bin", "--innodb-buffer-pool-size=64M"]
    listens = ["--bind-address=127.0.0.1", f"--port={port}", f"--socket={folder}/socket", f"--pid-file={folder}/pid"]
    text = ["--character-set-server=utf8mb4", "--collation-server=utf8mb4_general_ci"]
    command = [binary, "--no-defaults", f"--datadir={data}", *listens, *text, *hasty]
    return Server(f"mysql://root@127.0.0.1:{port}/orquestrador", port, folder, command, _speaks_mysql)


def new_redis() -> Server:
    binary, folder, port = program("redis-server", "redis-server"), new_folder("redis"), free_port()
    command = [binary, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    return Server(f"redis://127.0.0.1:{port}/0", port, folder, command, _speaks_redis)


def new_rabbitmq() -> Server:
    binary, epmd = program("rabbitmq-server", "rabbitmq-server"), program("epmd", "rabbitmq-server")
    folder, port, distribution_port, epmd_port = new_folder("rabbitmq"), free_port(), free_port(), free_port()
    (folder / "rabbitmq.conf").write_text(f"listeners.tcp.local = 127.0.0.1:{port}\nloopback_users = none\n")
    (folder / "plugins").write_text("[].\n")
    settings = {
        "HOME": folder,
        "RABBITMQ_NODENAME": f"orq{port}@localhost",
        "RABBITMQ_CONFIG_FILE": folder / "rabbitmq.conf",
        "RABBITMQ_MNESIA_BASE": folder / "mnesia",
        "RABBITMQ_LOG_BASE": folder / "logs",
        "RABBITMQ_ENABLED_PLUGINS_FILE": folder / "plugins",
        "RABBITMQ_DIST_PORT": distribution_port,
        "RABBITMQ_PID_FILE": folder / "pid",
        "ERL_EPMD_PORT": epmd_port,
        "ERL_EPMD_ADDRESS": "127.0.0.1",
    }
    environment = " ".join(f"{name}={value}" for name, value in settings.items())
    # A name server of its own, in the same process group: one that the node starts by itself would outlive it.
    script = f"cd {folder}; export {environment}; {epmd} & exec {binary}"
    server = Server(f"amqp://guest:guest@127.0.0.1:{port}//", port, folder, ["sh", "-c", script], _speaks_amqp)
    return server


NEW = {"mariadb": new_mariadb, "redis": new_redis, "rabbitmq": new_rabbitmq}


def shared(name: str) -> str:
    """The URL of the one `mariadb`, `redis` or `rabbitmq` of this test run; the first who asks starts it."""
    base = _base_folder()
    with open(base / f"{name}.lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        address = base / f"{name}.url"
        if not address.exists():
            server = NEW[name]()
            server.start()
            assert server.sitter is not None
            server.sitter.returncode = 0  # nobody waits for it: it ends with the run
            address.write_text(server.url)
    return address.read_text()


# ---- does it answer ----


def _speaks_mysql(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        return len(connection.recv(5)) == 5  # the server speaks first


def _speaks_redis(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(b"PING\r\n")
        return connection.recv(7).startswith(b"+PONG")


def _speaks_amqp(port: int) -> bool:
    with socket.create_connection(("127.0.0.1", port), timeout=2) as connection:
        connection.sendall(b"AMQP\x00\x00\x09\x01")
        return connection.recv(1) == b"\x01"  # a method frame: connection.start


# ---- folders and users ----


def owner_pid() -> int:
    """The process that the servers belong to: pytest itself, also when asked from one of its xdist workers."""
    return os.getppid() if "PYTEST_XDIST_WORKER" in os.environ else os.getpid()


def _base_folder() -> Path:
    base = Path(tempfile.gettempdir()) / f"{SERVERS_OF}{owner_pid()}"
    base.mkdir(exist_ok=True)
    base.chmod(0o755)  # the unprivileged user passes through
    return base


def new_folder(name: str) -> Path:
    folder = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=_base_folder()))
    if user := _server_user():
        shutil.chown(folder, user)
    return folder


def _server_user() -> str:
    """Root gives its rights up: MariaDB refuses them, and no test needs them."""
    return "nobody" if os.geteuid() == 0 else ""


def _as_server_user() -> dict[str, Any]:
    if not _server_user():
        return {}
    entry = pwd.getpwnam(_server_user())
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}
