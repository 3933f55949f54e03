"""An OpenAI-compatible server that answers at once, for benches: what is measured is the product, not an AI.

`python -m scripts.bench._upstream PORT` plays planner, author, checker and judge; `GET /asked` tells how often it was asked.
"""

from __future__ import annotations

import json
import sys

from aiohttp import web

STEP = {"title": "A step", "description": "Do it.", "category": "math", "acceptance_criteria": []}
PLAN = {"subtasks": [{**STEP, "number": n, "depends_on": needs} for n, needs in ((1, []), (2, []), (3, [1, 2]))]}
VERDICT = {"own_answer": "42", "criteria": [], "defects": [], "summary": "", "score": 100}
ANSWERS = {"plan": json.dumps(PLAN), "check": json.dumps(VERDICT), "settle": json.dumps({"reason": "", "winner": "A"})}
USAGE = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}
asked = 0


async def chat(request: web.Request) -> web.StreamResponse:
    global asked
    asked += 1
    body = await request.json()
    name = body.get("response_format", {}).get("json_schema", {}).get("name", "work")
    text = ANSWERS.get(name, "42")
    shape = {"id": "x", "object": "chat.completion.chunk", "created": 0, "model": body["model"]}
    chunks = [
        {**shape, "choices": [{"index": 0, "delta": {"role": "assistant", "content": text}, "finish_reason": None}]},
        {**shape, "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
        {**shape, "choices": [], "usage": USAGE},
    ]
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
    return web.Response(text="".join([*lines, "data: [DONE]\n\n"]), content_type="text/event-stream")


async def count(_request: web.Request) -> web.Response:
    return web.json_response({"asked": asked})


def main() -> None:
    app = web.Application(client_max_size=32 * 1024 * 1024)
    app.add_routes([web.post("/v1/chat/completions", chat), web.get("/asked", count)])
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None, access_log=None)


if __name__ == "__main__":
    main()
