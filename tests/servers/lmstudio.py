"""LM Studio's HTTP server as its documentation and bug tracker describe it, in a thread of its own; for tests alone.

The shapes follow https://github.com/lmstudio-ai/docs (commit c6854fba of 2026-04-29, read 2026-11-20) and the issues named
below. What nobody documents (statuses and bodies of failed loads) is played in both shapes that were seen. Questions and
embeddings go on to a real model server where `upstream` is given, so that the answers are real.

    with lmstudio(upstream=llama.url, upstream_key=llama.api_key) as server:
        Connection("lmstudio", server.url, ...)
"""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import unquote

import aiohttp
from aiohttp import web

from tests.servers.services import free_port

Version = Literal["v1", "v0", "old"]  # 0.4.0 and later; 0.3.6 and later; before
HUGGING_FACE = "https://huggingface.co/"


@dataclass
class Model:
    key: str
    type: str = "llm"
    size_bytes: int = 5_000_000_000
    max_context_length: int = 32_768
    quantization: str = "Q4_K_M"
    vision: bool = False
    tools: bool = True
    refuses_to_load: tuple[int, Any] | None = None  # status and body
    instances: dict[str, int] = field(default_factory=dict)  # id → context length

    def add_instance(self, context_length: int | None = None) -> str:
        number = 1
        while (name := self.key if number == 1 else f"{self.key}:{number}") in self.instances:
            number += 1
        self.instances[name] = context_length or 4096
        return name


@dataclass
class Job:
    """Each time somebody asks, a quarter more is there."""

    id: str
    model: str
    total_bytes: int | None = 4_000
    downloaded_bytes: int = 0
    fails_at: int | None = None


