"""An OpenAI-compatible server whose every word is the time at which it was sent, at a given pace. For the benchmark of chats.

`python -m scripts.bench._pacer PORT PIECES PER_SECOND`; every stream is as long and as fast.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time

from aiohttp import web

WIDTH = 18  # of a word: seconds since 1970 with microseconds, and a space


def word() -> str:
    return f"{time.time():.6f}".ljust(WIDTH)


def maker(pieces: int, per_second: float) -> web.Application:
    async def chat(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        shape = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": body["model"]}
        response = web.StreamResponse(headers={"content-type": "text/event-stream"})
        await response.prepare(request)
        next_at = time.monotonic()
        for _ in range(pieces):
            chunk = {**shape, "choices": [{"index": 0, "delta": {"content": word()}, "finish_reason": None}]}
            await response.write(f"data: {json.dumps(chunk)}\n\n".encode())
            next_at += 1 / per_second
            await asyncio.sleep(max(0.0, next_at - time.monotonic()))
        end = {**shape, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]}
        usage = {**shape, "choices": [], "usage": {"prompt_tokens": 10, "completion_tokens": pieces, "total_tokens": pieces + 10}}
        await response.write(f"data: {json.dumps(end)}\n\ndata: {json.dumps(usage)}\n\ndata: [DONE]\n\n".encode())
        return response

    app = web.Application()
    app.add_routes([web.post("/v1/chat/completions", chat)])
    return app


if __name__ == "__main__":
    made = maker(int(sys.argv[2]), float(sys.argv[3]))
    web.run_app(made, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None, handle_signals=True)
