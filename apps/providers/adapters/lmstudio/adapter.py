"""LM Studio: its native endpoints for models and memory, its OpenAI-style ones for questions."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import AsyncGenerator
from contextlib import aclosing, suppress
from dataclasses import replace
from pathlib import Path

from apps.common.http import normalise_base_url
from apps.common.said import gettext as _
from apps.providers.adapters.base import Call, must_take
from apps.providers.adapters.chat import LIST_TIMEOUT_S
from apps.providers.adapters.checked import checked_by_list
from apps.providers.adapters.lmstudio import memory
from apps.providers.adapters.lmstudio.downloads import Downloads
from apps.providers.adapters.lmstudio.listing import find, models_v0, models_v1
from apps.providers.adapters.lmstudio.locks import usual_folder
from apps.providers.adapters.lmstudio.native import NativeClient
from apps.providers.adapters.openai_compatible.adapter import OpenAICompatibleAdapter
from apps.providers.adapters.openai_compatible.wire import api_base
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
    ModelInfo,
    OnProgress,
)
from apps.providers.errors import BadRequest, MalformedAnswer, NotSupported, ProviderTimeout, WrongModel

DEFAULT_ADDRESS = "http://localhost:1234"
DIALECTS = ("v1", "v0", "openai")  # the newest first
_READERS = {"v1": models_v1, "v0": models_v0}
FRESH_S = 5.0  # how long a listing is believed before a question; before a load it is always asked for anew


class LMStudioAdapter:
    """A LocalAdapter, made for one connection and one event loop. `dialect` is what the server speaks, once it was asked.

    `locks_dir` is where the processes of this machine see each other's loads.
    """

    load_options = frozenset({"kv_cache_on_gpu", "flash_attention", "batch_size", "experts"})

    def __init__(self, connection: Connection, *, locks_dir: Path | None = None) -> None:
        self.root = server_root(connection.base_url or DEFAULT_ADDRESS)
        self.connection = replace(connection, base_url=f"{self.root}/v1")
        self.locks_dir = locks_dir or usual_folder()
        self.dialect: str | None = None
        self.chat = OpenAICompatibleAdapter(self.connection)
        self.name = self.chat.name
        self.native = NativeClient(self.connection, self.root, name=self.name)
        self._downloads = Downloads(self.native, self.connection)
        self._asking = asyncio.Lock()
        self._listing: list[ModelInfo] = []
        self._listed_at = -math.inf

    async def list_models(self) -> list[ModelInfo]:
        """`context_window` is what a loaded model was loaded with, and the most it can take where it is not loaded."""
        return await self.models()

    async def check(self) -> CheckResult:
        return await checked_by_list(self.connection, self._fetch)

    async def complete(self, request: ChatRequest) -> Completion:
        await self._get_ready(request.model)
        return await self._from_the_right_model(request, await self.chat.complete(request))

    async def stream(self, request: ChatRequest) -> AsyncGenerator[Delta | Completion]:
        """Deltas, then the Completion; WrongModel instead of it when its words turn out to be another model's."""
        await self._get_ready(request.model)
        async with aclosing(self.chat.stream(request)) as pieces:
            async for piece in pieces:
                yield await self._from_the_right_model(request, piece) if isinstance(piece, Completion) else piece

    async def embed(self, model: str, texts: list[str]) -> list[list[float]]:
        await self._get_ready(model)
        return await self.chat.embed(model, texts)

    async def load(
        self,
        model: str,
        *,
        context_length: int | None = None,
        options: LoadOptions = NO_OPTIONS,
        on_progress: OnProgress | None = None,
    ) -> None:
        """One at a time for each model of a server, whoever asks; when it is there already nothing is done.

        A copy with another context length than the one asked for is replaced, and so is any copy when options are given.
        Before version 0.4.0 LM Studio loads only as it is set there. It says nothing of how far a load is.
        """
        must_take(options, self.load_options, name=self.name)
        info = await self.find(model)
        async with memory.alone(self, info):
            await memory.load(self, info.key, context_length=context_length, options=options)

    async def load_cancel(self, model: str) -> None:
        """LM Studio has no call for that: what is being loaded is waited for, for a while, and taken out again."""
        with suppress(ProviderTimeout):
            await memory.wait_until_loaded(self, model, timeout_s=memory.GRACE_S)
        await self.unload(model)

    async def unload(self, model: str) -> None:
        """All copies of the model, or the one copy whose id is given."""
        info = await self.find(model)
        async with memory.alone(self, info):
            await memory.unload(self, info.key, only=model if model.casefold() != info.key.casefold() else None)
        self._listed_at = -math.inf

    async def wait_until_loaded(self, model: str, *, timeout_s: float) -> None:
        """ProviderTimeout when it is not in memory by then."""
        await memory.wait_until_loaded(self, model, timeout_s=timeout_s)

    async def loaded(self) -> list[ModelInfo]:
        """What is in memory; `details["instances"]` has each copy's id and context length."""
        models = await self.models()
        self.must_speak("v1", "v0")
        return [model for model in models if model.state == "loaded"]

    async def download(self, name: str, *, quantization: str = "") -> Download:
        """`name` is one of LM Studio's catalogue, or the address of a model at Hugging Face, which alone takes a quantization."""
        await self.models(at_most_s=FRESH_S)
        self.must_speak("v1")
        return await self._downloads.start(name, quantization=quantization)

    async def download_progress(self, job_id: str) -> DownloadProgress:
        await self.models(at_most_s=FRESH_S)
        self.must_speak("v1")
        return await self._downloads.progress(job_id)

    async def aclose(self) -> None:
        await self.chat.aclose()
        await self.native.aclose()

    async def models(self, *, at_most_s: float = 0.0) -> list[ModelInfo]:
        """The listing, at most so many seconds old. Who asks at the same time shares one request."""
        oldest = time.monotonic() - at_most_s
        async with self._asking:
            if self._listed_at < oldest:
                began = time.monotonic()
                timeout_s = min(LIST_TIMEOUT_S, self.connection.total_timeout_s)
                self._listing = await self._fetch(Call(self.connection, total_timeout_s=timeout_s))
                self._listed_at = began
            return self._listing

    async def find(self, name: str) -> ModelInfo:
        """As the server lists it now. BadRequest when it has none of that name."""
        info = find(await self.models(), name)
        if info is None:
            raise BadRequest(
                _("%(provider)s has no model “%(model)s”. It may have been removed or renamed there: sync the list of models.")
                % {"provider": self.name, "model": name}
            )
        return info

    def must_speak(self, *dialects: str) -> None:
        if self.dialect not in dialects:
            raise NotSupported(
                _("LM Studio at %s is too old to be told that from outside. Update it to 0.4.0 or later, or do it there.")
                % self.root
            )

    async def _fetch(self, call: Call) -> list[ModelInfo]:
        """Asks in the dialect that was right last time, and finds out anew when it no longer is."""
        for dialect in sorted(DIALECTS, key=lambda one: one != self.dialect):
            models = await self._list_in(dialect, call)
            if models is not None:
                self.dialect = dialect
                return models
        raise AssertionError("the last dialect gives models or raises")

    async def _list_in(self, dialect: str, call: Call) -> list[ModelInfo] | None:
        """None when the server does not speak it. A status 200 alone proves nothing, nor does a refusal of the path."""
        if dialect == "openai":
            return await self.chat.list_models()
        try:
            answer = await self.native.get(f"/api/{dialect}/models", call)
        except (MalformedAnswer, BadRequest):
            return None
        return _READERS[dialect](answer)

    async def _get_ready(self, model: str) -> None:
        """Before a question: questions that come together would each load a copy, and an unknown name gets another's answer."""
        info = find(await self.models(at_most_s=FRESH_S), model) or await self.find(model)
        if self.dialect != "openai" and info.state != "loaded":
            await self.load(model)

    async def _from_the_right_model(self, request: ChatRequest, answer: Completion) -> Completion:
        """The same answer. An unusual spelling of the asked model's name is believed; another known model's name is not."""
        if answer.model.casefold() in ("", request.model.casefold()):
            return answer
        models = await self.models(at_most_s=FRESH_S)
        asked, answering = find(models, request.model), find(models, answer.model)
        if asked and (answering is None or answering.key == asked.key):
            return answer
        raise WrongModel(
            _("%(provider)s was asked for “%(asked)s”, but “%(answering)s” answered in its place. Load “%(asked)s” there.")
            % {"provider": self.name, "asked": request.model, "answering": answer.model},
            partial=answer,
        )


def server_root(base_url: str) -> str:
    """The address below which `/v1` and `/api/v1` lie, from what people paste: with or without either, or a whole endpoint."""
    root = api_base(normalise_base_url(base_url).removesuffix("/chat"))
    return root.removesuffix("/v1").removesuffix("/v0").removesuffix("/api")
