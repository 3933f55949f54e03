"""Loading and unloading: what is in memory, and how it gets there exactly once."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

from apps.common.said import gettext as _
from apps.providers.adapters.base import Call
from apps.providers.adapters.lmstudio.listing import instances
from apps.providers.adapters.lmstudio.locks import held, lock_file
from apps.providers.contract import NO_OPTIONS, ChatRequest, LoadOptions, Message, ModelInfo
from apps.providers.errors import BadRequest, EmptyAnswer, Interrupted, ProviderTimeout, Unreachable

if TYPE_CHECKING:
    from apps.providers.adapters.lmstudio.adapter import LMStudioAdapter

LOOK_EVERY_S = 0.5
# Proxies cut connections that are silent for long; LM Studio goes on loading, and does not list what it is loading.
GRACE_S = 30.0
# Options of POST /api/v1/models/load (LM Studio's documentation, commit c6854fba, read 2026-11-20).
_THEIR_NAMES = {
    "kv_cache_on_gpu": "offload_kv_cache_to_gpu",
    "flash_attention": "flash_attention",
    "batch_size": "eval_batch_size",
    "experts": "num_experts",
}


@asynccontextmanager
async def alone(adapter: LMStudioAdapter, info: ModelInfo) -> AsyncIterator[None]:
    """Each load request makes another copy (LM Studio's documentation, and issue 1751), so that only one may be under way."""
    timeout_s = adapter.connection.total_timeout_s
    file = lock_file(adapter.locks_dir, adapter.root, info.key)
    async with AsyncExitStack() as lock:
        try:
            await lock.enter_async_context(held(file, timeout_s=timeout_s))
        except TimeoutError as error:
            raise ProviderTimeout(
                _("“%(model)s” was still being loaded or unloaded for others after %(seconds)g s.")
                % {"model": info.key, "seconds": timeout_s}
            ) from error
        yield


async def load(adapter: LMStudioAdapter, key: str, *, context_length: int | None, options: LoadOptions = NO_OPTIONS) -> None:
    """Call it `alone`."""
    info = await adapter.find(key)
    adapter.must_speak("v1", "v0")
    if options.given:
        adapter.must_speak("v1")
    elif _has_copy(info, context_length):
        return
    if adapter.dialect == "v0":
        await _load_by_asking(adapter, info, context_length)
        return
    for instance in instances(info):
        await _unload(adapter, key, instance["id"])
    await _load(adapter, info, context_length, options)


async def unload(adapter: LMStudioAdapter, key: str, *, only: str | None) -> None:
    """Call it `alone`. `only` is the id of one copy; what is gone already is fine."""
    info = await adapter.find(key)
    adapter.must_speak("v1", "v0")
    unwanted = [one["id"] for one in instances(info) if only is None or one["id"].casefold() == only.casefold()]
    if unwanted:
        adapter.must_speak("v1")
    for instance_id in unwanted:
        await _unload(adapter, key, instance_id)


async def wait_until_loaded(adapter: LMStudioAdapter, model: str, *, timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while (await adapter.find(model)).state != "loaded":
        adapter.must_speak("v1", "v0")
        if time.monotonic() >= deadline:
            raise ProviderTimeout(
                _("%(provider)s did not load “%(model)s” within %(seconds)g s. It may be too large for the free memory.")
                % {"provider": adapter.name, "model": model, "seconds": timeout_s}
            )
        await asyncio.sleep(min(LOOK_EVERY_S, max(0.0, deadline - time.monotonic())))


async def _load(adapter: LMStudioAdapter, info: ModelInfo, context_length: int | None, options: LoadOptions) -> None:
    body: dict[str, Any] = {"model": info.key} | {_THEIR_NAMES[name]: value for name, value in options.given.items()}
    if context_length is not None:
        body["context_length"] = _length(info, context_length)
    try:
        await adapter.native.post("/api/v1/models/load", body, Call(adapter.connection, max_attempts=1))
    except (ProviderTimeout, Interrupted, Unreachable) as error:  # the answer is lost, the load perhaps not
        try:
            await wait_until_loaded(adapter, info.key, timeout_s=GRACE_S)
        except ProviderTimeout:
            raise error from error.__cause__
        return
    await wait_until_loaded(adapter, info.key, timeout_s=GRACE_S)


async def _load_by_asking(adapter: LMStudioAdapter, info: ModelInfo, context_length: int | None) -> None:
    """Before 0.4.0 a model is loaded by the first question to it, unless that is switched off there."""
    if context_length is not None:
        adapter.must_speak("v1")
    if "embeddings" in info.capabilities:
        await adapter.chat.embed(info.key, ["."])
    else:
        with suppress(EmptyAnswer):
            await adapter.chat.complete(ChatRequest(info.key, (Message("user", "."),), max_output_tokens=1))
    if (await adapter.find(info.key)).state != "loaded":
        raise BadRequest(
            _("%(provider)s does not load “%(model)s” by itself. Load it there, or switch on just-in-time loading there.")
            % {"provider": adapter.name, "model": info.key}
        )


async def _unload(adapter: LMStudioAdapter, key: str, instance_id: str) -> None:
    """Raises only when the copy is still there: somebody else may have been faster."""
    try:
        await adapter.native.post("/api/v1/models/unload", {"instance_id": instance_id}, Call(adapter.connection, max_attempts=1))
    except BadRequest:
        if instance_id in [one["id"] for one in instances(await adapter.find(key))]:
            raise


def _has_copy(info: ModelInfo, context_length: int | None) -> bool:
    if context_length is None:
        return info.state == "loaded"
    return any(one["context_length"] in (None, _length(info, context_length)) for one in instances(info))


def _length(info: ModelInfo, asked: int) -> int:
    longest = info.details.get("max_context_length")
    return min(asked, longest) if longest else asked
