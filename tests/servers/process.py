"""A server process for tests on a free port, which ends with the test run however that ends."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

SITTER = Path(__file__).with_name("sitter.py")
PATIENCE_S = 30


@contextmanager
def running(command: list[str], *, ready_url: str) -> Iterator[None]:
    """Runs the command until the block ends. It is ready when `ready_url` gives a success."""
    with tempfile.TemporaryDirectory(prefix="orq-server-") as folder:
        sitter = subprocess.Popen([sys.executable, str(SITTER), str(os.getpid()), folder, "", *command], start_new_session=True)
        try:
            _wait_until_ready(sitter, ready_url, Path(folder) / "log")
            yield
        finally:
            sitter.terminate()
            sitter.wait(timeout=PATIENCE_S)


def _wait_until_ready(sitter: subprocess.Popen[bytes], url: str, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not _answers(url):
        if time.monotonic() > deadline or sitter.poll() is not None:
            raise RuntimeError(f"The server at {url} did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(0.02)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as response:
            return response.status == 200
    except OSError:
        return False