@dataclass
class LMStudio:
    version: Version = "v1"
    token: str = ""  # "" is off, the default there
    load_s: float = 0.0
    loads_when_asked: bool = True  # just-in-time loading
    loading: int = 0  # loads under way
    most_loading: int = 0  # at one moment, so far
    cuts_loads: bool = False  # the connection of a load request is lost, the load goes on
    upstream: str = ""
    upstream_key: str = ""
    models: dict[str, Model] = field(default_factory=dict)
    jobs: dict[str, Job] = field(default_factory=dict)
    size_is_known: bool = True
    asked: list[tuple[str, str, Any]] = field(default_factory=list)  # method, path, body
    port: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def add(self, key: str, **about: Any) -> Model:
        self.models[key] = Model(key, **about)
        return self.models[key]

    def count(self, path: str) -> int:
        return sum(asked_path == path for _method, asked_path, _body in self.asked)

    # ---- every request ----

    async def handle(self, request: web.Request) -> web.StreamResponse:
        raw = await request.read()
        body = json.loads(raw) if raw else {}
        self.asked.append((request.method, request.path, body))
        if refusal := self._unauthorised(request):
            return refusal
        found = self._endpoint(request)
        if found is None:  # issues 618, 1323, 1680, 2085
            return web.json_response({"error": f"Unexpected endpoint or method. ({request.method} {request.path})"})
        handler, *arguments = found
        return await handler(request, body, *arguments)

    def _unauthorised(self, request: web.Request) -> web.Response | None:
        given = request.headers.get("authorization", "")
        if not self.token or given == f"Bearer {self.token}":
            return None
        message = "An LM Studio API token is required to make requests to this server."
        if given:
            message = f"Malformed LM Studio API token provided: {given.removeprefix('Bearer ')[:12]}…"
        error = {"message": message, "type": "invalid_request", "code": "invalid_api_key"}
        return web.json_response({"error": error}, status=401)

    def _endpoint(self, request: web.Request) -> tuple | None:
        path, method = request.path, request.method
        endpoints: dict[tuple[str, str], Any] = {
            ("GET", "/v1/models"): self._list_openai,
            ("POST", "/v1/chat/completions"): self._ask,
            ("POST", "/v1/embeddings"): self._ask,
        }
        if self.version in ("v0", "v1"):
            endpoints["GET", "/api/v0/models"] = self._list_v0
        if self.version == "v1":
            endpoints |= {
                ("GET", "/api/v1/models"): self._list_v1,
                ("POST", "/api/v1/models/load"): self._load,
                ("POST", "/api/v1/models/unload"): self._unload,
                ("POST", "/api/v1/models/download"): self._download,
            }
            head, _slash, job_id = request.rel_url.raw_path.rpartition("/")  # one segment, in which a slash is %2F
            if method == "GET" and head == "/api/v1/models/download/status":
                return self._status, unquote(job_id)
        handler = endpoints.get((method, path))
        return (handler,) if handler else None

    # ---- lists ----

    async def _list_v1(self, request: web.Request, body: Any) -> web.Response:
        return web.json_response({"models": [_row_v1(model) for model in self.models.values()]})

    async def _list_v0(self, request: web.Request, body: Any) -> web.Response:
        return web.json_response({"object": "list", "data": [_row_v0(model) for model in self.models.values()]})

    async def _list_openai(self, request: web.Request, body: Any) -> web.Response:
        listed = [model.key for model in self.models.values() if self.loads_when_asked or model.instances]
        rows = [{"id": key, "object": "model", "owned_by": "organization_owner"} for key in listed]
        return web.json_response({"object": "list", "data": rows})

    # ---- memory ----

    async def _load(self, request: web.Request, body: Any) -> web.Response:
        model = self.models.get(body.get("model"))
        if model is None:
            return _native_error(404, "model_not_found", f"Model {body.get('model')} not found")
        if model.refuses_to_load:
            status, refusal = model.refuses_to_load
            return web.json_response(refusal, status=status)
        if self.cuts_loads:
            asyncio.get_running_loop().call_later(self.load_s, model.add_instance, body.get("context_length"))
            assert request.transport
            request.transport.abort()
            return web.Response()
        self.loading += 1
        self.most_loading = max(self.most_loading, self.loading)
        try:
            await asyncio.sleep(self.load_s)
        finally:
            self.loading -= 1
        instance_id = model.add_instance(body.get("context_length"))  # another one at each call: issue 1751
        answer = {"type": model.type, "instance_id": instance_id, "load_time_seconds": self.load_s, "status": "loaded"}
        return web.json_response(answer)

    async def _unload(self, request: web.Request, body: Any) -> web.Response:
        for model in self.models.values():
            if model.instances.pop(body.get("instance_id"), None):
                return web.json_response({"instance_id": body["instance_id"]})
        return _native_error(404, "model_not_found", f"No model instance with id {body.get('instance_id')} is loaded")

    # ---- downloads ----

    async def _download(self, request: web.Request, body: Any) -> web.Response:
        name = body.get("model", "")
        if name in self.models:
            return web.json_response({"status": "already_downloaded"})
        if name == "nobody/nothing":
            return _native_error(404, "model_not_found", "No such model in the catalogue")
        if body.get("quantization") and not name.startswith(HUGGING_FACE):
            return web.json_response({"error": "quantization is only supported for Hugging Face links"}, status=400)
        job = Job(f"job/{len(self.jobs) + 1}", name, fails_at=1_000 if "broken" in name else None)
        self.jobs[job.id] = job
        answer = {"job_id": job.id, "status": "downloading", "started_at": "2026-11-20T10:00:00.000Z"}
        return web.json_response({**answer, **self._total(job)})

    async def _status(self, request: web.Request, body: Any, job_id: str) -> web.Response:
        job = self.jobs.get(job_id)
        if job is None:
            return _native_error(404, "job_not_found", "Job not found")
        job.downloaded_bytes = min(4_000, job.downloaded_bytes + 1_000)
        answer: dict[str, Any] = {"job_id": job.id, "downloaded_bytes": job.downloaded_bytes, **self._total(job)}
        if job.fails_at and job.downloaded_bytes >= job.fails_at:
            return web.json_response({**answer, "status": "failed"})
        if job.downloaded_bytes < 4_000:
            return web.json_response({**answer, "status": "downloading", "bytes_per_second": 1_000.5})
        if job.model not in self.models:
            self.add(job.model.removeprefix(HUGGING_FACE))
        return web.json_response({**answer, "status": "completed", "completed_at": "2026-11-20T10:00:04.000Z"})

    def _total(self, job: Job) -> dict[str, Any]:
        return {"total_size_bytes": job.total_bytes} if self.size_is_known else {}

    # ---- questions ----

    async def _ask(self, request: web.Request, body: Any) -> web.StreamResponse:
        name = await self._who_answers(body.get("model", ""))
        if name is None:
            return _native_error(404, "model_not_found", f"Model {body.get('model')} not found")
        headers = {"authorization": f"Bearer {self.upstream_key}"}
        async with aiohttp.ClientSession() as session:
            async with session.post(f"{self.upstream}{request.path}", json=body, headers=headers) as answer:
                if not answer.content_type.startswith("text/event-stream"):
                    return web.json_response({**await answer.json(), "model": name}, status=answer.status)
                response = web.StreamResponse(headers={"content-type": "text/event-stream"})
                await response.prepare(request)
                async for line in answer.content:
                    await response.write(_renamed(line, name))
                return response

    async def _who_answers(self, asked: str) -> str | None:
        """The id of the copy that answers; with one model loaded it answers to any name (issues 619, 1217)."""
        in_memory = {name: model for model in self.models.values() for name in model.instances}
        model = self.models.get(asked) or in_memory.get(asked)
        if model is None or (not model.instances and not self.loads_when_asked):
            return next(iter(in_memory)) if len(in_memory) == 1 else None
        if not model.instances:
            await asyncio.sleep(self.load_s)
            return model.add_instance()  # each of several first questions makes its own
        return next(iter(model.instances))


