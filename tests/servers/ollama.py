"""A stand-in for Ollama's own endpoints, written from its documentation (docs/api.md) and its Python SDK 0.6.3: neither this
machine nor aimock has what it does with memory and downloads. It keeps what is in memory, and pulls layer by layer.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.servers.services import free_port

GIB = 1024**3
MODELS: dict[str, dict[str, Any]] = {
    "llama3.1:8b": {"capabilities": ["completion", "tools"], "family": "llama", "context": 131_072, "size": 5 * GIB},
    "llava:latest": {"capabilities": ["completion", "vision"], "family": "llava", "context": 4096, "size": 4 * GIB},
    "nomic-embed-text:latest": {"capabilities": ["embedding"], "family": "bert", "context": 2048, "size": GIB // 4},
}
USUAL_CONTEXT = 4096
LAYERS = {"sha256:aa": 900, "sha256:bb": 100}


class OllamaServer(ThreadingHTTPServer):
    """`memory`: name → context length. `pulling` is waited for between the pieces of a pull. `asked` holds (path, body)."""

    daemon_threads = True

    def __init__(self) -> None:
        self.models = {name: dict(about) for name, about in MODELS.items()}
        self.memory: dict[str, int] = {}
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.fetched = dict.fromkeys(LAYERS, 0)
        self.pulls_open = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.loads_fail = False
        super().__init__(("127.0.0.1", free_port()), _Handler)
        self.url = f"http://127.0.0.1:{self.server_address[1]}"

    def loads(self) -> int:
        return sum(path == "/api/generate" and body.get("keep_alive") != 0 for path, body in self.asked)


class _Handler(BaseHTTPRequestHandler):
    server: OllamaServer
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self.server.asked.append((self.path, {}))
        match self.path:
            case "/api/version":
                self._send({"version": "0.12.6"})
            case "/api/tags":
                self._send({"models": [self._row(name) for name in self.server.models]})
            case "/api/ps":
                self._send({"models": [self._running(name, length) for name, length in self.server.memory.items()]})
            case _:
                self._send({"error": "404 page not found"}, 404)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers.get("content-length", 0))) or b"{}")
        self.server.asked.append((self.path, body))
        if self.path == "/api/pull":
            self._pull(body["model"])
            return
        name = body.get("model", "")
        name = name if ":" in name else f"{name}:latest"
        if name not in self.server.models:
            self._send({"error": f"model '{body.get('model')}' not found"}, 404)
        elif self.path == "/api/show":
            about = self.server.models[name]
            info = {"general.architecture": about["family"], f"{about['family']}.context_length": about["context"]}
            self._send({"capabilities": about["capabilities"], "model_info": info, "details": {}})
        elif self.path in ("/api/generate", "/api/embed", "/api/chat"):
            self._ask(name, body)
        else:
            self._send({"error": "404 page not found"}, 404)

    def _ask(self, name: str, body: dict[str, Any]) -> None:
        is_embedding = self.server.models[name]["capabilities"] == ["embedding"]
        if is_embedding != (self.path == "/api/embed"):
            self._send({"error": f'"{name}" does not support {self.path.removeprefix("/api/")}'}, 400)
            return
        if body.get("keep_alive") == 0:
            self.server.memory.pop(name, None)
            self._send({"model": name, "response": "", "done": True, "done_reason": "unload"})
            return
        if self.server.loads_fail:
            self._send({"error": "model requires more system memory (9.0 GiB) than is available (2.0 GiB)"}, 500)
            return
        self.server.memory[name] = body.get("options", {}).get("num_ctx", self.server.memory.get(name, USUAL_CONTEXT))
        if is_embedding:
            self._send({"model": name, "embeddings": [[0.25, 0.5] for _text in body["input"]]})
        elif self.path == "/api/generate":
            self._send({"model": name, "response": "", "done": True, "done_reason": "load"})
        else:
            message = {"role": "assistant", "content": "Hi."}
            self._send(
                {"model": name, "message": message, "done": True, "done_reason": "stop", "prompt_eval_count": 5, "eval_count": 2}
            )

    def _pull(self, name: str) -> None:
        self.send_response(200)
        self.send_header("content-type", "application/x-ndjson")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.server.pulls_open += 1
        try:
            self._line({"status": "pulling manifest"})
            if "missing" in name:
                self._line({"error": "pull model manifest: file does not exist"})
            else:
                self._layers(name)
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            self.close_connection = True
        finally:
            self.server.pulls_open -= 1

    def _layers(self, name: str) -> None:
        for digest, total in LAYERS.items():
            self._line({"status": f"pulling {digest}", "digest": digest, "total": total})
            while self.server.fetched[digest] < total:
                self.server.fetched[digest] += total // 10
                self._line(
                    {"status": f"pulling {digest}", "digest": digest, "total": total, "completed": self.server.fetched[digest]}
                )
                while not self.server.may_go_on.wait(0.02):
                    self._line({"status": f"pulling {digest}", "digest": digest, "total": total,
                                "completed": self.server.fetched[digest]})  # fmt: skip
        for status in ("verifying sha256 digest", "writing manifest", "success"):
            self._line({"status": status})
        full = name if ":" in name.rpartition("/")[2] else f"{name}:latest"
        self.server.models[full] = {"capabilities": ["completion"], "family": "new", "context": 2048, "size": 1000}

    def _line(self, line: dict[str, Any]) -> None:
        data = json.dumps(line).encode() + b"\n"
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()
        time.sleep(0.001)

    def _row(self, name: str) -> dict[str, Any]:
        about = self.server.models[name]
        details = {"format": "gguf", "family": about["family"], "parameter_size": "8.0B", "quantization_level": "Q4_K_M"}
        return {"name": name, "model": name, "modified_at": "2026-11-01T00:00:00Z", "size": about["size"], "digest": "d" * 12,
                "details": details}  # fmt: skip

    def _running(self, name: str, length: int) -> dict[str, Any]:
        size = self.server.models[name]["size"]
        more = {"size_vram": size // 2, "expires_at": "2026-11-21T12:00:00Z", "context_length": length}
        return {**self._row(name), "size": size + GIB, **more}

    def _send(self, answer: Any, status: int = 200) -> None:
        data = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json; charset=utf-8")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, *words: Any) -> None:
        """Quiet."""


@contextmanager
def ollama_server() -> Iterator[OllamaServer]:
    server = OllamaServer()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.may_go_on.set()
        server.shutdown()
        server.server_close()
        thread.join()
