"""llama-server in router mode: a stand-in that answers as the real one did, and the real one where its binary is named.

The wheel that brings llama.cpp to this machine has its router switched off, and building llama-server takes minutes. The
stand-in's answers were recorded from llama-server b1-0c1e570 (the source of llama-cpp-python 0.3.36, built 2026-11-21); tests
that take the fixture `router` run against both when LLAMA_SERVER_FOR_TESTS names such a binary.
"""

from __future__ import annotations

import json
import os
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.servers.llama import MODEL
from tests.servers.process import running
from tests.servers.services import free_port

BINARY = os.environ.get("LLAMA_SERVER_FOR_TESTS", "")
PRACTICE = ("practice-bad", "practice-good", "practice-mediocre")
META = {"n_ctx": 1024, "n_ctx_train": 16_384, "n_params": 725_248, "size": 773_960, "ftype": "Q8_0"}
LOAD_S = 0.15


class RouterServer(ThreadingHTTPServer):
    """`status`: name → the object of its status. `asked` holds (method, path, body)."""

    daemon_threads = True

    def __init__(self) -> None:
        names = (*PRACTICE, "broken")
        self.status: dict[str, dict[str, Any]] = {name: {"value": "unloaded"} for name in names}
        self.asked: list[tuple[str, str, Any]] = []
        self.lock = threading.Lock()
        self.has_slots = True
        super().__init__(("127.0.0.1", free_port()), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def finish_load(self, name: str) -> None:
        time.sleep(LOAD_S)
        with self.lock:
            broken = {"value": "unloaded", "failed": True, "exit_code": 1}
            self.status[name] = broken if name == "broken" else {"value": "loaded"}

    def finish_unload(self, name: str) -> None:
        time.sleep(LOAD_S)
        self.status[name] = {"value": "unloaded"}


class _Handler(BaseHTTPRequestHandler):
    server: RouterServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        self.server.asked.append(("GET", self.path, None))
        name = parse_qs(parts.query).get("model", [""])[0]
        match parts.path:
            case "/models" | "/v1/models":
                self._send({"data": [self._row(name) for name in self.server.status], "object": "list"})
            case "/models/sse":
                self._push()
            case "/props" | "/slots" if self.server.status.get(name, {}).get("value") != "loaded":
                self._refuse(400, "model is not loaded")
            case "/props":
                caps = {"supports_tools": name == "practice-good", "supports_system_role": True}
                self._send({"default_generation_settings": {"n_ctx": 1024}, "total_slots": 2, "model_alias": name,
                            "modalities": {"vision": False, "audio": False}, "chat_template_caps": caps})  # fmt: skip
            case "/slots" if self.server.has_slots:
                self._send([{"id": 0, "n_ctx": 1024, "is_processing": True}, {"id": 1, "n_ctx": 1024, "is_processing": False}])
            case "/slots":
                self._refuse(501, "This server does not support slots endpoint.", "not_supported_error")
            case _:
                self._refuse(404, "File Not Found", "not_found_error")

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        self.server.asked.append(("POST", self.path, body))
        name = body.get("model", "")
        status = self.server.status.get(name, {}).get("value")
        match self.path:
            case "/models":
                self.server.status[name] = {"value": "downloading", "progress": {}}
                self._send({"success": True})
            case "/models/load" if status is None:
                self._refuse(404, "File Not Found", "not_found_error")
            case "/models/load" if status in ("loaded", "loading"):
                self._refuse(400, "model is already running")
            case "/models/load":
                self.server.status[name] = {"value": "loading"}
                threading.Thread(target=self.server.finish_load, args=(name,), daemon=True).start()
                self._send({"success": True})
            case "/models/unload" if status not in ("loaded", "loading"):
                self._refuse(400, "model is not running")
            case "/models/unload":
                threading.Thread(target=self.server.finish_unload, args=(name,), daemon=True).start()
                self._send({"success": True})
            case _:
                self._refuse(404, "File Not Found", "not_found_error")

    def _push(self) -> None:
        """Two events of a load, as its README shows them, then the end."""
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.end_headers()
        for stage, value in (("text_model", 0.5), ("mmproj_model", 0.0)):
            progress = {"stages": ["text_model", "mmproj_model"], "current": stage, "value": value}
            event = {"model": "practice-good", "event": "model_status", "data": {"status": "loading", "progress": progress}}
            self.wfile.write(b"data: " + json.dumps(event).encode() + b"\n\n")
        self.close_connection = True

    def _row(self, name: str) -> dict[str, Any]:
        status = self.server.status[name]
        loaded = {"meta": META} if status["value"] == "loaded" else {}
        inputs = {"input_modalities": ["text"], "output_modalities": ["text"]}
        return {"id": name, "aliases": [], "object": "model", "owned_by": "llamacpp", "source": "models_dir",
                "architecture": inputs, "status": {"args": ["llama-server", "--alias", name], **status}, **loaded}  # fmt: skip

    def _refuse(self, status: int, message: str, kind: str = "invalid_request_error") -> None:
        self._send({"error": {"code": status, "message": message, "type": kind}}, status)

    def _send(self, answer: Any, status: int = 200) -> None:
        data = json.dumps(answer).encode()
        self.send_response_only(status)
        self.send_header("server", "llama.cpp")
        self.send_header("content-type", "application/json; charset=utf-8")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words: Any) -> None:
        """Quiet."""


@contextmanager
def router_server() -> Iterator[RouterServer]:
    server = RouterServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


@pytest.fixture(params=["stand-in", "llama-server"])
def router(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The address of a router with the practice models and a broken file."""
    if request.param == "stand-in":
        with router_server() as server:
            yield server.url
        return
    if not BINARY:
        pytest.skip("LLAMA_SERVER_FOR_TESTS names no llama-server with a router")
    for name in PRACTICE:
        shutil.copy(MODEL.with_name(f"{name}.gguf"), tmp_path)
    (tmp_path / "broken.gguf").write_text("broken")
    port = free_port()
    options = [
        "--models-dir",
        str(tmp_path),
        "--models-max",
        "3",
        "--offline",
        "--host",
        "127.0.0.1",
        "--port",
        str(port),
        "--slots",
    ]
    with running([BINARY, *options, "-c", "2048", "-np", "2", "-t", "1"], ready_url=f"http://127.0.0.1:{port}/health"):
        yield f"http://127.0.0.1:{port}"
