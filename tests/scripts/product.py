"""The whole product as a person starts it: `./orq up` in a process of its own."""

from __future__ import annotations

import contextlib
import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from tests.servers.services import free_port

ROOT = Path(__file__).resolve().parents[2]


class Product:
    """One `./orq up` and what it says."""

    def __init__(self, home: Path, *arguments: str, port: int | None = None, **environment: str) -> None:
        self.home, self.port = home, port or free_port()
        self.began = time.monotonic()
        self.process = subprocess.Popen(
            [sys.executable, str(ROOT / "scripts"), "up", "--no-browser", "--port", str(self.port), *arguments],
            env=clean_environment(ORQ_HOME=str(home), **environment),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        self.said: list[str] = []

    def wait_ready(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self.said.append(line.rstrip())
            if "Ctrl-C" in line:
                return
        raise AssertionError("It did not start:\n" + "\n".join(self.said))

    def end(self, how: signal.Signals = signal.SIGINT) -> int:
        self.process.send_signal(how)
        return self.wait_end()

    def wait_end(self) -> int:
        assert self.process.stdout is not None
        self.said += self.process.stdout.read().splitlines()
        return self.process.wait(timeout=40)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()

    @property
    def text(self) -> str:
        return "\n".join(self.said)

    def get(self, path: str) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            return answer.status, answer.read()
        finally:
            connection.close()


def clean_environment(**more: str) -> dict[str, str]:
    dropped = ("ORQ_", "DATABASE_URL", "REDIS_URL", "CELERY_", "DJANGO_", "PYTEST_")
    kept = {name: value for name, value in os.environ.items() if not name.startswith(dropped)}
    return {**kept, "ORQ_LANGUAGE": "en", **more}


@contextlib.contextmanager
def product(home: Path, *arguments: str, port: int | None = None, **environment: str) -> Iterator[Product]:
    started = Product(home, *arguments, port=port, **environment)
    try:
        yield started
    finally:
        started.close()
