"""Finding model servers on this machine: each usual port is asked in the words of the server that may be behind it.

A server is known by its own API, never by an open port or a status 200: LM Studio answers 200 to any path, and what
listens on port 8000 may be ourselves.
"""

from __future__ import annotations

import asyncio
import json
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
    """A server that answers now. `kind`, `display_name` and `base_url` go to provider_create as they are.

    `needs_key`: it tells its models only to those who have a key.
    """

    kind: str
    display_name: str
    base_url: str
    models: tuple[str, ...]
    preset: str
    needs_key: bool = False


@dataclass(frozen=True, slots=True)
class Answer:
    """What a port said to a GET: `body` is its JSON, None for anything else. Status 0: nobody, or no HTTP."""

    status: int
    server: str = ""
    body: Any = None

    @property
    def data(self) -> Any:
        """The JSON of a success."""
        return self.body if self.status == 200 else None

    @property
    def refusal(self) -> str:
        """Why a key is asked for; "" when none is."""
        error = self.body.get("error") if self.status == 401 and isinstance(self.body, Mapping) else None
        return str(error.get("message") or "") if isinstance(error, Mapping) else ""


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
    native = await _get(client, f"{url}/api/v1/models")
    if "LM Studio" in native.refusal:
        return Found("lmstudio", "LM Studio", url, (), "lmstudio", needs_key=True)
    keys = _names(native.data, "models", "key")
    if keys is None:
        keys = _names((await _get(client, f"{url}/api/v0/models")).data, "data", "id")
    return None if keys is None else Found("lmstudio", "LM Studio", url, keys, "lmstudio")


async def _ollama(client: httpx.AsyncClient, url: str) -> Found | None:
    if not _is_version((await _get(client, f"{url}/api/version")).data):
        return None
    names = _names((await _get(client, f"{url}/api/tags")).data, "models", "name")
    return None if names is None else Found("ollama", "Ollama", url, names, "ollama")


async def _llamacpp(client: httpx.AsyncClient, url: str) -> Found | None:
    """It signs its answers as llama.cpp; behind a proxy that does not pass that on, `/props` names its settings."""
    listing = await _get(client, f"{url}/v1/models")
    is_signed = listing.server == "llama.cpp"
    if is_signed and listing.status in (401, 503):  # a key is set, or the model is still loading
        return Found("llamacpp", "llama.cpp", f"{url}/v1", (), "llamacpp", needs_key=listing.status == 401)
    names = _names(listing.data, "data", "id")
    if names is None:
        return None
    if not is_signed and "llamacpp" not in _owners(listing.data):
        props = (await _get(client, f"{url}/props")).data
        if not isinstance(props, Mapping) or "default_generation_settings" not in props:
            return None
    return Found("llamacpp", "llama.cpp", f"{url}/v1", names, "llamacpp")


async def _vllm(client: httpx.AsyncClient, url: str) -> Found | None:
    if not _is_version((await _get(client, f"{url}/version")).data):
        return None
    listing = (await _get(client, f"{url}/v1/models")).data
    names = _names(listing, "data", "id")
    is_vllm = names is not None and (not names or "vllm" in _owners(listing))
    return Found("openai_compatible", "vLLM", f"{url}/v1", names or (), "vllm") if is_vllm else None


_PROBES: Mapping[str, Callable[[httpx.AsyncClient, str], Awaitable[Found | None]]] = {
    "lmstudio": _lmstudio,
    "ollama": _ollama,
    "llamacpp": _llamacpp,
    "vllm": _vllm,
}


async def _get(client: httpx.AsyncClient, url: str) -> Answer:
    """What answers there, whatever it is: silence and other services are what most ports hold."""
    try:
        async with client.stream("GET", url, headers={"accept": "application/json"}) as response:
            body = b""
            async for chunk in response.aiter_bytes():
                body += chunk
                if len(body) > LARGEST_ANSWER:
                    return Answer(0)
    except (*TRANSPORT_ERRORS, AddressNotAllowed):
        return Answer(0)
    return Answer(response.status_code, response.headers.get("server", ""), _json(response, body))


def _json(response: httpx.Response, body: bytes) -> Any:
    if "json" not in response.headers.get("content-type", ""):
        return None
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


def _is_version(answer: Any) -> bool:
    return isinstance(answer, Mapping) and isinstance(answer.get("version"), str)


def _names(listing: Any, field: str, name: str) -> tuple[str, ...] | None:
    """The names in a listing of the shape {field: [{name: …}]}; None when it has another shape."""
    rows = listing.get(field) if isinstance(listing, Mapping) else None
    if not isinstance(rows, list) or not all(isinstance(row, Mapping) and isinstance(row.get(name), str) for row in rows):
        return None
    return tuple(row[name] for row in rows)


def _owners(listing: Any) -> set[str]:
    return {str(row.get("owned_by")) for row in listing["data"]}
