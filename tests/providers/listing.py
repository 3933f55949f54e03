"""A small HTTP server on this machine that answers fixed things at fixed paths, in a thread of its own.

For what a provider's listing, a captive portal or another service may say; synchronous tests can use it with the database.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tests.servers.services import free_port

HTML = "text/html; charset=utf-8"


class ListingServer(ThreadingHTTPServer):
    """`answers`: path → anything that becomes JSON, or (status, headers, text). `asked` holds (path, headers)."""

    daemon_threads = True
    allow_reuse_address = True

    def __init__(self, answers: Mapping[str, Any], port: int | None = None) -> None:
        self.answers = dict(answers)
        self.asked: list[tuple[str, dict[str, str]]] = []
        super().__init__(("127.0.0.1", port or free_port()), _Handler)
        self.port = self.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: ListingServer

    def do_GET(self) -> None:
        self.server.asked.append((self.path, {name.lower(): value for name, value in self.headers.items()}))
        answer = self.server.answers.get(self.path, self.server.answers.get("*", (404, {}, "{}")))
        status, headers, text = answer if isinstance(answer, tuple) else (200, {}, json.dumps(answer))
        body = text.encode()
        self.send_response_only(status)  # without the name of Python's server
        for name, value in {"content-type": "application/json", "content-length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET

    def log_message(self, *words: Any) -> None:
        """Quiet."""


@contextmanager
def listing(answers: Mapping[str, Any]) -> Iterator[ListingServer]:
    server = ListingServer(answers)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def models(*keys: str, **more: Any) -> dict[str, Any]:
    """An OpenAI-style list of models."""
    return {"object": "list", "data": [{"id": key, "object": "model", "owned_by": "test", **more} for key in keys]}