def _renamed(line: bytes, name: str) -> bytes:
    if not line.startswith(b"data: {"):
        return line
    return b"data: " + json.dumps({**json.loads(line[6:]), "model": name}, ensure_ascii=False).encode() + b"\n"


def _row_v1(model: Model) -> dict[str, Any]:
    config = {"eval_batch_size": 512, "parallel": 4, "flash_attention": True, "offload_kv_cache_to_gpu": True}
    row = {
        "type": model.type,
        "publisher": "lmstudio-community",
        "key": model.key,
        "display_name": model.key.title(),
        "quantization": {"name": model.quantization, "bits_per_weight": 4},
        "size_bytes": model.size_bytes,
        "params_string": "8B",
        "loaded_instances": [
            {"id": name, "config": {"context_length": length, **config}} for name, length in model.instances.items()
        ],
        "max_context_length": model.max_context_length,
        "format": "gguf",
    }
    if model.type == "embedding":
        return {**row, "params_string": None}
    reasoning = {"allowed_options": ["off", "on"], "default": "on"}
    capabilities = {"vision": model.vision, "trained_for_tool_use": model.tools, "reasoning": reasoning}
    return {**row, "architecture": "qwen3", "capabilities": capabilities, "description": None}


def _row_v0(model: Model) -> dict[str, Any]:
    kind = {"embedding": "embeddings"}.get(model.type, "vlm" if model.vision else "llm")
    row = {
        "id": model.key,
        "object": "model",
        "type": kind,
        "publisher": "lmstudio-community",
        "arch": "qwen3",
        "compatibility_type": "gguf",
        "quantization": model.quantization,
        "state": "loaded" if model.instances else "not-loaded",
        "max_context_length": model.max_context_length,
    }
    if model.tools:
        row["capabilities"] = ["tool_use"]
    if model.instances:
        row["loaded_context_length"] = next(iter(model.instances.values()))
    return row


def _native_error(status: int, kind: str, message: str) -> web.Response:
    return web.json_response({"error": {"type": kind, "message": message}}, status=status)


@contextmanager
def lmstudio(**options: Any) -> Iterator[LMStudio]:
    server = LMStudio(**options)
    server.port = free_port()
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, daemon=True)
    thread.start()
    runner = _runner(server)
    asyncio.run_coroutine_threadsafe(_start(runner, server.port), loop).result(timeout=10)
    try:
        yield server
    finally:
        asyncio.run_coroutine_threadsafe(_end(runner), loop).result(timeout=10)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=10)
        loop.close()


def _runner(server: LMStudio) -> web.AppRunner:
    async def answer(request: web.Request) -> web.StreamResponse:
        with suppress(ConnectionResetError):  # whoever asked has gone; so has the question upstream
            return await server.handle(request)
        return web.Response()

    app = web.Application()
    app.router.add_route("*", "/{path:.*}", answer)
    return web.AppRunner(app, handler_cancellation=True, access_log=None, shutdown_timeout=0.5)


async def _start(runner: web.AppRunner, port: int) -> None:
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()


async def _end(runner: web.AppRunner) -> None:
    await runner.cleanup()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await asyncio.get_running_loop().shutdown_asyncgens()
