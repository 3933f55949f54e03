"""The built-in engine as a provider: finds or starts the model's process, then talks to it as to any OpenAI-style server."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from pathlib import Path

from apps.common.said import gettext as _
from apps.providers.adapters.base import must_take
from apps.providers.adapters.openai_compatible.adapter import OpenAICompatibleAdapter
from apps.providers.contract import (
    NO_OPTIONS,
    ChatRequest,
    CheckResult,
    Completion,
    Connection,
    Delta,
    Download,
    DownloadProgress,
    LoadOptions,
    Message,
    ModelInfo,
    OnProgress,
)
from apps.providers.engine.factory import engine_host
from apps.providers.engine.host import Endpoint, EngineHost, ModelFile
from apps.providers.engine.practice import practice_models
from apps.providers.errors import EngineError, NotSupported, ProviderError


class BuiltinAdapter:
    """A LocalAdapter. Model keys are practice models' names and paths inside the models folder."""

    load_options = frozenset({"gpu_layers"})

    def __init__(self, connection: Connection, host: EngineHost | None = None) -> None:
        self.connection = connection
        self.host = host or engine_host()
        self._clients: dict[Path, tuple[Endpoint, OpenAICompatibleAdapter]] = {}

    async def list_models(self) -> list[ModelInfo]:
        """Every file that can be served; one that cannot be is listed with the reason in `details["problem"]`."""
        running = {state.path.resolve() for state in self.host.loaded()}
        files = await asyncio.to_thread(self.host.list_files)
        return [await asyncio.to_thread(self._describe, file, is_loaded=file.path.resolve() in running) for file in files]

    async def check(self) -> CheckResult:
        """Has a practice model answer, which proves that the engine works on this machine."""
        began = time.monotonic()
        messages = (Message("system", "work"), Message("user", "add 1 and 2"))
        try:
            await self.complete(ChatRequest(practice_models()[0].key, messages, temperature=0, max_output_tokens=16))
            models = len(await asyncio.to_thread(self.host.list_files))
        except ProviderError as error:
            return CheckResult(ok=False, message=error.message, error_code=error.code)
        latency_ms = round((time.monotonic() - began) * 1000)
        message = _("The built-in engine works and has %(count)d models.") % {"count": models}
        return CheckResult(ok=True, message=message, latency_ms=latency_ms, models=models)

    async def complete(self, request: ChatRequest) -> Completion:
        client = await self._client(request.model)
        return replace(await client.complete(request), model=request.model)

    async def stream(self, request: ChatRequest) -> AsyncIterator[Delta | Completion]:
        client = await self._client(request.model)
        async for piece in client.stream(request):
            yield replace(piece, model=request.model) if isinstance(piece, Completion) else piece

    async def embed(self, model: str, texts: list[str]) -> list[list[float]]:
        return await (await self._client(model)).embed(model, texts)

    async def load(
        self,
        model: str,
        *,
        context_length: int | None = None,
        options: LoadOptions = NO_OPTIONS,
        on_progress: OnProgress | None = None,
    ) -> None:
        """llama.cpp's server says nothing of how far a load is."""
        must_take(options, self.load_options, name=_("The built-in engine"))
        path = self.host.find(model).path
        await self.host.ensure(
            path, context_length=context_length, gpu_layers=options.gpu_layers, despite_memory=options.despite_memory
        )

    async def load_cancel(self, model: str) -> None:
        await self.host.cancel(self.host.find(model).path)

    async def unload(self, model: str) -> None:
        await self.host.unload(self.host.find(model).path)

    async def loaded(self) -> list[ModelInfo]:
        """What answers now; `details` has memory_bytes, started_at (seconds since 1970) and pid."""
        running = {state.path.resolve(): state for state in await asyncio.to_thread(self.host.loaded)}
        found = []
        for file in await asyncio.to_thread(self.host.list_files):
            if state := running.get(file.path.resolve()):
                info = await asyncio.to_thread(self._describe, file, is_loaded=True)
                details = {"memory_bytes": state.memory_bytes, "started_at": state.started_at, "pid": state.pid}
                found.append(replace(info, context_window=state.context_length, details={**info.details, **details}))
        return found

    async def download(self, name: str, *, quantization: str = "") -> Download:
        raise NotSupported(
            _("The built-in engine fetches no models. Put the GGUF file of %(name)s into %(folder)s, then sync its models.")
            % {"name": name, "folder": self.host.models_dir}
        )

    async def download_progress(self, job_id: str) -> DownloadProgress:
        raise NotSupported(
            _("The built-in engine fetches no models. Put GGUF files into %s, then sync its models.") % self.host.models_dir
        )

    async def aclose(self) -> None:
        """Gives back the sockets. The processes stay for others, and end by themselves when idle."""
        for _endpoint, client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    async def _client(self, model: str) -> OpenAICompatibleAdapter:
        path = self.host.find(model).path
        endpoint = await self.host.ensure(path)
        known = self._clients.get(path)
        if known and known[0] == endpoint:
            return known[1]
        client = OpenAICompatibleAdapter(self._connection_to(endpoint))
        self._clients[path] = (endpoint, client)
        if known:  # its process is gone
            await known[1].aclose()
        return client

    def _connection_to(self, endpoint: Endpoint) -> Connection:
        return replace(
            self.connection,
            kind="openai_compatible",
            base_url=endpoint.base_url,
            api_key=endpoint.api_key,
            allow_private=True,
        )

    def _describe(self, file: ModelFile, *, is_loaded: bool) -> ModelInfo:
        state = "loaded" if is_loaded else "available"
        try:
            info = self.host.inspect(file.path)
        except EngineError as error:
            return ModelInfo(file.key, file.path.stem, state="failed", details={"problem": error.message})
        return ModelInfo(
            key=file.key,
            display_name=self._display_name(file) or info.name,
            capabilities=("embeddings",) if info.is_embedding else ("chat", "json"),
            context_window=info.context_length or None,
            size_bytes=info.size_bytes,
            quantization=info.quantization,
            state=state,
            details=self._details(file, info.architecture, info.parameters),
        )

    def _display_name(self, file: ModelFile) -> str:
        return next((model.display_name for model in practice_models() if file.is_practice and model.key == file.key), "")

    def _details(self, file: ModelFile, architecture: str, parameters: int) -> Mapping[str, object]:
        return {"path": str(file.path), "architecture": architecture, "parameters": parameters, "is_practice": file.is_practice}
