"""Ollama, in its own protocol: its OpenAI-style one cuts long prompts in silence and cannot say how long the context is."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import Any

from apps.common.http import normalise_base_url
from apps.common.said import gettext as _
from apps.providers.adapters.answer import Answer
from apps.providers.adapters.base import Call, must_take
from apps.providers.adapters.chat import LIST_TIMEOUT_S, ChatAdapter
from apps.providers.adapters.ollama.answer import ChatReader
from apps.providers.adapters.ollama.models import Running, capabilities_in, full_name, model_of, running_in
from apps.providers.adapters.ollama.pulls import pull_of, pulled_name
from apps.providers.adapters.ollama.quirks import OllamaQuirks
from apps.providers.adapters.ollama.wire import chat_body, server_root
from apps.providers.contract import (
    NO_OPTIONS,
    ChatRequest,
    Completion,
    Connection,
    Delta,
    Download,
    DownloadProgress,
    LoadOptions,
    ModelInfo,
    OnProgress,
)
from apps.providers.errors import BadRequest, MalformedAnswer, NotAnApi, ProviderTimeout

DEFAULT_ADDRESS = "http://localhost:11434"
TEXTS_PER_REQUEST = 128  # of embeddings
FRESH_S = 5.0  # how long it is believed what is in memory, before a question
LOADED_FOR = "30m"  # what was loaded on request stays at least this long; after a question Ollama's own time counts
GRACE_S = 30.0
LOOK_EVERY_S = 0.2
SHOWN_AT_ONCE = 4


class OllamaAdapter(ChatAdapter):
    """A LocalAdapter, made for one connection and one event loop."""

    load_options = frozenset({"gpu_layers"})

    def __init__(self, connection: Connection) -> None:
        root = server_root(normalise_base_url(connection.base_url or DEFAULT_ADDRESS))
        super().__init__(connection, base_url=root, options=connection.quirks)
        self._in_memory: dict[str, Running] = {}
        self._looked_at = -math.inf

    # ── questions ─────────────────────────────────────────────────────────────────────────────────────────────────

    async def complete(self, request: ChatRequest) -> Completion:
        await self._running(at_most_s=FRESH_S)
        return await super().complete(request)

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | Completion]:
        await self._running(at_most_s=FRESH_S)
        async with aclosing(super().stream(request)) as pieces:
            async for piece in pieces:
                yield piece

    async def embed(self, model: str, texts: list[str]) -> list[list[float]]:
        call = Call(self.connection)
        vectors: list[list[float]] = []
        for start in range(0, len(texts), TEXTS_PER_REQUEST):
            batch = texts[start : start + TEXTS_PER_REQUEST]
            answer = await self._ask_json("POST", "/api/embed", call, body={"model": model, "input": batch})
            rows = answer.get("embeddings") if isinstance(answer, Mapping) else None
            try:
                found = [[float(number) for number in row] for row in rows or ()]
            except (TypeError, ValueError) as error:
                raise self._no_vectors() from error
            vectors += self._checked_vectors(found, len(batch))
        return vectors

    def _new_quirks(self, accepts: Mapping[str, Any]) -> OllamaQuirks:
        return OllamaQuirks.of(self._options, accepts)

    def _question(self, request: ChatRequest, quirks: OllamaQuirks, *, is_stream: bool) -> tuple[str, dict[str, Any]]:
        body = chat_body(request, quirks, is_stream=is_stream, context_length=self._context_length(request.model))
        if "keep_alive" in self._options:
            body["keep_alive"] = self._options["keep_alive"]
        return "/api/chat", body

    def _new_answer(self, body: Mapping[str, Any]) -> Answer:
        return ChatReader()

    def _context_length(self, model: str) -> int | None:
        """What the connection says; else what it is loaded with, since another length would load it anew; else Ollama's own."""
        loaded = self._in_memory.get(full_name(model))
        return self._options.get("num_ctx") or (loaded.context_length if loaded else None)

    # ── models ────────────────────────────────────────────────────────────────────────────────────────────────────

    async def _list_models(self, call: Call) -> list[ModelInfo]:
        """`context_window` is what a loaded model was loaded with, and the most it can take where it is not loaded."""
        try:
            listing = await self._ask_json("GET", "/api/tags", call)
        except BadRequest as error:
            raise self._is_none() from error
        rows = listing.get("models") if isinstance(listing, Mapping) else None
        if not isinstance(rows, list):
            raise self._is_none()
        running = await self._running()
        few = asyncio.Semaphore(SHOWN_AT_ONCE)

        async def described(row: Mapping[str, Any]) -> ModelInfo:
            async with few:
                return model_of(row, await self._shown(row["name"], call), running.get(full_name(row["name"])))

        named = [row for row in rows if isinstance(row, Mapping) and isinstance(row.get("name"), str) and row["name"].strip()]
        return list(await asyncio.gather(*map(described, named)))

    async def loaded(self) -> list[ModelInfo]:
        """What is in memory; `details` has memory_bytes, vram_bytes and expires_at as Ollama says them."""
        call = Call(self.connection, total_timeout_s=self._at_most(LIST_TIMEOUT_S))
        running = await self._running()
        return [model_of(one.row, await self._shown(name, call), one) for name, one in running.items()]

    async def load(
        self,
        model: str,
        *,
        context_length: int | None = None,
        options: LoadOptions = NO_OPTIONS,
        on_progress: OnProgress | None = None,
    ) -> None:
        """A copy with another context length is replaced. Ollama orders loads by itself, and says nothing of how far one is."""
        must_take(options, self.load_options, name=self.name)
        loaded = (await self._running()).get(full_name(model))
        if loaded and not options.given and context_length in (None, loaded.context_length):
            return
        settings = {"num_ctx": context_length or self._options.get("num_ctx"), "num_gpu": options.gpu_layers}
        await self._keep(model, self._options.get("keep_alive", LOADED_FOR), {k: v for k, v in settings.items() if v is not None})
        await self._wait(model, is_loaded=True)

    async def load_cancel(self, model: str) -> None:
        """Ollama gives a load up when the asker goes away; what was in memory already is taken out."""
        with suppress(BadRequest):
            await self.unload(model)

    async def unload(self, model: str) -> None:
        if full_name(model) in await self._running():
            await self._keep(model, 0, {})
            await self._wait(model, is_loaded=False)

    async def download(self, name: str, *, quantization: str = "") -> Download:
        """`name` is one of Ollama's library, or the address of a model at Hugging Face, which alone takes a quantization.

        The job is the name: pulls of one name share their progress, whoever asks.
        """
        wanted = pulled_name(name, quantization)
        was_there = full_name(wanted) in {full_name(model.key) for model in await self.list_models()}
        progress = await pull_of(self.connection, self.base_url, wanted, self._headers({})).first_words()
        if progress.state == "completed":
            return Download("already_downloaded" if was_there else "completed", "", progress.total_bytes)
        return Download(progress.state, wanted, progress.total_bytes)

    async def download_progress(self, job_id: str) -> DownloadProgress:
        """Asking goes on with a pull that no living process holds any more: what it fetched is not lost."""
        return await pull_of(self.connection, self.base_url, job_id, self._headers({})).first_words()

    async def _keep(self, model: str, keep_alive: str | int, settings: Mapping[str, Any]) -> None:
        """A question without words loads or unloads. Models that only embed have no other question than theirs."""
        call = Call(self.connection, max_attempts=1)
        capabilities = capabilities_in(await self._shown(model, call))
        body: dict[str, Any] = {"model": model, "keep_alive": keep_alive, **({"options": dict(settings)} if settings else {})}
        if capabilities == ("embeddings",):
            await self._ask_json("POST", "/api/embed", call, body={**body, "input": []})
        else:
            await self._ask_json("POST", "/api/generate", call, body={**body, "stream": False})

    async def _wait(self, model: str, *, is_loaded: bool) -> None:
        deadline = time.monotonic() + self._at_most(GRACE_S)
        while (full_name(model) in await self._running()) != is_loaded:
            if time.monotonic() >= deadline:
                names = {"provider": self.name, "model": model}
                if is_loaded:
                    raise ProviderTimeout(_("%(provider)s did not load “%(model)s”.") % names)
                raise ProviderTimeout(_("%(provider)s keeps “%(model)s” in memory.") % names)
            await asyncio.sleep(LOOK_EVERY_S)

    async def _running(self, *, at_most_s: float = 0.0) -> dict[str, Running]:
        """What is in memory, by full name, at most so many seconds old; nothing where the server does not tell it."""
        if self._looked_at < time.monotonic() - at_most_s:
            began = time.monotonic()
            call = Call(self.connection, total_timeout_s=self._at_most(LIST_TIMEOUT_S))
            try:
                self._in_memory = running_in(await self._ask_json("GET", "/api/ps", call))
            except (BadRequest, MalformedAnswer):
                self._in_memory = {}
            self._looked_at = began
        return self._in_memory

    async def _shown(self, model: str, call: Call) -> Mapping[str, Any]:
        """What it says of one model; nothing when it does not know it, which a list may hold all the same."""
        try:
            shown = await self._ask_json("POST", "/api/show", call, body={"model": model})
        except (BadRequest, MalformedAnswer):
            return {}
        return shown if isinstance(shown, Mapping) else {}

    def _is_none(self) -> NotAnApi:
        return NotAnApi(
            _("What answers at %(url)s is no Ollama: it has no list of models at /api/tags. Check the address and the kind.")
            % {"url": self.base_url}
        )
