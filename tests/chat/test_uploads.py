"""A file that is far too large, sent to the server as the product runs it: refused early, and never held in memory."""

from __future__ import annotations

import socket
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from scripts.up import APPLICATION
from tests.chat.outside import ROOT, Product
from tests.servers.services import free_port

PATIENCE_S = 90.0
SIZE = 200 * 2**20
PIECE = bytes(2**16)
MOST_TAKEN = {"told": 16 * 2**20, "not told": 40 * 2**20}  # the limit is 20 MB, and what lies in the buffers of the line
MOST_GROWTH_MB = 30


class Server:
    """Pages at an address, in a process of their own."""

    def __init__(self, product: Product) -> None:
        self.port = free_port()
        program = [sys.executable, "-m", "uvicorn", "--host", "127.0.0.1", "--port", str(self.port), "--log-level", "warning"]
        with open(product.log, "ab") as log:
            self.process = subprocess.Popen([*program, APPLICATION], cwd=ROOT, env=product.environment, stdout=log, stderr=log)

    def line(self) -> socket.socket:
        """A connection, as soon as the server takes one."""
        deadline = time.monotonic() + PATIENCE_S
        while True:
            try:
                return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
            except ConnectionRefusedError:
                assert self.process.poll() is None and time.monotonic() < deadline, "the server did not start"
                time.sleep(0.1)

    @property
    def peak_mb(self) -> float:
        """The most memory that the process has had."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        return next(int(row.split()[1]) for row in status.splitlines() if row.startswith("VmHWM:")) / 1024


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    server = Server(Product(tmp_path / "home"))
    yield server
    server.process.kill()
    server.process.wait()


def upload(server: Server, *, is_told: bool) -> tuple[bytes, int]:
    """What the server answers to a file of 200 MB, and how many bytes had left for it until then."""
    length = f"Content-Length: {SIZE}" if is_told else "Transfer-Encoding: chunked"
    head = f"POST /api/conversations/{uuid.uuid4()}/attachments/ HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\n{length}\r\n\r\n"
    piece = PIECE if is_told else b"%x\r\n%s\r\n" % (len(PIECE), PIECE)
    with server.line() as line:
        line.sendall(head.encode())
        sent = 0
        while sent < SIZE and not has_answer(line):
            try:
                line.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                break
            sent += len(PIECE)
        return line.recv(65_536), sent


def has_answer(line: socket.socket) -> bool:
    line.setblocking(False)
    try:
        return bool(line.recv(1, socket.MSG_PEEK))
    except BlockingIOError:
        return False
    finally:
        line.settimeout(PATIENCE_S)


@pytest.mark.slow_start
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the memory of a process is read as Linux tells it")
@pytest.mark.parametrize("way", ["told", "not told"])
def test_a_file_of_200_mb_is_refused_early_and_takes_no_memory(server: Server, way: str) -> None:
    with server.line() as line:  # a first request, so that what the server loads once is loaded
        line.sendall(b"GET /static/none HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n")
        assert line.recv(100).startswith(b"HTTP/1.1")
    before_mb = server.peak_mb
    answer, sent = upload(server, is_told=way == "told")
    growth_mb = server.peak_mb - before_mb
    print(f"length {way}: refused after {sent / 2**20:.1f} MB, memory grew by {growth_mb:.1f} MB")
    assert answer.startswith(b"HTTP/1.1 413 ")
    assert sent <= MOST_TAKEN[way]
    assert growth_mb < MOST_GROWTH_MB
