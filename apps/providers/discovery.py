"""Finding model servers on this machine: each usual port is asked in the words of the server that may be behind it.

A server is known by its own API, never by an open port or a status 200: LM Studio answers 200 to any path, and what
listens on port 8000 may be ourselves.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

import httpx

from apps.common.errors import AddressNotAllowed
from apps.common.http import TRANSPORT_ERRORS, make_client

HOST = "127.0.0.1"
WAIT_S = 1.5  # for all of them together
LARGEST_ANSWER = 4 * 1024 * 1024
# Usual ports, from each server's documentation (read 2026-11-20); llama.cpp moved from 8080 to 9931.
PORTS: Mapping[int, tuple[str, ...]] = {
    1234: ("lmstudio",),
    11434: ("ollama",),
    8080: ("llamacpp", "vllm"),
    9931: ("llamacpp",),
    8000: ("vllm", "llamacpp"),
}


@dataclass(frozen=True, slots=True)
class Found:
    """A server that answers now. `kind`, `display_name` and `base_url` go to provider_create as they are."""

    kind: str
    display_name: str
    base_url: str
    models: tuple[str, ...]
    preset: str


async def find_servers(ports: Mapping[int, tuple[str, ...]] | None = None, *, wait_s: float = WAIT_S) -> list[Found]:
    """The servers on this machine's usual ports, in the order of the ports, within `wait_s` seconds.

    `ports`: port → names of the servers that may be there (keys of `_PROBES`).
    """
    client = make_client(allow_private=True, connect_timeout_s=wait_s, idle_timeout_s=wait_s)
    try:
        asked = [asyncio.create_task(_look(client, port, names)) for port, names in (ports or PORTS).items()]
        await asyncio.wait(asked, timeout=wait_s)
        for task in asked:
            task.cancel()
        answers = await asyncio.gather(*asked, return_exceptions=True)
    finally:
        await client.aclose()
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, asyncio.CancelledError):
            raise answer
    return [answer for answer in answers if isinstance(answer, Found)]


async def _look(client: httpx.AsyncClient, port: int, names: tuple[str, ...]) -> Found | None:
    url = f"http://{HOST}:{port}"
    for name in names:
        found = await _PROBES[name](client, url)
        if found:
            return found
    return None


async def _lmstudio(client: httpx.AsyncClient, url: str) -> Found | None:
    """Native v1 lists `models` with a `key`; before 0.4.0 there is only v0. An unknown path is a 200 whose `error` is a text."""
    keys = _names(await _json(client, f"{url}/api/v1/models"), "models", "key")
    if keys is None:
        keys = _names(await _json(client, f"{url}/api/v0/models"), "data", "id")
    return None if keys is None else Found("lmstudio", "LM Studio", url, keys, "lmstudio")


async def _ollama(client: httpx.AsyncClient, url: str) -> Found | None:
    version = await _json(client, f"{url}/api/version")
    if not isinstance(version, Mapping) or not isinstance(version.get("version"), str):
        return None
    names = _names(await _json(client, f"{url}/api/tags"), "models", "name")
    return None if names is None else Found("openai_compatible", "Ollama", f"{url}/v1", names, "ollama")


async def _llamacpp(client: httpx.AsyncClient, url: str) -> Found | None:
    """`/props` names its default settings; while a model loads, or in router mode, `/health` and the listing tell."""
    listing = await _json(client, f"{url}/v1/models")
    names = _names(listing, "data", "id")
    if names is None:
        return None
    props = await _json(client, f"{url}/props")
    has_props = isinstance(props, Mapping) and ("default_generation_settings" in props or "build_info" in props)
    if not has_props and "llamacpp" not in _owners(listing):
        return None
    return Found("openai_compatible", "llama.cpp", f"{url}/v1", names, "llamacpp")


async def _vllm(client: httpx.AsyncClient, url: str) -> Found | None:
    version = await _json(client, f"{url}/version")
    if not isinstance(version, Mapping) or not isinstance(version.get("version"), str):
        return None
    listing = await _json(client, f"{url}/v1/models")
    names = _names(listing, "data", "id")
    is_vllm = names is not None and (not names or "vllm" in _owners(listing))
    return Found("openai_compatible", "vLLM", f"{url}/v1", names or (), "vllm") if is_vllm else None


_PROBES: Mapping[str, Callable[[httpx.AsyncClient, str], Awaitable[Found | None]]] = {
    "lmstudio": _lmstudio,
    "ollama": _ollama,
    "llamacpp": _llamacpp,
    "vllm": _vllm,
}


async def _json(client: httpx.AsyncClient, url: str) -> Any:
    """The JSON of a successful answer; None for anything else, since silence and other services are what most ports hold."""
    try:
        async with client.stream("GET", url, headers={"accept": "application/json"}) as response:
            if response.status_code != 200 or "json" not in response.headers.get("content-type", ""):
                return None
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    return None
        return httpx.Response(200, content=body).json()
    except (*TRANSPORT_ERRORS, AddressNotAllowed, ValueError):
        return None


def _names(listing: Any, field: str, name: str) -> tuple[str, ...] | None:
    """The names in a listing of the shape {field: [{name: …}]}; None when it has another shape."""
    rows = listing.get(field) if isinstance(listing, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) and isinstance(row.get(name), str) for row in rows):
        return None
    return tuple(row[name] for row in rows)


def _owners(listing: Any) -> set[str]:
    return {str(row.get("owned_by")) for row in listing["data"]}
