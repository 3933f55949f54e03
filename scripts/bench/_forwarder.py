"""The least that a gateway can do: raw ASGI, aiohttp, no key, no counting. What anything else costs is measured against it."""

from __future__ import annotations

import os
from typing import Any

import aiohttp

UPSTREAM = os.environ.get("ORQ_BENCH_UPSTREAM", "")
_session: aiohttp.ClientSession | None = None


async def application(scope: dict[str, Any], receive: Any, send: Any) -> None:
    global _session
    if scope["type"] != "http":
        return
    if _session is None:
        _session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
    message = await receive()
    headers = {"content-type": "application/json"}
    async with _session.post(f"{UPSTREAM}/chat/completions", data=message["body"], headers=headers) as answer:
        content_type = answer.headers["content-type"].encode()
        head = [(b"content-type", content_type)]
        if "content-length" in answer.headers:
            head.append((b"content-length", answer.headers["content-length"].encode()))
        await send({"type": "http.response.start", "status": answer.status, "headers": head})
        async for chunk in answer.content.iter_any():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body", "body": b""})
