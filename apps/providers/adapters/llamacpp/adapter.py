"""llama.cpp's llama-server: one model, or a router that loads and unloads many."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from typing import Any, ClassVar
from urllib.parse import quote

from apps.common.http import normalise_base_url
from apps.common.said import gettext as _
from apps.providers.adapters.base import Call, must_take
from apps.providers.adapters.chat import LIST_TIMEOUT_S
from apps.providers.adapters.llamacpp.models import Row, download_of, model_of, rows_in
from apps.providers.adapters.llamacpp.progress import watch_load
from apps.providers.adapters.openai_compatible.adapter import OpenAICompatibleAdapter
from apps.providers.adapters.openai_compatible.wire import api_base
from apps.providers.contract import (
    NO_OPTIONS,
    Connection,
    Download,
    DownloadProgress,
    LoadOptions,
    ModelInfo,
    OnProgress,
)
from apps.providers.errors import BadRequest, MalformedAnswer, NotSupported, ProviderError, ProviderTimeout

DEFAULT_ADDRESS = "http://localhost:9931"
HUGGING_FACE = "https://huggingface.co/"
LOOK_EVERY_S = 0.1
GRACE_S = 30.0
LISTED_WITHIN_S = 3.0  # a download is in the list shortly after it began


class LlamaCppAdapter(OpenAICompatibleAdapter):
    """A LocalAdapter, made for one connection and one event loop. Which of the two it is, its list says each time."""

    load_options: ClassVar[frozenset[str]] = frozenset()

    def __init__(self, connection: Connection) -> None:
        self.root = api_base(normalise_base_url(connection.base_url or DEFAULT_ADDRESS)).removesuffix("/v1")
        super().__init__(replace(connection, base_url=f"{self.root}/v1"))

    async def load(
        self,
        model: str,
        *,
        context_length: int | None = None,
        options: LoadOptions = NO_OPTIONS,
        on_progress: OnProgress | None = None,
    ) -> None:
        """The router loads a model as its own settings say; a server of one model has it in memory from the start."""
        must_take(options, self.load_options, name=self.name)
        row = await self._find(model)
        if context_length not in (None, row.context_length):
            raise NotSupported(_("%s sets the context length when it is started (-c, or a preset): leave it out.") % self.name)
        if row.is_loaded:
            return
        self._must_route(row)
        async with self._watched(row.id, on_progress):
            await self._tell("/models/load", row.id, done_already="already running")
            await self._wait(row.id, is_loaded=True)

    async def load_cancel(self, model: str) -> None:
        with suppress(BadRequest):
            await self.unload(model)

    async def unload(self, model: str) -> None:
        row = await self._find(model)
        if row.status in ("unloaded", "sleeping"):
            return
        self._must_route(row)
        await self._tell("/models/unload", row.id, done_already="not running")
        await self._wait(row.id, is_loaded=False)

    async def loaded(self) -> list[ModelInfo]:
        """`details` has `slots` and `slots_busy` where the server tells them. How much memory it takes, it does not say."""
        call = self._call()
        return [await self._described(row, call) for row in await self._rows(call) if row.is_loaded]

    async def download(self, name: str, *, quantization: str = "") -> Download:
        """`name` is `user/repository` at Hugging Face, or its address there. The job is the name."""
        wanted = name.strip().removeprefix(HUGGING_FACE).strip("/")
        wanted = f"{wanted}:{quantization}" if quantization else wanted
        rows = await self._rows(self._call())
        self._must_route(*rows)
        if any(row.is_called(wanted) for row in rows):
            return Download("already_downloaded")
        await self._ask_json("POST", f"{self.root}/models", Call(self.connection, max_attempts=1), body={"model": wanted})
        deadline = time.monotonic() + LISTED_WITHIN_S
        while time.monotonic() < deadline:
            if any(row.is_called(wanted) for row in await self._rows(self._call())):
                progress = await self.download_progress(wanted)
                return Download(progress.state, wanted if progress.state == "downloading" else "", progress.total_bytes)
            await asyncio.sleep(LOOK_EVERY_S)
        raise self._not_fetched(wanted)

    async def download_progress(self, job_id: str) -> DownloadProgress:
        for row in await self._rows(self._call()):
            if row.is_called(job_id):
                return download_of(row)
        raise self._not_fetched(job_id)

    async def _list_models(self, call: Call) -> list[ModelInfo]:
        rows = [row for row in await self._rows(call) if row.status != "downloading"]
        return [await self._described(row, call) for row in rows]

    async def _rows(self, call: Call) -> list[Row]:
        rows = rows_in(await self._ask_json("GET", "/models", call))
        if rows is None:
            raise self._no_list()
        return rows

    async def _described(self, row: Row, call: Call) -> ModelInfo:
        """What is in memory tells more of itself."""
        if not row.is_loaded:
            return model_of(row, {}, [])
        which = f"?model={quote(row.id, safe='')}&autoload=false"
        props, slots = [await self._told(f"{self.root}{path}{which}", call) for path in ("/props", "/slots")]
        return model_of(row, props if isinstance(props, Mapping) else {}, slots if isinstance(slots, list) else [])

    async def _told(self, url: str, call: Call) -> Any:
        """Nothing where the endpoint is switched off, or the model went meanwhile."""
        try:
            return await self._ask_json("GET", url, call)
        except (BadRequest, MalformedAnswer):
            return None

    async def _find(self, model: str) -> Row:
        for row in await self._rows(self._call()):
            if row.is_called(model):
                return row
        raise BadRequest(
            _("%(provider)s has no model “%(model)s”. It may have been removed or renamed there: sync the list of models.")
            % {"provider": self.name, "model": model}
        )

    async def _tell(self, path: str, model: str, *, done_already: str) -> None:
        """Others may have been faster, which it takes for a bad request."""
        try:
            await self._ask_json("POST", self.root + path, Call(self.connection, max_attempts=1), body={"model": model})
        except BadRequest as error:
            if done_already not in error.vendor_message:
                raise

    async def _wait(self, model: str, *, is_loaded: bool) -> None:
        """It answers before it has done it."""
        wait_s = self.connection.total_timeout_s if is_loaded else self._at_most(GRACE_S)
        deadline = time.monotonic() + wait_s
        while (row := await self._find(model)).is_loaded != is_loaded or row.status == "loading":
            if is_loaded and row.status == "unloaded":
                raise self._not_loaded(row)
            if time.monotonic() >= deadline:
                words = _("%(provider)s did not finish loading or unloading “%(model)s” within %(seconds)g s.")
                raise ProviderTimeout(words % {"provider": self.name, "model": model, "seconds": wait_s})
            await asyncio.sleep(LOOK_EVERY_S)

    @asynccontextmanager
    async def _watched(self, model: str, on_progress: OnProgress | None) -> AsyncIterator[None]:
        """Passes on what the router says of the load while the block runs; without an ear nothing is asked."""
        if on_progress is None:
            yield
            return
        watching = asyncio.create_task(self._watch(model, on_progress))
        try:
            yield
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _watch(self, model: str, on_progress: OnProgress) -> None:
        """How far it is is a comfort; that the load goes on does not hang on it."""
        call = Call(self.connection, max_attempts=1)
        with suppress(ProviderError):
            async with self._open("GET", f"{self.root}/models/sse", call, is_stream=True) as response:
                await watch_load(response, call, model, on_progress)

    def _must_route(self, *rows: Row) -> None:
        if not all(row.is_routed for row in rows):
            raise NotSupported(
                _("%s serves the one model that it was started with. Started without a model, llama-server loads and unloads.")
                % self.name
            )

    def _not_loaded(self, row: Row) -> ProviderError:
        code = "?" if row.exit_code is None else row.exit_code
        words = _("%(provider)s could not load “%(model)s” (exit code %(code)s). Its log says why; often memory is too small.")
        return BadRequest(words % {"provider": self.name, "model": row.id, "code": code})

    def _not_fetched(self, name: str) -> BadRequest:
        return BadRequest(
            _("%(provider)s could not fetch “%(model)s”. Check the name, which is user/repository:quantization, and its network.")
            % {"provider": self.name, "model": name}
        )

    def _call(self) -> Call:
        return Call(self.connection, total_timeout_s=self._at_most(LIST_TIMEOUT_S))
