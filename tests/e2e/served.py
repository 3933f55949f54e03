"""The product as a browser meets it: pages, sockets and the worker of chats in this process, and a model of ours behind it."""

from __future__ import annotations

import gc
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.servers.services import free_port

PATIENCE_S = 60


class Model:
    """An OpenAI-compatible server that says `words`, and stops after `held_after` of them until `go` is set."""

    def __init__(self) -> None:
        self.words = "One two three four five six seven eight nine ten".split()
        self.held_after: int | None = None
        self.verdict: dict[str, Any] = {}
        self.fails = ""
        self.go = threading.Event()
        self.asked: list[dict[str, Any]] = []
        self.left = threading.Event()  # somebody who listened has gone
        model = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                model.answer(self, json.loads(self.rfile.read(int(self.headers["content-length"]))))

            def log_message(self, *args: Any) -> None:
                """Tests want no lines of requests."""

        self._server = ThreadingHTTPServer(("127.0.0.1", free_port()), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/v1"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def hold(self, after: int) -> None:
        self.held_after = after
        self.go.clear()

    def answer(self, request: BaseHTTPRequestHandler, asked: dict[str, Any]) -> None:
        self.asked.append(asked)
        if self.fails:
            self._say(request, 400, {"error": {"message": self.fails, "type": "invalid_request_error"}})
        elif asked.get("stream"):
            self._stream(request)
        else:
            self._say(request, 200, _whole(json.dumps(self.verdict)))

    def _stream(self, request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("content-type", "text/event-stream")
        request.end_headers()
        words = [json.dumps(self.verdict)] if self.verdict else self.words
        try:
            for number, word in enumerate(words):
                if number == self.held_after and not self.verdict:
                    self._wait(request)
                self._event(request, {"content": f" {word}" if number else word}, None)
            self._event(request, {}, "stop")
            request.wfile.write(b"data: [DONE]\n\n")
        except OSError:
            self.left.set()

    def _wait(self, request: BaseHTTPRequestHandler) -> None:
        """Held, with comments on the line so that one who leaves is noticed."""
        while not self.go.wait(0.05):
            request.wfile.write(b": still here\n\n")
            request.wfile.flush()

    @staticmethod
    def _event(request: BaseHTTPRequestHandler, delta: dict, finish: str | None) -> None:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        request.wfile.write(b"data: " + json.dumps({"id": "1", "model": "m", "choices": [choice]}).encode() + b"\n\n")
        request.wfile.flush()

    @staticmethod
    def _say(request: BaseHTTPRequestHandler, status: int, about: dict) -> None:
        body = json.dumps(about).encode()
        request.send_response(status)
        request.send_header("content-type", "application/json")
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    def close(self) -> None:
        self.go.set()
        self._server.shutdown()
        self._server.server_close()


def _whole(text: str) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return {"id": "1", "model": "m", "choices": [choice], "usage": {"prompt_tokens": 9, "completion_tokens": 9}}


class Product:
    """Pages and sockets on a port. `stop` and `start` are what a lost connection is made of: the address stays."""

    def __init__(self) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._server: Any = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        import uvicorn
        from channels.routing import ProtocolTypeRouter
        from django.contrib.staticfiles.handlers import ASGIStaticFilesHandler
        from django.core.asgi import get_asgi_application

        from orquestrador.routing import sockets

        application = ProtocolTypeRouter({"http": ASGIStaticFilesHandler(get_asgi_application()), "websocket": sockets})
        config = uvicorn.Config(application, port=self.port, lifespan="off", log_level="error", timeout_graceful_shutdown=1)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        _until(lambda: self._server.started)

    def stop(self) -> None:
        self._server.should_exit = self._server.force_exit = True
        if self._thread is not None:
            self._thread.join(PATIENCE_S)


def _until(what: Any) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not what():
        assert time.monotonic() < deadline, "it did not come about"
        time.sleep(0.02)


@contextmanager
def product_at_work() -> Iterator[Product]:
    """The product with a worker that writes answers."""
    from apps.chat.worker import Worker
    from apps.common import live
    from apps.common.hub import hub
    from apps.providers.calls import servers

    servers.forget_all()
    product, worker = Product(), Worker()
    product.start()
    worker.start()
    try:
        yield product
    finally:
        product.stop()
        worker.stop()
        live.wire().close()
        live._wire.cache_clear()
        hub.cache_clear()
        servers.forget_all()
        gc.collect()  # what requests have left open is noticed here, where it belongs
